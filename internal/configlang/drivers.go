package configlang

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gozer-dev/gozer/internal/timer"
)

// role is what a connection does in a pipeline.
type role int

const (
	roleTrigger role = iota
	roleReporter
	roleRequire
	roleReject
)

func (r role) String() string {
	return [...]string{"triggers", "reporters", "requirements", "rejects"}[r]
}

// rule reads the value of one attribute.
type rule func(p *parser, n *yaml.Node, attr string) any

// schema says which attributes there are.
type schema struct {
	what string
	// empty says that no value at all is allowed.
	empty bool
	// any allows attributes that are not listed, e.g. labels of Gerrit; words
	// allows a text in place of all attributes.
	any      bool
	words    bool
	rules    map[string]rule
	required []string
	// after looks at what was read as a whole: deprecations.
	after func(p *parser, n *yaml.Node, v Values, attr string)
}

func (s *schema) read(p *parser, n *yaml.Node, attr string) Values {
	v := Values{}
	if s.empty && kindOf(n) == kindNull {
		return v
	}
	if s.words && kindOf(n) == kindString {
		return v
	}
	p.attributes(n, s.what, slices.Sorted(maps.Keys(s.rules)), s.required, func(key string, value *yaml.Node) bool {
		r := s.rules[key]
		if r == nil && s.any {
			r = anything
		}
		if r != nil {
			v[key] = r(p, value, key)
		}
		return r != nil
	})
	if s.after != nil && !p.broken {
		s.after(p, n, v, attr)
	}
	return v
}

// schemas of one driver; nil where it has none.
type schemas struct{ trigger, reporter, require, reject *schema }

func (s schemas) of(r role) (*schema, bool) {
	found := [...]*schema{s.trigger, s.reporter, s.require, s.reject}[r]
	return found, found != nil
}

// Rules of values.
func text(p *parser, n *yaml.Node, _ string) any     { return p.str(n) }
func flag(p *parser, n *yaml.Node, _ string) any     { return *p.boolean(n) }
func number(p *parser, n *yaml.Node, _ string) any   { return p.integer(n) }
func texts(p *parser, n *yaml.Node, _ string) any    { return p.strings(n) }
func anything(p *parser, n *yaml.Node, _ string) any { return p.value(n) }
func exprs(p *parser, n *yaml.Node, attr string) any { return p.matchers(n, attr) }

// expr reads an expression that is no list.
func expr(p *parser, n *yaml.Node, attr string) any {
	p.regex(n, attr)
	return n.Value
}

// pattern reads an expression that need not be RE2.
func pattern(p *parser, n *yaml.Node, _ string) any {
	p.compile(n)
	return n.Value
}

// patterns reads a list of them.
func patterns(p *parser, n *yaml.Node, _ string) any {
	var out []string
	p.each(n, func(n *yaml.Node) {
		p.compile(n)
		out = append(out, n.Value)
	})
	return out
}

var ages = regexp.MustCompile(`^\s*[+-]?[0-9]+(_[0-9]+)*\s*[smhdw]$`)

func age(p *parser, n *yaml.Node, _ string) any {
	s := p.str(n)
	if kindOf(n) == kindString && !ages.MatchString(s) {
		p.fail(posOf(n), "write a number of seconds, minutes, hours, days or weeks: 90s, 15m, 6h, 2d, 1w", "%q is not an age", Bound(s))
	}
	return s
}

// times reads when a timer comes. Zuul finds a mistake when it starts its timers,
// where only the operator sees it; here the author does.
func times(p *parser, n *yaml.Node, _ string) any {
	list := p.strings(n)
	if p.broken {
		return list
	}
	if len(list) == 0 {
		p.fail(posOf(n), `write when it comes: "0 2 * * *"`, "this must not be empty")
	}
	p.each(n, func(n *yaml.Node) {
		var wrong *timer.Error
		if _, err := timer.Parse(n.Value); errors.As(err, &wrong) {
			p.fail(posOf(n), wrong.Hint, "%s", wrong.Message)
		}
	})
	return list
}

func mappings(p *parser, n *yaml.Node, _ string) any {
	var out []map[string]any
	p.each(n, func(n *yaml.Node) {
		if kindOf(n) != kindMapping {
			p.wrong(n, "a mapping")
			return
		}
		m, _ := p.value(n).(map[string]any)
		out = append(out, m)
	})
	return out
}

func one(values ...string) rule {
	return func(p *parser, n *yaml.Node, _ string) any { return p.oneOf(n, values...) }
}

func some(values ...string) rule {
	return func(p *parser, n *yaml.Node, _ string) any {
		var out []string
		p.each(n, func(n *yaml.Node) { out = append(out, p.oneOf(n, values...)) })
		return out
	}
}

func inner(s *schema) rule {
	return func(p *parser, n *yaml.Node, attr string) any { return s.read(p, n, attr) }
}

func inners(s *schema) rule {
	return func(p *parser, n *yaml.Node, attr string) any {
		var out []Values
		p.each(n, func(n *yaml.Node) { out = append(out, s.read(p, n, attr)) })
		return out
	}
}

// driverSchemas is what pipelines may say of connections, by driver (FEATURES 4).
var driverSchemas = map[string]schemas{
	"github": {trigger: githubTrigger(), reporter: githubReporter(), require: githubRequirement, reject: githubRequirement},
	"gitea":  {trigger: giteaTrigger, reporter: giteaReporter, require: githubRequirement, reject: githubRequirement},
	"gerrit": {trigger: gerritTrigger(), reporter: gerritReporter, require: gerritRequirement, reject: gerritRequirement},
	"gitlab": {
		trigger: &schema{what: "the trigger", required: []string{"event"}, rules: map[string]rule{
			"event": some("gl_merge_request", "gl_push"), "action": texts, "comment": exprs, "ref": exprs, "labels": texts, "unlabels": texts}},
		reporter: &schema{what: "the reporter", rules: map[string]rule{"comment": flag, "approval": flag, "merge": flag, "label": texts, "unlabel": texts}},
		require:  &schema{what: "the requirement", rules: map[string]rule{"open": flag, "merged": flag, "approved": flag, "labels": texts}},
	},
	"pagure": {
		trigger: &schema{what: "the trigger", required: []string{"event"}, rules: map[string]rule{
			"event": some("pg_pull_request", "pg_pull_request_review", "pg_push"), "action": texts, "ref": exprs, "comment": exprs, "status": texts, "tag": texts}},
		reporter: pagureReporter,
		require:  &schema{what: "the requirement", rules: map[string]rule{"score": number, "open": flag, "merged": flag, "status": text, "tags": texts}},
	},
	"git": {
		trigger: &schema{what: "the trigger", required: []string{"event"}, rules: map[string]rule{"event": some("ref-updated"), "ref": exprs, "ignore-deletes": flag}},
		require: &schema{what: "the requirement"}, reject: &schema{what: "the reject"},
	},
	"timer": {trigger: &schema{what: "the trigger", required: []string{"time"}, rules: map[string]rule{"time": times, "dereference": flag, "debug": flag}}},
	"zuul": {
		trigger: &schema{what: "the trigger", required: []string{"event"}, rules: map[string]rule{
			"event": some("parent-change-enqueued", "project-change-merged", "image-build", "image-validate"), "pipeline": exprs}},
		reporter: &schema{what: "the reporter", rules: map[string]rule{"image-built": flag, "image-validated": flag}},
	},
	"smtp": {reporter: &schema{what: "the reporter", rules: map[string]rule{"to": text, "from": text, "subject": text}}},
	"mqtt": {reporter: &schema{what: "the reporter", required: []string{"topic"}, rules: map[string]rule{"topic": text, "qos": mqttQoS, "include-returned-data": flag}}},
	"elasticsearch": {reporter: &schema{what: "the reporter", empty: true, rules: map[string]rule{
		"index": text, "index-vars": flag, "index-returned-vars": flag}}},
	"sql":     {reporter: &schema{what: "the reporter", empty: true}},
	AnyDriver: {trigger: anySchema, reporter: anySchema, require: anySchema, reject: anySchema},
}

// BuiltinConnections need no settings: they are there in every tenant.
var BuiltinConnections = map[string]string{"timer": "timer", "zuul": "zuul", "sql": "sql"}

func mqttQoS(p *parser, n *yaml.Node, _ string) any {
	i := p.integer(n)
	if i < 0 || i > 2 {
		p.fail(posOf(n), "", "the quality of service is 0, 1 or 2")
	}
	return i
}

var pagureReporter = &schema{
	what:  "the reporter",
	rules: map[string]rule{"status": one("pending", "success", "failure"), "status-url": text, "comment": flag, "merge": flag},
	after: func(p *parser, n *yaml.Node, v Values, _ string) {
		if v["status-url"] != nil {
			p.warn(NamePagureStatusURL, posOf(n), "", "remove it", "The 'status-url' reporter attribute is deprecated.")
		}
	},
}

var gerritApproval = &schema{what: "an approval", any: true, rules: map[string]rule{
	"username": expr, "email": expr, "older-than": age, "newer-than": age}}

var gerritRequirement = &schema{what: "the requirement", rules: map[string]rule{
	"approval": inners(gerritApproval), "open": flag, "current-patchset": flag, "wip": flag, "hashtags": exprs, "status": texts}}

// gerritReporter takes labels. Zuul's schema allows a text too, but nothing can be made of one.
var gerritReporter = &schema{what: "the reporter", any: true}

func gerritTrigger() *schema {
	return &schema{
		what: "the trigger", required: []string{"event"},
		rules: map[string]rule{
			"event": some("patchset-created", "draft-published", "change-abandoned", "change-restored", "change-merged", "comment-added",
				"ref-updated", "pending-check", "vote-deleted", "hashtags-changed", "wip-state-changed"),
			"uuid": text, "scheme": text, "comment_filter": exprs, "comment": exprs, "email_filter": exprs, "email": exprs,
			"username_filter": exprs, "username": exprs, "branch": exprs, "ref": exprs, "ignore-deletes": flag,
			"approval": mappings, "approval-change": mappings, "require-approval": inners(gerritApproval), "reject-approval": inners(gerritApproval),
			"added": exprs, "removed": exprs, "require": inner(gerritRequirement), "reject": inner(gerritRequirement),
		},
		after: func(p *parser, n *yaml.Node, v Values, _ string) {
			if v["require-approval"] != nil {
				p.warn(NameGerritRequire, posOf(n), "require-approval", "", "The 'require-approval' trigger attribute\nis deprecated.  Use 'require' instead.")
			}
			if v["reject-approval"] != nil {
				p.warn(NameGerritReject, posOf(n), "reject-approval", "", "The 'reject-approval' trigger attribute\nis deprecated.  Use 'reject' instead.")
			}
		},
	}
}

// Drivers that pipelines may name connections of, sorted.
func Drivers() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(driverSchemas)), func(d string) bool { return d == AnyDriver })
}

// DriverNamed guesses the driver of a connection by its name, for files that
// are looked at without the tenant's connections.
func DriverNamed(name string) string {
	for _, d := range Drivers() {
		if name == d {
			return d
		}
	}
	for _, d := range []string{"github", "gitlab", "gerrit", "gitea", "pagure", "smtp", "mqtt", "elasticsearch"} {
		if strings.Contains(name, d) {
			return d
		}
	}
	return AnyDriver
}

// AnyDriver stands for one that is not known: everything may be said of it.
const AnyDriver = "any"

var anySchema = &schema{what: "the connection", any: true, words: true, empty: true}
