package configlang

import (
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// occasions on which a pipeline may report, and the messages that it may set.
var (
	occasions      = []string{"start", "success", "failure", "dequeue"}
	laterOccasions = []string{"enqueue", "merge-conflict", "config-error", "no-jobs", "disabled"}
	messages       = []string{"start-message", "success-message", "failure-message", "merge-conflict-message", "footer-message"}
	laterMessages  = []string{"enqueue-message", "no-jobs-message", "dequeue-message"}
)

func (p *parser) pipeline(n *yaml.Node) Pipeline {
	pl := Pipeline{Pos: p.pos(n), Reporters: map[string][]Reporter{}, Messages: map[string]string{}}
	known := attrs{
		"name":                   p.name(&pl.Name),
		"manager":                p.oneOf(&pl.Manager, "independent", "dependent"),
		"description":            p.str(&pl.Description),
		"precedence":             p.oneOf(&pl.Precedence, "high", "normal", "low"),
		"post-review":            p.boolean(&pl.PostReview),
		"supercedes":             p.refs(&pl.Supersedes),
		"trigger":                p.perConnection(func(c string, n *yaml.Node) { pl.Triggers = append(pl.Triggers, p.trigger(c, n)) }),
		"require":                p.perConnection(func(c string, n *yaml.Node) { pl.Require = append(pl.Require, p.requirement(c, n)) }),
		"reject":                 p.perConnection(func(c string, n *yaml.Node) { pl.Reject = append(pl.Reject, p.requirement(c, n)) }),
		"window":                 integer(p, &pl.Window, 0),
		"window-floor":           integer(p, &pl.WindowFloor, 1),
		"window-ceiling":         integer(p, &pl.WindowCeiling, 1),
		"window-increase-type":   p.oneOf(&pl.WindowIncreaseType, "linear", "exponential"),
		"window-increase-factor": integer(p, &pl.WindowIncreaseFactor, 1),
		"window-decrease-type":   p.oneOf(&pl.WindowDecreaseType, "linear", "exponential"),
		"window-decrease-factor": integer(p, &pl.WindowDecreaseFactor, 1),
	}
	for _, o := range occasions {
		known[o] = p.perConnection(func(c string, n *yaml.Node) { pl.Reporters[o] = append(pl.Reporters[o], p.reporter(c, n)) })
	}
	for _, m := range messages {
		known[m] = func(n *yaml.Node) {
			var s string
			p.str(&s)(n)
			pl.Messages[m] = s
		}
	}
	unsupported := append(later{"allow-other-connections", "dequeue-on-new-patchset", "ignore-dependencies",
		"disable-after-consecutive-failures"}, append(laterOccasions, laterMessages...)...)
	before := p.failures
	p.read(n, "pipeline"+nameOf(n), known, unsupported)
	if (pl.Name == "" || pl.Manager == "") && p.failures == before {
		p.fail(pl.Pos, "", "a pipeline needs a name and a manager")
	}
	if pl.WindowCeiling != nil && pl.WindowFloor != nil && *pl.WindowCeiling < *pl.WindowFloor {
		p.fail(pl.Pos, "", "window-ceiling must not be below window-floor")
	}
	return pl
}

// perConnection reads {connection: value, ...}; a list of values is one call for each.
func (p *parser) perConnection(read func(connection string, n *yaml.Node)) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.MappingNode {
			p.fail(p.pos(n), `write "gitea: ..." with the name of a connection`, "this must be a mapping by connection")
			return
		}
		seen := map[string]bool{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			connection := key.Value
			if key.Kind != yaml.ScalarNode || seen[connection] {
				p.fail(p.pos(key), "give one list for each connection", "the connection %q is given twice, or is not a name", connection)
				continue
			}
			seen[connection] = true
			p.each(func(v *yaml.Node) { read(connection, v) })(n.Content[i+1])
		}
	}
}

// eventActions are the actions that each event of a pull-request host may have.
var eventActions = map[string][]string{
	"pull_request":        {"opened", "changed", "closed", "reopened", "comment", "labeled", "unlabeled"},
	"pull_request_review": {"submitted"},
}

func (p *parser) trigger(connection string, n *yaml.Node) Trigger {
	t := Trigger{Pos: p.pos(n), Connection: connection}
	before := p.failures
	p.read(n, "a trigger", attrs{
		"event":   p.oneOf(&t.Event, slices.Sorted(maps.Keys(eventActions))...),
		"action":  p.strings(&t.Actions),
		"branch":  p.regexps(&t.Branches),
		"comment": p.regexps(&t.Comments),
		"state":   p.strings(&t.States),
		"label":   p.strings(&t.Labels),
	}, later{"status", "check", "ref", "require", "reject", "username", "email"})
	for _, a := range t.Actions {
		if known := eventActions[t.Event]; known != nil && !slices.Contains(known, a) {
			p.fail(t.Pos, "", "the event %s has no action %q; it has: %s", t.Event, a, strings.Join(known, ", "))
		}
	}
	if t.Event == "" && p.failures == before {
		p.fail(t.Pos, "", "a trigger needs an event")
	}
	return t
}

func (p *parser) requirement(connection string, n *yaml.Node) Requirement {
	r := Requirement{Pos: p.pos(n), Connection: connection}
	p.read(n, "a requirement", attrs{
		"open":             p.optBoolean(&r.Open),
		"merged":           p.optBoolean(&r.Merged),
		"draft":            p.optBoolean(&r.Draft),
		"current-patchset": p.optBoolean(&r.CurrentPatchset),
		"label":            p.strings(&r.Labels),
		"review": p.each(func(n *yaml.Node) {
			var v Review
			p.read(n, "a review", attrs{
				"type":       p.oneOf(&v.Type, "approved", "changes_requested", "comment"),
				"username":   func(n *yaml.Node) { p.str(&v.Username)(n); p.compile(n, v.Username) },
				"permission": p.oneOf(&v.Permission, "read", "write", "admin"),
			}, later{"email", "older-than", "newer-than"})
			r.Reviews = append(r.Reviews, v)
		}),
	}, later{"status"})
	return r
}

func (p *parser) reporter(connection string, n *yaml.Node) Reporter {
	r := Reporter{Pos: p.pos(n), Connection: connection}
	if p.isNull(n) {
		return r
	}
	p.read(n, "a reporter", attrs{
		"status":  p.oneOf(&r.Status, "pending", "success", "failure"),
		"comment": p.boolean(&r.Comment),
		"merge":   p.boolean(&r.Merge),
	}, later{"check", "review", "review-body", "label", "unlabel", "status-url"})
	return r
}
