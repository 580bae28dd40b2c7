package configlang

import (
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"
)

// Occasions on which a pipeline may report.
var Occasions = []string{"enqueue", "start", "success", "failure", "merge-conflict", "config-error", "no-jobs", "disabled", "dequeue"}

// Messages that a pipeline may set.
var Messages = []string{"enqueue-message", "start-message", "success-message", "failure-message", "merge-conflict-message",
	"no-jobs-message", "dequeue-message", "footer-message"}

// Managers of pipelines.
var Managers = []string{"independent", "dependent", "serial", "supercedent"}

// Pipeline is a workflow (Zuul: pipeline). What it says of connections is
// understood by Bind, when it is known which connections there are.
type Pipeline struct {
	Name                  string
	Pos                   Pos
	Manager               string
	Description           string
	Precedence            string // "high", "normal", "low"
	PostReview            bool
	AllowOtherConnections bool
	DequeueOnNewPatchset  bool
	IgnoreDependencies    bool
	Supersedes            []string
	Messages              map[string]string
	DisableAfterFailures  *int64
	// RetryFailed is Gozer's own: how often a failed voting build is run again.
	RetryFailed *int64
	// RetryBothOutcomes is Gozer's own: until then, those behind are tested on both outcomes.
	RetryBothOutcomes bool
	// ReuseResults is Gozer's own: a build whose inputs did not change is kept.
	ReuseResults bool
	// Rescue is Gozer's own: a change that failed may be rescued by one behind it.
	Rescue bool
	// Expedite is Gozer's own: an urgent change passes those that wait.
	Expedite             bool
	Window, WindowFloor  *int64
	WindowCeiling        *int64 // nil is none
	WindowIncreaseType   string
	WindowDecreaseType   string
	WindowIncreaseFactor *int64
	WindowDecreaseFactor *int64
	trigger, require     []raw
	reject               []raw
	reporters            map[string][]raw
}

// raw is what a pipeline says of one connection.
type raw struct {
	connection string
	key, value *yaml.Node
}

var pipelineAttrs = slices.Concat([]string{"name", "manager", "description", "precedence", "post-review", "allow-other-connections", "dequeue-on-new-patchset",
	"ignore-dependencies", "supercedes", "disable-after-consecutive-failures", "retry-failed", "retry-both-outcomes", "reuse-results", "rescue", "expedite", "window", "window-floor", "window-ceiling", "window-increase-type",
	"window-increase-factor", "window-decrease-type", "window-decrease-factor", "trigger", "require", "reject"}, Occasions, Messages)

func (p *parser) pipeline(n *yaml.Node) *Pipeline {
	pl := &Pipeline{Pos: p.stanza.Pos, Precedence: "normal", AllowOtherConnections: true, DequeueOnNewPatchset: true,
		Messages: map[string]string{}, reporters: map[string][]raw{}}
	p.attributes(n, "the pipeline", pipelineAttrs, []string{"name", "manager"}, func(key string, v *yaml.Node) bool {
		switch {
		case slices.Contains(Occasions, key):
			pl.reporters[key] = p.perConnection(v)
		case slices.Contains(Messages, key):
			pl.Messages[key] = p.str(v)
		default:
			return p.pipelineAttr(pl, key, v) || p.window(pl, key, v)
		}
		return true
	})
	if pl.WindowCeiling != nil && *pl.WindowCeiling < value(pl.WindowFloor, 3) && !p.broken {
		p.fail(posOf(n), "", "Pipeline window-ceiling may not be less than window-floor")
	}
	return pl
}

func value[T any](v *T, otherwise T) T {
	if v != nil {
		return *v
	}
	return otherwise
}

func (p *parser) pipelineAttr(pl *Pipeline, key string, v *yaml.Node) bool {
	switch key {
	case "name":
		pl.Name = p.name(v)
	case "manager":
		pl.Manager = p.oneOf(v, Managers...)
	case "description":
		pl.Description = p.str(v)
	case "precedence":
		pl.Precedence = p.oneOf(v, "high", "normal", "low")
	case "post-review":
		pl.PostReview = *p.boolean(v)
	case "allow-other-connections":
		pl.AllowOtherConnections = *p.boolean(v)
	case "dequeue-on-new-patchset":
		pl.DequeueOnNewPatchset = *p.boolean(v)
	case "ignore-dependencies":
		pl.IgnoreDependencies = *p.boolean(v)
	case "supercedes":
		pl.Supersedes = p.strings(v)
	case "reuse-results":
		pl.ReuseResults = *p.boolean(v)
	case "retry-both-outcomes":
		pl.RetryBothOutcomes = *p.boolean(v)
	case "rescue":
		pl.Rescue = *p.boolean(v)
	case "expedite":
		pl.Expedite = *p.boolean(v)
	case "retry-failed":
		pl.RetryFailed = p.atLeast(v, 0)
	case "disable-after-consecutive-failures":
		pl.DisableAfterFailures = p.atLeast(v, 1)
	case "trigger":
		pl.trigger = p.perConnection(v)
	case "require":
		pl.require = p.perConnection(v)
	case "reject":
		pl.reject = p.perConnection(v)
	default:
		return false
	}
	return true
}

func (p *parser) window(pl *Pipeline, key string, v *yaml.Node) bool {
	switch key {
	case "window":
		pl.Window = p.atLeast(v, 0)
	case "window-floor":
		pl.WindowFloor = p.atLeast(v, 1)
	case "window-ceiling":
		if kindOf(v) != kindNull {
			pl.WindowCeiling = p.atLeast(v, 1)
		}
	case "window-increase-type":
		pl.WindowIncreaseType = p.oneOf(v, "linear", "exponential")
	case "window-increase-factor":
		pl.WindowIncreaseFactor = p.atLeast(v, 1)
	case "window-decrease-type":
		pl.WindowDecreaseType = p.oneOf(v, "linear", "exponential")
	case "window-decrease-factor":
		pl.WindowDecreaseFactor = p.atLeast(v, 1)
	default:
		return false
	}
	return true
}

// perConnection reads {connection: value, ...}.
func (p *parser) perConnection(n *yaml.Node) []raw {
	if kindOf(n) != kindMapping {
		p.fail(posOf(n), `write "gitea: ..." with the name of a connection`, "this must be a mapping by connection, not %s", kindNames[kindOf(n)])
		return nil
	}
	var out []raw
	for i := 0; i+1 < len(n.Content); i += 2 {
		out = append(out, raw{connection: p.str(n.Content[i]), key: n.Content[i], value: n.Content[i+1]})
	}
	return out
}

// Connections are those that pipelines may name.
type Connections struct {
	// Drivers by the name of the connection.
	Drivers map[string]string
	// Triggers and Reporters that the tenant allows; nil allows all.
	Triggers, Reporters []string
}

// Conf is what a pipeline says of one connection, by the rules of its driver.
type Conf struct {
	Connection, Driver string
	Pos                Pos
	// Values by attribute: string, bool, int64, []string, []Matcher, map[string]any,
	// or Values and []Values of an inner mapping.
	Values Values
}

// Values are attributes that a driver's schema allows.
type Values map[string]any

// BoundPipeline is a pipeline whose connections are known.
type BoundPipeline struct {
	*Pipeline
	Triggers, Require, Reject []Conf
	Reporters                 map[string][]Conf
	// Connections that it names, sorted.
	Connections []string
}

// Bind understands what the pipeline says of connections. ok is false if it has
// an error; warnings come beside.
func (pl *Pipeline) Bind(c Connections) (bound *BoundPipeline, problems []Problem, ok bool) {
	p := &parser{file: &File{}, stanza: Stanza{Kind: "pipeline", Name: pl.Name, Pos: pl.Pos}}
	b := &BoundPipeline{Pipeline: pl, Reporters: map[string][]Conf{}}
	seen := map[string]bool{}
	section := func(role role, attr string, allowed []string, list []raw) []Conf {
		var out []Conf
		for _, r := range list {
			seen[r.connection] = true
			out = append(out, p.conf(c, role, attr, allowed, r)...)
		}
		return out
	}
	for _, o := range Occasions {
		if confs := section(roleReporter, o, c.Reporters, pl.reporters[o]); confs != nil {
			b.Reporters[o] = confs
		}
	}
	b.Require = section(roleRequire, "require", nil, pl.require)
	b.Reject = section(roleReject, "reject", nil, pl.reject)
	b.Triggers = section(roleTrigger, "trigger", c.Triggers, pl.trigger)
	b.Connections = slices.Sorted(maps.Keys(seen))
	return b, p.file.Problems, !p.broken
}

// Named are the connections that the pipeline names.
func (pl *Pipeline) Named() []string {
	names := map[string]bool{}
	lists := [][]raw{pl.trigger, pl.require, pl.reject}
	for _, l := range pl.reporters {
		lists = append(lists, l)
	}
	for _, l := range lists {
		for _, r := range l {
			names[r.connection] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// conf reads what is said of one connection, once for each entry of its list.
func (p *parser) conf(c Connections, r role, attr string, allowed []string, from raw) []Conf {
	driver, known := c.Drivers[from.connection]
	s, can := driverSchemas[driver].of(r)
	switch {
	case !known:
		p.fail(posOf(from.key), didYouMean(from.connection, slices.Sorted(maps.Keys(c.Drivers))), "there is no connection %q", brief(from.connection))
		return nil
	case !can:
		p.fail(posOf(from.key), "", "the connection %q (%s) has no %s", from.connection, driver, r)
		return nil
	case allowed != nil && !slices.Contains(allowed, from.connection):
		p.failAs(NameUnknownConnection, posOf(from.key), "the tenant does not allow it here", "Unknown connection named %q.", from.connection)
		return nil
	}
	var out []Conf
	read := func(n *yaml.Node) {
		out = append(out, Conf{Connection: from.connection, Driver: driver, Pos: posOf(n), Values: s.read(p, n, attr)})
	}
	p.each(from.value, read)
	return out
}
