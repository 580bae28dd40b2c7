package layout_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/offline"
	"github.com/gozer-dev/gozer/internal/tenantfile"
	"github.com/gozer-dev/gozer/internal/testkit/corpus"
	"github.com/gozer-dev/gozer/internal/testkit/synthetic"
)

// tenants are made anew for each load: without the files, and what the files say.
type source struct {
	make func() *layout.Tenant
	// texts by project, branch and path.
	texts map[[3]string]string
	bytes int
}

func syntheticTenant(tb testing.TB) source {
	tb.Helper()
	s := source{texts: map[[3]string]string{}}
	spec := tenantfile.Tenant{Name: "acme", DefaultParent: "base", MaxNodesPerJob: 5, MaxJobTimeout: 10800}
	one := tenantfile.Source{Connection: "gitea"}
	for name, text := range synthetic.Files() {
		s.texts[[3]string{name, "main", ".zuul.yaml"}] = text
		s.bytes += len(text)
	}
	one.ConfigProjects = []tenantfile.Project{{Name: synthetic.ConfigProject, Include: tenantfile.DefaultClasses(true)}}
	for i := range synthetic.Projects {
		one.UntrustedProjects = append(one.UntrustedProjects, tenantfile.Project{Name: synthetic.Project(i), Include: tenantfile.DefaultClasses(false)})
	}
	spec.Sources = []tenantfile.Source{one}
	s.make = func() *layout.Tenant {
		t, err := layout.NewTenant(&spec, map[string]layout.Connection{"gitea": {Driver: "gitea", Hostname: "git.example"}})
		if err != nil {
			tb.Fatal(err)
		}
		for _, p := range t.Projects {
			p.Branches = []layout.Branch{{Name: "main"}}
		}
		return t
	}
	return s
}

// openstackTenant is the largest public tenant, as the offline commands read it.
func openstackTenant(tb testing.TB) source {
	tb.Helper()
	dir := corpus.Dir(tb)
	o, err := offline.Open(offline.Options{
		TenantFile: filepath.Join(dir, "corpus/openstack/project-config/zuul/main.yaml"), Connections: filepath.Join(dir, "corpus/standins/opendev.conf"),
		Roots: []string{filepath.Join(dir, "corpus"), filepath.Join(dir, "corpus/standins")},
	})
	if err != nil {
		tb.Fatal(err)
	}
	s := source{texts: map[[3]string]string{}}
	read := func() *layout.Tenant {
		t, err := o.Read("openstack")
		if err != nil {
			tb.Fatal(err)
		}
		return t
	}
	for _, p := range read().Projects {
		for _, b := range p.Branches {
			for _, f := range b.Files {
				s.texts[[3]string{p.Name, b.Name, f.Path}] = strings.Clone(f.Content)
				s.bytes += len(f.Content)
			}
		}
	}
	first := read()
	s.make = func() *layout.Tenant {
		t := *first
		t.Projects = nil
		for _, p := range first.Projects {
			bare := *p
			bare.Branches = nil
			for _, b := range p.Branches {
				bare.Branches = append(bare.Branches, layout.Branch{Name: b.Name})
			}
			t.Projects = append(t.Projects, &bare)
		}
		return &t
	}
	for _, p := range first.Projects {
		for i := range p.Branches {
			p.Branches[i].Files = nil
		}
	}
	return s
}

// load parses everything, on all processors, and builds the layout.
func (s source) load(tb testing.TB) *layout.Layout {
	tb.Helper()
	t := s.make()
	parsed := make(map[[3]string]*configlang.File, len(s.texts))
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for key, text := range s.texts {
		group.Go(func() error {
			f := configlang.Parse(text)
			mu.Lock()
			defer mu.Unlock()
			parsed[key] = f
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		tb.Fatal(err)
	}
	byBranch := map[[2]string][]layout.File{}
	for _, key := range slices.SortedFunc(maps.Keys(parsed), func(a, b [3]string) int { return strings.Compare(a[2], b[2]) }) {
		at := [2]string{key[0], key[1]}
		byBranch[at] = append(byBranch[at], layout.File{Path: key[2], File: parsed[key]})
	}
	for _, p := range t.Projects {
		for i := range p.Branches {
			p.Branches[i].Files = byBranch[[2]string{p.Name, p.Branches[i].Name}]
		}
	}
	return layout.Build(t)
}

var sources = map[string]func(testing.TB) source{"synthetic501": syntheticTenant, "openstack": openstackTenant}

// BenchmarkColdLoad reads a tenant from nothing: parse, bind, settle, check.
func BenchmarkColdLoad(b *testing.B) {
	for name, of := range sources {
		b.Run(name, func(b *testing.B) {
			s := of(b)
			b.SetBytes(int64(s.bytes))
			b.ReportAllocs()
			var l *layout.Layout
			for b.Loop() {
				l = s.load(b)
			}
			runtime.GC()
			debug.FreeOSMemory()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			_, _, jobs := l.Counts()
			b.ReportMetric(float64(jobs), "jobs")
			b.ReportMetric(float64(m.HeapAlloc)/1e6, "heap-MB")
			b.ReportMetric(resident(b), "rss-MB")
			runtime.KeepAlive(l)
		})
	}
}

// resident is the memory of this process in MB, with everything that the test itself holds.
func resident(tb testing.TB) float64 {
	tb.Helper()
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		tb.Fatal(err)
	}
	var size, pages int
	if _, err := fmt.Sscan(string(raw), &size, &pages); err != nil {
		tb.Fatal(err)
	}
	return float64(pages*os.Getpagesize()) / 1e6
}

// BenchmarkLayout puts files that are parsed together.
func BenchmarkLayout(b *testing.B) {
	for name, of := range sources {
		b.Run(name, func(b *testing.B) {
			t := of(b).load(b).Tenant
			b.ReportAllocs()
			for b.Loop() {
				layout.Build(t)
			}
		})
	}
}

// BenchmarkDynamicLayout is what a change to one file costs, its parsing included.
func BenchmarkDynamicLayout(b *testing.B) {
	for name, edited := range map[string]struct {
		project, path, job string
	}{
		"synthetic501": {synthetic.Project(250), ".zuul.yaml", synthetic.Job(250, 5)},
		"openstack":    {"openstack/nova", ".zuul.yaml", "nova-grenade-multinode"},
	} {
		s := sources[name](b)
		l := s.load(b)
		p := l.ProjectNamed(edited.project)
		key := [3]string{p.Name, p.Branches[0].Name, edited.path}
		text, line := s.texts[key], "    name: "+edited.job+"\n"
		if !strings.Contains(text, line) {
			b.Fatalf("%s of %s has no %q", edited.path, p.Name, line)
		}
		for kind, changed := range map[string]string{
			"changed": strings.Replace(text, line, line+"    attempts: 2\n", 1),
			"added":   text + "\n- job:\n    name: one-more\n    run: one.yaml\n",
			"removed": strings.Replace(text, line, "    name: renamed\n", 1),
		} {
			b.Run(name+"/"+kind, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					f := layout.File{Path: edited.path, File: configlang.Parse(changed)}
					l.With(false, layout.Change{Project: p.Canonical(), Branch: key[1], Files: []layout.File{f}})
				}
			})
		}
	}
}

// BenchmarkFreeze makes every job graph of a tenant, with nothing known before.
func BenchmarkFreeze(b *testing.B) {
	for name, of := range sources {
		b.Run(name, func(b *testing.B) {
			l := of(b).load(b)
			graphs, jobs := 0, 0
			b.ReportAllocs()
			for b.Loop() {
				graphs, jobs = freezeAll(l)
			}
			b.ReportMetric(float64(graphs), "graphs")
			b.ReportMetric(float64(jobs), "jobs")
		})
	}
}

func freezeAll(l *layout.Layout) (graphs, jobs int) {
	cache := &jobgraph.Cache{}
	for _, p := range l.Projects {
		for _, pl := range l.Pipelines() {
			g, err := jobgraph.Freeze(l, jobgraph.Input{
				Pipeline: pl.Name, PostReview: pl.PostReview, AllFiles: true, Cache: cache,
				Changes: []jobgraph.Change{{Project: p.Project, Ref: layout.Ref{Branch: p.Branches[0].Name}}},
			})
			if g.Takes || err != nil {
				graphs++
			}
			jobs += len(g.Jobs)
		}
	}
	return graphs, jobs
}

// TestSyntheticIsWell keeps the benchmark honest: it measures a tenant without errors.
func TestSyntheticIsWell(t *testing.T) {
	s := syntheticTenant(t)
	l := s.load(t)
	projects, pipelines, jobs := l.Counts()
	if projects != synthetic.Projects+1 || pipelines != 2 || jobs != synthetic.Jobs || len(l.Errors()) > 0 {
		t.Errorf("%d projects, %d pipelines, %d jobs, errors %v", projects, pipelines, jobs, l.Errors())
	}
	if s.bytes < 2_100_000 || s.bytes > 2_250_000 {
		t.Errorf("%d bytes of configuration, want 2.16 MB", s.bytes)
	}
}
