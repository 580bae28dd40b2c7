package layout

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/model"
)

const common = `
- pipeline: {name: check, manager: independent}
- job: {name: base, parent: null, pre-run: pre.sh}
- project-template: {name: t, check: {jobs: [noop, gone]}}
`

// tenant of one config project and n others of so many jobs.
func tenant(n, jobs int) Tenant {
	t := Tenant{Name: "acme", DefaultParent: "base", MaxNodesPerJob: 5, MaxJobTimeout: -1}
	t.Projects = append(t.Projects, project("acme/config", true, common))
	for i := range n {
		t.Projects = append(t.Projects, project(fmt.Sprint("acme/p", i), false, content(i, jobs)))
	}
	return t
}

func content(i, jobs int) string {
	text, list := "", ""
	for j := range jobs {
		text += fmt.Sprintf("- job: {name: j%d-%d, run: ci/%d.sh, timeout: 600, files: [src/.*], vars: {a: {b: [1, 2]}}}\n", i, j, j)
		list += fmt.Sprintf("j%d-%d, ", i, j)
	}
	return text + "- project: {templates: [gone, t], check: {jobs: [" + list + "missing, noop]}}\n"
}

func project(name string, trusted bool, content string) Project {
	p := model.Project{Connection: "git", Hostname: "git", Name: name}
	return Project{Project: p, Trusted: trusted, DefaultBranch: "main", Branches: []Branch{{Name: "main", Files: []*configlang.Source{
		{Project: p.Canonical(), Branch: "main", Path: ".zuul.yaml", Content: content},
	}}}}
}

// What was parsed is shared: a layout must not change it for the next one.
func TestBuildIsAFunctionOfTheFiles(t *testing.T) {
	describe := func(l *Layout) (out []string) {
		for _, e := range l.Errors {
			out = append(out, e.Error())
		}
		for _, p := range l.tenant.Projects {
			jobs, _, _ := l.ProjectJobs(p.Project, "main", "check")
			for _, j := range jobs {
				out = append(out, p.Name+" "+j.Name)
			}
		}
		return out
	}
	want := describe(Build(tenant(3, 2)))
	if len(want) != 7+3*4 {
		t.Fatalf("%d lines: %v", len(want), want)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 5 {
				l := Build(tenant(3, 2))
				if diff := cmp.Diff(want, describe(l)); diff != "" {
					t.Errorf("the same files gave another layout (-first +later):\n%s", diff)
				}
				if errs := NewErrors(l, Build(tenant(3, 2))); len(errs) != 0 {
					t.Errorf("new errors: %v", errs)
				}
			}
		})
	}
	wg.Wait()
}

func TestClassesThatAreLoaded(t *testing.T) {
	all := "- job: {name: j, run: a.sh}\n- nodeset: {name: n}\n- queue: {name: q}\n- project: {check: {jobs: [noop]}}\n- project-template: {name: t}\n- pipeline: {name: p, manager: independent}\n"
	tests := map[string]struct {
		classes []string
		want    string
	}{
		"all":     {nil, "jobs 1 nodesets 1 queues 1 stanzas 1 templates 1 pipelines 1"},
		"nothing": {[]string{}, "jobs 0 nodesets 0 queues 0 stanzas 0 templates 0 pipelines 0"},
		"some":    {[]string{"job", "queue"}, "jobs 1 nodesets 0 queues 1 stanzas 0 templates 0 pipelines 0"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p := project("acme/config", true, all)
			p.Classes = tc.classes
			l := Build(Tenant{Projects: []Project{p}, MaxNodesPerJob: -1, MaxJobTimeout: -1})
			got := fmt.Sprintf("jobs %d nodesets %d queues %d stanzas %d templates %d pipelines %d",
				len(l.jobs), len(l.nodeSets), len(l.queues), len(l.stanzas), len(l.templates), len(l.Pipelines))
			if diff := cmp.Diff(tc.want, got); diff != "" || len(l.Errors) > 0 {
				t.Errorf("(-want +got):\n%s\n%v", diff, l.Errors)
			}
		})
	}
}

// BenchmarkLayout builds the speculative layout of a change to one file: the others are parsed already.
func BenchmarkLayout(b *testing.B) {
	t := tenant(200, 5)
	Build(t)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		t.Projects[101] = project("acme/p100", false, content(100, 5)+fmt.Sprintf("# %d\n", i))
		if l := Build(t); len(l.jobs) != 1001 {
			b.Fatalf("%d jobs", len(l.jobs))
		}
	}
}
