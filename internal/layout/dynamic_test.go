package layout_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/confview"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/model"
)

// world is a small tenant as texts, by project and branch.
type world struct {
	texts map[[2]string]string
}

var worldProjects = []struct {
	name     string
	trusted  bool
	branches []string
}{
	{"acme/config", true, []string{"main"}},
	{"acme/a", false, []string{"main"}},
	{"acme/b", false, []string{"main", "stable"}},
	{"acme/c", false, []string{"main", "stable", "wip"}},
}

func (w world) tenant() *layout.Tenant {
	t := &layout.Tenant{Name: "acme", DefaultParent: "base", DefaultAnsibleVersion: "9", MaxNodesPerJob: 2, MaxJobTimeout: 1000,
		Connections: configlang.Connections{Drivers: map[string]string{"gitea": "gitea"}}}
	classes := []string{"pipeline", "job", "nodeset", "project", "project-template", "secret", "semaphore", "queue"}
	for _, p := range worldProjects {
		lp := &layout.Project{Project: model.Project{Connection: "gitea", Hostname: "git.example", Name: p.name}, Trusted: p.trusted,
			Classes: classes, DefaultBranch: "main", DefaultMergeMode: "merge"}
		for _, b := range p.branches {
			lp.Branches = append(lp.Branches, layout.Branch{Name: b, Files: w.files(p.name, b)})
		}
		t.Projects = append(t.Projects, lp)
	}
	return t
}

func (w world) files(project, branch string) []layout.File {
	text := w.texts[[2]string{project, branch}]
	if text == "" {
		return nil
	}
	return []layout.File{{Path: "zuul.yaml", File: configlang.Parse(text)}}
}

// Generators draw names from small pools, so that objects collide, shadow,
// inherit from one another, go missing and run in circles.
var (
	jobNames      = rapid.SampledFrom([]string{"base", "unit", "docs", "lint", "deploy"})
	nodeSetNames  = rapid.SampledFrom([]string{"one", "two"})
	templateNames = rapid.SampledFrom([]string{"t1", "t2"})
	secretNames   = rapid.SampledFrom([]string{"s1", "s2"})
)

func maybe(t *rapid.T, text string) string {
	if rapid.Bool().Draw(t, "with") {
		return text
	}
	return ""
}

func drawJobAttrs(t *rapid.T, indent string) string {
	var b strings.Builder
	line := func(format string, args ...any) { b.WriteString(maybe(t, indent+fmt.Sprintf(format, args...)+"\n")) }
	line("timeout: %d", rapid.IntRange(1, 1200).Draw(t, "timeout"))
	line("nodeset: %s", nodeSetNames.Draw(t, "nodeset"))
	line("vars: {x: %d}", rapid.IntRange(0, 3).Draw(t, "x"))
	line("dependencies: [%s]", jobNames.Draw(t, "dependency"))
	line("tags: %s[a%d]", maybe(t, "!override "), rapid.IntRange(0, 3).Draw(t, "tag"))
	line("voting: false")
	return b.String()
}

func drawObject(t *rapid.T, trusted bool) string {
	switch rapid.IntRange(0, 7).Draw(t, "kind") {
	case 0, 1, 2:
		var b strings.Builder
		fmt.Fprintf(&b, "- job:\n    name: %s\n", jobNames.Draw(t, "job"))
		b.WriteString(maybe(t, "    parent: "+rapid.SampledFrom([]string{"base", "unit", "docs", "gone", "null"}).Draw(t, "parent")+"\n"))
		b.WriteString(maybe(t, "    run: run.yaml\n"))
		b.WriteString(maybe(t, "    "+rapid.SampledFrom([]string{"final", "protected", "abstract"}).Draw(t, "flag")+": true\n"))
		b.WriteString(maybe(t, "    branches: "+rapid.SampledFrom([]string{"main", "stable", "."}).Draw(t, "branches")+"\n"))
		b.WriteString(maybe(t, "    secrets: ["+secretNames.Draw(t, "secret")+"]\n"))
		b.WriteString(maybe(t, "    required-projects: ["+rapid.SampledFrom([]string{"acme/a", "acme/none"}).Draw(t, "required")+"]\n"))
		return b.String() + drawJobAttrs(t, "    ")
	case 3:
		name := ""
		if trusted {
			name = maybe(t, "    name: "+rapid.SampledFrom([]string{"acme/a", "acme/b", "^acme/.*", "acme/none"}).Draw(t, "project")+"\n")
		}
		return "- project:\n" + name + maybe(t, "    templates: ["+templateNames.Draw(t, "template")+"]\n") + drawPipeline(t)
	case 4:
		return "- project-template:\n    name: " + templateNames.Draw(t, "template") + "\n" + drawPipeline(t)
	case 5:
		return fmt.Sprintf("- nodeset: {name: %s, nodes: [{name: n, label: l%d}]}\n", nodeSetNames.Draw(t, "nodeset"), rapid.IntRange(0, 2).Draw(t, "label"))
	case 6:
		return fmt.Sprintf("- secret: {name: %s, data: {v: v%d}}\n", secretNames.Draw(t, "secret"), rapid.IntRange(0, 1).Draw(t, "value"))
	}
	return rapid.SampledFrom([]string{"- semaphore: {name: x, max: 2}\n", "- queue: {name: q}\n", "- job: {name: broken, runn: x}\n", "- nonsense\n"}).Draw(t, "other")
}

func drawPipeline(t *rapid.T) string {
	var b strings.Builder
	b.WriteString("    check:\n      jobs:\n")
	for range rapid.IntRange(1, 3).Draw(t, "entries") {
		fmt.Fprintf(&b, "        - %s:\n            attempts: 2\n%s", jobNames.Draw(t, "entry"), drawJobAttrs(t, "            "))
	}
	return b.String()
}

func drawText(t *rapid.T, trusted bool) string {
	var b strings.Builder
	if trusted {
		b.WriteString("- pipeline: {name: check, manager: independent, trigger: {gitea: {event: pull_request}}}\n")
		b.WriteString(maybe(t, "- job: {name: base, parent: null, run: base.yaml}\n"))
	}
	for range rapid.IntRange(0, 5).Draw(t, "objects") {
		b.WriteString(drawObject(t, trusted))
	}
	return b.String()
}

func drawWorld(t *rapid.T) world {
	w := world{texts: map[[2]string]string{}}
	for _, p := range worldProjects {
		for _, b := range p.branches {
			w.texts[[2]string{p.name, b}] = drawText(t, p.trusted)
		}
	}
	return w
}

// picture is everything that can be seen of a layout.
func picture(t *rapid.T, l *layout.Layout) []string {
	var out []string
	for _, r := range confview.Errors(l.Errors()) {
		raw, _ := json.Marshal(r)
		out = append(out, "error "+string(raw))
	}
	slices.Sort(out)
	cache := &jobgraph.Cache{}
	for _, p := range l.Projects {
		for _, pl := range l.Pipelines() {
			for _, b := range []string{"main", "stable"} {
				if r, ok := confview.Jobs(l, cache, p, pl, b, nil); ok {
					raw, err := json.Marshal(r)
					if err != nil {
						t.Fatal(err)
					}
					out = append(out, "jobs "+string(raw))
				}
			}
		}
	}
	return out
}

// TestWithIsBuild: a layout with other files in some branches is the layout of
// a tenant that has these files.
func TestWithIsBuild(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		l := layout.Build(w.tenant())
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			p := worldProjects[rapid.IntRange(0, len(worldProjects)-1).Draw(t, "changed")]
			b := rapid.SampledFrom(p.branches).Draw(t, "branch")
			w.texts[[2]string{p.name, b}] = drawText(t, p.trusted)
			before := picture(t, l)
			next := l.With(true, layout.Change{Project: "git.example/" + p.name, Branch: b, Files: w.files(p.name, b)})
			if diff := cmp.Diff(before, picture(t, l)); diff != "" {
				t.Fatalf("the layout that was changed is another one (-before +after):\n%s", diff)
			}
			if diff := cmp.Diff(picture(t, layout.Build(w.tenant())), picture(t, next)); diff != "" {
				t.Fatalf("(-built +changed) after %s@%s became\n%s\n%s", p.name, b, w.texts[[2]string{p.name, b}], diff)
			}
			l = next
		}
	})
}

// TestProposalIsNotInForce: what is proposed for a config project changes nothing.
func TestProposalIsNotInForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		l := layout.Build(w.tenant())
		w.texts[[2]string{"acme/config", "main"}] = drawText(t, true)
		next := l.With(false, layout.Change{Project: "git.example/acme/config", Branch: "main", Files: w.files("acme/config", "main")})
		if diff := cmp.Diff(picture(t, l), picture(t, next)); diff != "" {
			t.Fatalf("(-in force +with the proposal):\n%s", diff)
		}
	})
}

func TestNewErrors(t *testing.T) {
	w := world{texts: map[[2]string]string{
		{"acme/config", "main"}: "- pipeline: {name: check, manager: independent}\n- job: {name: base, parent: null, run: x}\n",
		{"acme/a", "main"}:      "- job: {name: unit, parent: gone}\n",
		{"acme/b", "main"}:      "- job: {name: child, parent: unit, run: x}\n- job: {name: lost, parent: nobody}\n",
	}}
	l := layout.Build(w.tenant())
	for name, tc := range map[string]struct {
		project, text string
		want          []string
	}{
		"nothing new":               {"acme/a", "- job: {name: unit, parent: base}\n", nil},
		"lines move":                {"acme/b", "# a comment\n- job: {name: child, parent: unit, run: x}\n", nil},
		"its own old errors":        {"acme/b", "- job: {name: lost, parent: nobody}\n- job: {name: child, parent: unit, run: y}\n", []string{"Job nobody not defined"}},
		"it breaks another project": {"acme/a", "- job: {name: unix, parent: base}\n", []string{"Job unit not defined"}},
		"a new error":               {"acme/a", "- job: {name: unit, timeout: soon}\n", []string{"this must be a whole number, not a string", "Job unit not defined"}},
		"a warning":                 {"acme/a", "- job: {name: unit, cleanup-run: x.yaml}\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := world{texts: map[[2]string]string{{tc.project, "main"}: tc.text}}
			next := l.With(false, layout.Change{Project: "git.example/" + tc.project, Branch: "main", Files: w.files(tc.project, "main")})
			var got []string
			for _, e := range layout.NewErrors(next, l, "git.example/"+tc.project, "main") {
				got = append(got, e.Message)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
