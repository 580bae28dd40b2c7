package layout_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/tenantfile"
)

// FuzzBuild looks for configuration that a layout does not survive: a trusted
// project and an untrusted one with two branches, and a change to the latter.
func FuzzBuild(f *testing.F) {
	for _, c := range goldenCases(f) {
		texts := [3]string{goldenStandard}
		for at, files := range c.files {
			i := 0
			if !strings.Contains(at.project, "config") {
				i = 1
			}
			for _, file := range goldenFiles(files) {
				if file.Content != goldenStandard {
					texts[i] += file.Content
				}
			}
		}
		for _, files := range c.changes {
			for _, file := range goldenFiles(files) {
				texts[2] += file.Content
			}
		}
		f.Add(texts[0], texts[1], texts[2])
	}
	f.Fuzz(func(t *testing.T, trusted, untrusted, change string) {
		tenant := fuzzTenant(t, trusted, untrusted)
		l := layout.Build(tenant)
		was := fuzzErrors(l)
		fuzzFreeze(l, nil)
		web := tenant.Projects[1]
		for _, p := range tenant.Projects {
			same := l.With(true, layout.Change{Project: p.Canonical(), Branch: "main", Files: p.Branches[0].Files})
			if diff := cmp.Diff(was, fuzzErrors(same)); diff != "" {
				t.Errorf("the same files of %s give other errors (-built +with):\n%s", p.Name, diff)
			}
			if p.Trusted {
				continue
			}
			if told := layout.NewErrors(same, l, "another", "main"); len(told) > 0 {
				t.Errorf("nothing changed, but an error is new: %v", told[0])
			}
		}
		files := []layout.File{{Path: ".zuul.yaml", File: configlang.Parse(change)}}
		next := l.With(false, layout.Change{Project: web.Canonical(), Branch: "main", Files: files})
		fuzzFreeze(next, l)
		layout.NewErrors(next, l, web.Canonical(), "main")
		other := fuzzTenant(t, trusted, untrusted)
		other.Projects[1].Branches[0].Files = files
		if diff := cmp.Diff(fuzzErrors(layout.Build(other)), fuzzErrors(next)); diff != "" {
			t.Errorf("the changed layout has other errors than one that is built (-built +changed):\n%s", diff)
		}
		if diff := cmp.Diff(was, fuzzErrors(l)); diff != "" {
			t.Errorf("the layout was changed by the one that was made of it:\n%s", diff)
		}
	})
}

func fuzzTenant(t *testing.T, trusted, untrusted string) *layout.Tenant {
	spec := &tenantfile.Tenant{Name: "acme", DefaultParent: "base", MaxNodesPerJob: 2, MaxJobTimeout: 10800, Sources: []tenantfile.Source{{
		Connection:        "gerrit",
		ConfigProjects:    []tenantfile.Project{{Name: "acme/config", Include: tenantfile.AllClasses()}},
		UntrustedProjects: []tenantfile.Project{{Name: "acme/web", Include: tenantfile.AllClasses(), ConfigureProjects: []string{"acme/a.*"}}, {Name: "acme/api"}},
	}}}
	tenant, err := layout.NewTenant(spec, goldenConnections)
	if err != nil {
		t.Fatal(err)
	}
	tenant.Projects[0].Branches = []layout.Branch{{Name: "main", Files: goldenFiles(map[string]string{"zuul.yaml": trusted})}}
	tenant.Projects[1].Branches = []layout.Branch{
		{Name: "main", Files: goldenFiles(map[string]string{".zuul.yaml": untrusted})},
		{Name: "stable", Files: goldenFiles(map[string]string{".zuul.yaml": untrusted, "zuul.d/x.yaml": trusted})},
	}
	tenant.Projects[2].Branches = []layout.Branch{{Name: "main"}}
	return tenant
}

// fuzzErrors are the errors as people read them, in their order.
func fuzzErrors(l *layout.Layout) []string {
	var out []string
	for _, e := range l.Errors() {
		var b strings.Builder
		goldenError(&b, e)
		out = append(out, b.String()+e.Error())
	}
	return out
}

// fuzzFreeze asks for the jobs of every project in every pipeline.
func fuzzFreeze(l, ahead *layout.Layout) {
	cache := &jobgraph.Cache{}
	for _, pl := range l.Pipelines() {
		var changes []jobgraph.Change
		for _, p := range l.Projects {
			l.QueueName(p.Project, "main")
			l.MergeMode(p.Canonical())
			c := jobgraph.Change{Project: p.Project, Ref: layout.Ref{Branch: "main"}, Files: []string{"src/a"}}
			changes = append(changes, c)
			for _, ref := range []layout.Ref{{Branch: "stable"}, {Name: "refs/tags/v1", Containing: []string{"main"}}} {
				c.Ref = ref
				fuzzJobs(l, jobgraph.Input{Pipeline: pl.Name, PostReview: pl.PostReview, Changes: []jobgraph.Change{c}, Ahead: ahead, Cache: cache})
			}
		}
		fuzzJobs(l, jobgraph.Input{Pipeline: pl.Name, PostReview: true, Changes: changes, Ahead: ahead})
	}
}

func fuzzJobs(l *layout.Layout, in jobgraph.Input) {
	g, err := jobgraph.Freeze(l, in)
	if err != nil {
		return
	}
	for _, j := range g.Jobs {
		goldenAttrs(j, true)
	}
	_ = jobgraph.Runnable(g.Jobs)
}
