//go:build !race

package layout_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/layout"
)

// numbered puts n pieces together.
func numbered(n int, piece func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(piece(i))
	}
	return b.String()
}

func lines(n int, format string, times int) string {
	return numbered(n, func(i int) string {
		args := make([]any, times)
		for k := range args {
			args[k] = i + k
		}
		return fmt.Sprintf(format+"\n", args...)
	})
}

const inCheck = "- project: {check: {jobs: [%s]}}\n"

// hostileLayouts are files of an untrusted project that want time or memory of
// whoever puts them together, what is wrong with them, and what the project
// then gets; "" is for nothing, or for jobs.
var hostileLayouts = map[string]struct{ content, want, frozen string }{
	"a chain of parents":      {lines(8_000, "- job: {name: j%d, parent: j%d}", 2) + fmt.Sprintf(inCheck, "j0"), "Job j8000 not defined", "more definitions"},
	"a ring of parents":       {lines(8_000, "- job: {name: j%d, parent: j%d}", 2) + "- job: {name: j8000, parent: j0}\n" + fmt.Sprintf(inCheck, "j0"), "is its own ancestor", "more definitions"},
	"a small ring of parents": {"- job: {name: a, parent: b, run: a}\n- job: {name: b, parent: a}\n" + fmt.Sprintf(inCheck, "a"), "is its own ancestor", ""},
	"variants of two parents each": {numbered(60, func(i int) string {
		return fmt.Sprintf("- job: {name: j%d, parent: j%d}\n- job: {name: j%d, parent: k%d}\n- job: {name: k%d, parent: j%d}\n", i, i+1, i, i+1, i, i+1)
	}) + "- job: {name: j60, run: a}\n- job: {name: k60, run: a}\n" + fmt.Sprintf(inCheck, "j0"), "", ""},
	"variants of one job":        {lines(12_000, "- job: {name: j, run: x%d}", 1) + fmt.Sprintf(inCheck, "j"), "", "more definitions"},
	"variants that all nest":     {lines(400, "- job: {name: j, pre-run: [p%d, q%d], tags: [t%d]}", 3) + "- job: {name: j, run: a}\n" + fmt.Sprintf(inCheck, "j"), "", ""},
	"children of one job":        {"- job: {name: j, run: a}\n" + lines(12_000, "- job: {name: k%d, parent: j}", 1), "", ""},
	"children of many variants":  {lines(5_000, "- job: {name: j, timeout: %d}", 1) + lines(5_000, "- job: {name: k%d, parent: j}", 1), "", ""},
	"parents that are not there": {lines(12_000, "- job: {name: j%d, parent: n%d}", 2), "not defined", ""},
	"a dependency on itself":     {"- job: {name: a, run: a, dependencies: a}\n" + fmt.Sprintf(inCheck, "a"), "", "Dependency cycle detected"},
	"a ring of dependencies":     {lines(4000, "- job: {name: j%d, run: a, dependencies: j%d}", 2) + "- job: {name: j4000, run: a, dependencies: j0}\n" + fmt.Sprintf(inCheck, numbered(4001, func(i int) string { return fmt.Sprintf("j%d, ", i) })), "", "Dependency cycle detected"},
	"a chain of dependencies":    {lines(4000, "- job: {name: j%d, run: a, dependencies: j%d}", 2) + "- job: {name: j4000, run: a}\n" + fmt.Sprintf(inCheck, numbered(4001, func(i int) string { return fmt.Sprintf("j%d, ", i) })), "", ""},
	"all depend on all before": {numbered(300, func(i int) string {
		return fmt.Sprintf("- job: {name: j%d, run: a, dependencies: [%s]}\n", i, numbered(i, func(k int) string { return fmt.Sprintf("j%d, ", k) }))
	}) + fmt.Sprintf(inCheck, numbered(300, func(i int) string { return fmt.Sprintf("j%d, ", i) })), "", ""},
	"soft dependencies on nothing":    {"- job: {name: a, run: a, dependencies: [" + numbered(4900, func(i int) string { return fmt.Sprintf("{name: n%d, soft: true}, ", i) }) + "]}\n" + fmt.Sprintf(inCheck, "a"), "not defined", "not defined"},
	"a chain of nodesets":             {lines(5_000, "- nodeset: {name: n%d, alternatives: [n%d]}", 2), "alternatives", ""},
	"a ring of nodesets":              {lines(5_000, "- nodeset: {name: n%d, alternatives: [n%d]}", 2) + "- nodeset: {name: n20000, alternatives: [n0]}\n", "alternatives", ""},
	"nodesets that double":            {lines(60, "- nodeset: {name: n%d, alternatives: [n%d, {nodes: []}, m%[1]d]}", 2) + lines(60, "- nodeset: {name: m%d, alternatives: [n%d]}", 2) + "- nodeset: {name: n60, nodes: []}\n", "Nodeset cycle detected", ""},
	"a nodeset of many alternatives":  {"- nodeset: {name: a, alternatives: [" + numbered(4900, func(i int) string { return fmt.Sprintf("{nodes: [{name: n%d, label: l}]}, ", i) }) + "]}\n", "more than 100 alternatives", ""},
	"stanzas that all add a variant":  {"- job: {name: j, run: a}\n" + lines(8_000, "- project: {check: {jobs: [j: {timeout: %d}]}}", 1), "", ""},
	"stanzas that all use a template": {"- project-template: {name: t, check: {jobs: [none]}}\n" + strings.Repeat("- project: {templates: [t]}\n", 8_000), "Job none not defined", ""},
	"templates with errors":           {lines(4900, "- project-template: {name: t%d, check: {jobs: [none]}}", 1) + "- project: {templates: [" + numbered(4900, func(i int) string { return fmt.Sprintf("t%d, ", i) }) + "]}\n", "Job none not defined", ""},
	"one template many times":         {strings.Repeat("- project-template: {name: t, check: {jobs: [noop]}}\n", 5_000) + strings.Repeat("- project: {templates: [t]}\n", 20), "", ""},
	"many jobs in one list":           {lines(4900, "- job: {name: j%d, run: a}", 1) + fmt.Sprintf(inCheck, numbered(4900, func(i int) string { return fmt.Sprintf("j%d, ", i) })), "", ""},
	"doubled objects":                 {lines(12_000, "- secret: {name: s, data: {a: %d}}", 1), "already defined", ""},
	"queues":                          {lines(12_000, "- queue: {name: q%d}", 1) + "- project: {queue: q5, check: {}}\n", "", ""},
	"expressions for a file":          {"- job: {name: j, run: a, files: [" + numbered(4900, func(i int) string { return fmt.Sprintf("'f%d(a|b)*c', ", i) }) + "]}\n" + fmt.Sprintf(inCheck, "j"), "", ""},
	"deep variables, often": {numbered(400, func(i int) string {
		return fmt.Sprintf("- job: {name: j, run: a, vars: {%s k%d: v%s}}\n", strings.Repeat("d: {", 20), i, strings.Repeat("}", 20))
	}) + fmt.Sprintf(inCheck, "j"), "", ""},
	"many variables, often": {numbered(400, func(i int) string {
		return fmt.Sprintf("- job: {name: j, run: a, vars: {%s}}\n", numbered(100, func(k int) string { return fmt.Sprintf("k%d_%d: v, ", i, k) }))
	}) + fmt.Sprintf(inCheck, "j"), "", "more definitions"},
	"projects that are not there":    {"- job: {name: j, run: a, required-projects: [" + numbered(4900, func(i int) string { return fmt.Sprintf("p%d, ", i) }) + "]}\n", "Project Not Found", ""},
	"stanzas that are not allowed":   {lines(12_000, "- project: {name: acme/config, check: {jobs: [j%d]}}", 1), "the only project definition permitted", ""},
	"pipelines that are not allowed": {lines(12_000, "- pipeline: {name: p%d, manager: independent}", 1), "Pipelines may not be defined", ""},
	"labels that are not there":      {lines(8_000, "- label: {name: l%d, image: i, flavor: f}", 1), "unknown image", ""},
	"a chain of sections":            {lines(5_000, "- section: {name: s%d, parent: s%d}", 2), "The section", ""},
	"a ring of sections":             {lines(90, "- section: {name: s%d, parent: s%d}", 2) + "- section: {name: s90, parent: s0}\n", "is its own ancestor", ""},
	"providers of a long chain":      {lines(2_000, "- section: {name: s%d, parent: s%d, images: [a]}", 2) + "- section: {name: s2000}\n" + lines(2_000, "- provider: {name: p%d, section: s0}", 1), "builds on more than 100 others", ""},
	"providers of many sections":     {lines(99, "- section: {name: s%d, parent: s%d, images: [a]}", 2) + "- section: {name: s99}\n" + lines(2_000, "- provider: {name: p%d, section: s0}", 1), "which is not defined", ""},
}

// TestHostileLayouts builds layouts of files that want time and memory, freezes
// jobs, and changes a little. What is allocated says what it costs; a clock
// would only say how busy the machine is.
func TestHostileLayouts(t *testing.T) {
	for name, tc := range hostileLayouts {
		t.Run(name, func(t *testing.T) {
			tenant := fuzzTenant(t, goldenStandard, "")
			files := goldenFiles(map[string]string{".zuul.yaml": tc.content})
			tenant.Projects[1].Branches = []layout.Branch{{Name: "main", Files: files}}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			l := layout.Build(tenant)
			got := frozenText(l)
			l = l.With(false, layout.Change{Project: tenant.Projects[1].Canonical(), Branch: "main", Files: files})
			again := frozenText(l)
			runtime.ReadMemStats(&after)
			// Twice what two layouts of plain jobs and two errors for each take: a
			// file that makes it worse than linear is far above.
			if allocated, most := after.TotalAlloc-before.TotalAlloc, uint64(64<<20+1000*len(tc.content)); allocated > most {
				t.Errorf("a file of %d bytes allocated %d MB; at most %d are fine", len(tc.content), allocated>>20, most>>20)
			}
			errs := l.Errors()
			if len(errs) > 2100 {
				t.Errorf("%d errors", len(errs))
			}
			found := tc.want == "" && len(errs) == 0
			for _, e := range errs {
				found = found || tc.want != "" && strings.Contains(e.Name+e.Message, tc.want)
			}
			if !found {
				t.Errorf("wanted %q, got %d errors: %v", tc.want, len(errs), errs[:min(3, len(errs))])
			}
			if !strings.Contains(got, tc.frozen) || got != again {
				t.Errorf("wanted %q, got %.300s, and after a change %.300s", tc.frozen, got, again)
			}
		})
	}
}

// frozenText is the jobs of the project, or why there are none.
func frozenText(l *layout.Layout) string {
	g, err := jobgraph.Freeze(l, jobgraph.Input{Pipeline: "check", Changes: []jobgraph.Change{
		{Project: l.Projects[1].Project, Ref: layout.Ref{Branch: "main"}, Files: []string{"src/a"}}}})
	if err != nil {
		return err.Error()
	}
	text := "jobs:"
	for _, j := range g.Jobs {
		text += " " + j.Name
	}
	return text
}
