package layout_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/tenantfile"
)

// problems loads one file of a config project, and says what is wrong with it:
// severity, stanza, name, attribute and name of the problem.
func problems(t *testing.T, text string) []string {
	t.Helper()
	spec := tenantfile.Tenant{Name: "acme", DefaultParent: "base", MaxNodesPerJob: 5, MaxJobTimeout: 10800, Sources: []tenantfile.Source{{
		Connection: "gerrit", ConfigProjects: []tenantfile.Project{{Name: "config", Include: tenantfile.DefaultClasses(true)}}}}}
	tenant, err := layout.NewTenant(&spec, map[string]layout.Connection{
		"gerrit": {Driver: "gerrit", Hostname: "review.example"}, "github": {Driver: "github", Hostname: "github.com"}})
	if err != nil {
		t.Fatal(err)
	}
	tenant.Projects[0].Branches = []layout.Branch{{Name: "master", Files: []layout.File{{Path: "zuul.yaml", File: configlang.Parse(text)}}}}
	var out []string
	for _, e := range layout.Build(tenant).Errors() {
		out = append(out, fmt.Sprintf("%s %s %q %q %q", e.Severity, e.Stanza.Kind, e.Stanza.Name, e.Attr, e.Name))
	}
	return out
}

// TestAsZuul has configurations whose errors were compared with Zuul's.
func TestAsZuul(t *testing.T) {
	const secrets = "- secret: {name: api-key, data: {a: b}}\n- secret: {name: zuul, data: {a: b}}\n"
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"a secret's own name is no variable", secrets + "- job: {name: base, parent: null, run: r.yaml, secrets: api-key}\n",
			[]string{`error job "base" "" ""`}},
		{"a secret by another name is one", secrets + "- job: {name: base, parent: null, run: r.yaml, secrets: [{name: api_key, secret: api-key}]}\n", nil},
		{"a secret that would hide what the gate sets", secrets + "- job: {name: base, parent: null, run: r.yaml, secrets: zuul}\n",
			[]string{`error job "base" "" ""`}},
		{"a secret that no playbook gets", secrets + "- job: {name: base, parent: null, secrets: api-key}\n", nil},
		{"the user of an approval is an expression",
			"- pipeline: {name: gate, manager: dependent, require: {gerrit: {approval: [{username: '^(?!bot)', Verified: 1}]}}}\n",
			[]string{`warning pipeline "gate" "username" "Regex Deprecation"`}},
		{"the address of an approval is an expression",
			"- pipeline: {name: gate, manager: dependent, reject: {gerrit: {approval: {email: '('}}}}\n",
			[]string{`error pipeline "gate" "" ""`}},
		{"how old an approval may be", "- pipeline: {name: gate, manager: dependent, require: {gerrit: {approval: [{older-than: 2 days}]}}}\n",
			[]string{`error pipeline "gate" "" ""`}},
		{"approvals with an age", "- pipeline: {name: gate, manager: dependent, require: {gerrit: {approval: [{older-than: 48h, newer-than: 1w}]}}}\n", nil},
		{"the user of a review is an expression", "- pipeline: {name: gate, manager: dependent, require: {github: {review: [{username: '('}]}}}\n",
			[]string{`error pipeline "gate" "" ""`}},
		{"the user of a review need not be RE2", "- pipeline: {name: gate, manager: dependent, require: {github: {review: [{username: '^(?!bot)', older-than: 2d}]}}}\n", nil},
		{"an approval is a mapping", "- pipeline: {name: gate, manager: dependent, require: {gerrit: {approval: Verified}}}\n",
			[]string{`error pipeline "gate" "" ""`}},
		{"what is reported to Gerrit is a mapping", "- pipeline: {name: gate, manager: dependent, success: {gerrit: Verified}}\n",
			[]string{`error pipeline "gate" "" ""`}},
		{"question marks within brackets", "- job: {name: base, parent: null, run: r.yaml, branches: [^(?!stable).*$, v?], vars: {a: b?c, d: 'e?'}}\n",
			[]string{`warning job "base" "branches" "Regex Deprecation"`}},
		{"noop as a parent", "- job: {name: base, parent: noop}\n- job: {name: child, secrets: []}\n", nil},
		{"a project by what is not RE2", "- project: {name: ^(?!legacy), vars: {a: 1}}\n", []string{`error project "^(?!legacy)" "" ""`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := problems(t, c.text); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestQuestionMarksStay(t *testing.T) {
	f := configlang.Parse("# why?\n- job: {name: a, parent: null, vars: {a: b?c, ? d : 'e?', f: [g?, \"h?\"]}, failure-message: |-\n    really?\n  }\n")
	if len(f.Problems) == 0 {
		t.Error("a block within brackets is no YAML")
	}
	f = configlang.Parse("# why?\n- job: {name: a, parent: null, vars: {a: b?c, ? d : 'e?', f: [g?, \"h?\"]}}\n- job:\n    name: b\n    description: |\n      really?\n")
	if len(f.Problems) > 0 || len(f.Jobs) != 2 {
		t.Fatalf("problems %+v", f.Problems)
	}
	if got, want := fmt.Sprint(f.Jobs[0].Vars), "map[a:b?c d:e? f:[g? h?]]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
