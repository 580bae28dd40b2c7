package jobgraph_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/model"
)

const hostname = "git.example"

// tenant has a config project, and acme/web with a second branch.
func tenant(config, web, stable, lib string) *layout.Layout {
	t := &layout.Tenant{Name: "acme", DefaultParent: "base", DefaultAnsibleVersion: "9", MaxNodesPerJob: 5, MaxJobTimeout: 10800,
		Connections: configlang.Connections{Drivers: map[string]string{"gitea": "gitea"}}}
	classes := []string{"pipeline", "job", "nodeset", "project", "project-template", "secret", "semaphore", "queue"}
	add := func(name string, trusted bool, branches ...string) {
		p := &layout.Project{Project: model.Project{Connection: "gitea", Hostname: hostname, Name: name}, Trusted: trusted, Classes: classes, DefaultBranch: "main"}
		for i, text := range branches {
			b := layout.Branch{Name: []string{"main", "stable"}[i]}
			if text != "" {
				b.Files = []layout.File{{Path: ".zuul.yaml", File: configlang.Parse(text)}}
			}
			p.Branches = append(p.Branches, b)
		}
		t.Projects = append(t.Projects, p)
	}
	add("acme/config", true, pipelines+config)
	if stable == "" {
		add("acme/web", false, web)
	} else {
		add("acme/web", false, web, stable)
	}
	add("acme/lib", false, lib)
	return layout.Build(t)
}

const pipelines = `
- pipeline: {name: check, manager: independent}
- pipeline: {name: gate, manager: dependent, post-review: true}
- job: {name: base, parent: null, pre-run: base/pre.yaml, post-run: base/post.yaml, timeout: 100, vars: {a: 1, deep: {x: 1, y: 2}}}
`

func change(name, branch string, files ...string) jobgraph.Change {
	return jobgraph.Change{Project: model.Project{Connection: "gitea", Hostname: hostname, Name: name}, Ref: layout.Ref{Branch: branch}, Files: files}
}

func check(changes ...jobgraph.Change) jobgraph.Input {
	return jobgraph.Input{Pipeline: "check", Changes: changes}
}

// names of the jobs, with what is asked of each behind them.
func names(g jobgraph.Graph, more ...func(*jobgraph.Job) string) string {
	var out []string
	for _, j := range g.Jobs {
		s := j.Name
		for _, m := range more {
			s += " " + m(j)
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

func paths(list []jobgraph.Playbook) string {
	var out []string
	for _, p := range list {
		out = append(out, fmt.Sprintf("%s/%d", p.Path, p.NestingLevel))
	}
	return strings.Join(out, ",")
}

func playbooks(j *jobgraph.Job) string {
	return "pre " + paths(j.PreRun) + " run " + paths(j.Run) + " post " + paths(j.PostRun)
}

func variables(j *jobgraph.Job) string { return fmt.Sprint(j.Vars) }

// TestFreeze has a case for each rule of FEATURES 2.5 and 2.6 that a single change shows.
func TestFreeze(t *testing.T) {
	for name, tc := range map[string]struct {
		config, web, stable, lib string
		in                       jobgraph.Input
		show                     func(*jobgraph.Job) string
		want, err                string
	}{
		"playbooks nest": {
			web: "- job: {name: unit, pre-run: u/pre.yaml, run: [u/1.yaml, u/2.yaml], post-run: [u/p1.yaml, u/p2.yaml]}\n- project: {check: {jobs: [unit]}}\n",
			in:  check(change("acme/web", "main")), show: playbooks,
			want: "unit pre base/pre.yaml/0,u/pre.yaml/1 run u/1.yaml/1,u/2.yaml/1 post u/p1.yaml/1,u/p2.yaml/1,base/post.yaml/0"},
		"variables merge, the project's lie below": {
			config: "- project-template: {name: t, vars: {p: t, q: t}, check: {jobs: [unit]}}\n",
			web:    "- job: {name: unit, run: x, vars: {deep: {y: 3}}}\n- project: {templates: [t], vars: {q: p, a: p}}\n",
			in:     check(change("acme/web", "main")), show: variables, want: "unit map[a:1 deep:map[x:1 y:3] p:t q:p]"},
		"variables replaced": {
			web: "- job: {name: unit, run: x, vars: !override {b: 1}}\n- project: {check: {jobs: [unit]}}\n",
			in:  check(change("acme/web", "main")), show: variables, want: "unit map[b:1]"},
		"a variant for another branch": {
			web: "- job: {name: unit, run: x}\n- job: {name: unit, timeout: 7, branches: stable}\n- project: {check: {jobs: [unit]}}\n",
			in:  check(change("acme/web", "main")), show: func(j *jobgraph.Job) string { return fmt.Sprint(*j.Timeout) }, want: "unit 100"},
		"implied branches": {
			web: "- job: {name: unit, run: x}\n- project: {check: {jobs: [unit]}}\n", stable: "- job: {name: unit, run: y}\n- project: {check: {jobs: [unit]}}\n",
			in: check(change("acme/web", "stable")), show: playbooks, want: "unit pre base/pre.yaml/0 run y/1 post base/post.yaml/0"},
		"override-checkout chooses the variants": {
			web: "- job: {name: unit, run: x}\n- project: {check: {jobs: [{unit: {override-checkout: stable}}]}}\n", stable: "- job: {name: unit, run: y}\n",
			in: check(change("acme/web", "main")), show: playbooks, want: "unit pre base/pre.yaml/0 run y/1 post base/post.yaml/0"},
		"a tag": {
			web: "- job: {name: unit, run: x}\n- job: {name: tagged, run: x, branches: refs/tags}\n- project: {branches: refs/tags, check: {jobs: [unit, tagged]}}\n", stable: "- queue: {name: q}\n",
			in: check(jobgraph.Change{Project: change("acme/web", "").Project, Ref: layout.Ref{Name: "refs/tags/v1"}}), want: "tagged"},
		"a tag on a branch": {
			web: "- job: {name: unit, run: x}\n- project: {check: {jobs: [unit]}}\n", stable: "- queue: {name: q}\n",
			in: check(jobgraph.Change{Project: change("acme/web", "").Project, Ref: layout.Ref{Name: "refs/tags/v1", Containing: []string{"main"}}}), want: "unit"},
		"no run playbook":     {web: "- job: {name: unit}\n- project: {check: {jobs: [unit]}}\n", in: check(change("acme/web", "main")), err: "Job unit does not specify a run playbook"},
		"abstract":            {web: "- job: {name: unit, run: x, abstract: true}\n- project: {check: {jobs: [unit]}}\n", in: check(change("acme/web", "main")), err: "Job unit is abstract and may not be directly run"},
		"abstract parent":     {web: "- job: {name: up, run: x, abstract: true}\n- job: {name: unit, parent: up}\n- project: {check: {jobs: [unit]}}\n", in: check(change("acme/web", "main")), want: "unit"},
		"intermediate parent": {web: "- job: {name: up, run: x, abstract: true, intermediate: true}\n- job: {name: mid, parent: up, abstract: true}\n- job: {name: unit, parent: mid}\n- project: {check: {jobs: [unit]}}\n", in: check(change("acme/web", "main")), want: "unit"},
		"final":               {web: "- job: {name: unit, run: x, final: true}\n- project: {check: {jobs: [{unit: {timeout: 5}}]}}\n", in: check(change("acme/web", "main")), err: "Unable to modify final job <Job unit "},
		"final, reported otherwise": {
			web: "- job: {name: unit, run: x, final: true}\n- project: {check: {jobs: [{unit: {voting: false, files: x}}]}}\n", in: check(change("acme/web", "main")), want: "unit"},
		"a final attribute":    {web: "- job: {name: unit, run: x, vars: {a: 2}, attribute-control: {vars: {final: true}}}\n- project: {check: {jobs: [{unit: {vars: {a: 3}}}]}}\n", in: check(change("acme/web", "main")), err: "final attribute vars"},
		"protected":            {config: "- job: {name: up, parent: base, run: x, protected: true}\n", web: "- project: {check: {jobs: [{up: {timeout: 5}}]}}\n", in: check(change("acme/web", "main")), err: "is protected and cannot be inherited"},
		"not allowed":          {config: "- job: {name: up, run: x, allowed-projects: acme/lib}\n", web: "- project: {check: {jobs: [up]}}\n", in: check(change("acme/web", "main")), err: "Project acme/web is not allowed to run job up"},
		"attached by trust":    {config: "- job: {name: up, run: x, allowed-projects: acme/lib}\n- project: {name: acme/web, check: {jobs: [up]}}\n", in: check(change("acme/web", "main")), want: "up"},
		"post-review":          {web: "- job: {name: unit, run: x, post-review: true}\n- project: {check: {jobs: [unit]}}\n", in: check(change("acme/web", "main")), err: "Pre-review pipeline check does not allow post-review job unit"},
		"a secret means that":  {web: "- secret: {name: s, data: {k: v}}\n- job: {name: unit, run: x, secrets: s}\n- project: {check: {jobs: [unit]}}\n", in: check(change("acme/web", "main")), err: "does not allow post-review job unit"},
		"a secret of no one":   {lib: "- secret: {name: s, data: {k: v}}\n", web: "- job: {name: unit, run: x, secrets: s, post-review: true}\n- project: {check: {jobs: [unit]}}\n", in: check(change("acme/web", "main")), err: "Secret s not found"},
		"passed to a stranger": {config: "- secret: {name: s, data: {k: v}}\n- job: {name: up, parent: unit, run: y, secrets: {name: s, secret: s, pass-to-parent: true}}\n", web: "- job: {name: unit, run: x}\n- project: {check: {jobs: [up]}}\n", in: check(change("acme/web", "main")), err: "does not allow post-review job up"},
		"passed to the trusted": {config: "- secret: {name: s, data: {k: v}}\n- job: {name: up, run: y, secrets: {name: s, secret: s, pass-to-parent: true}}\n- project: {name: acme/web, check: {jobs: [up]}}\n", in: check(change("acme/web", "main")),
			show: func(j *jobgraph.Job) string { return fmt.Sprint(len(j.PreRun[0].Secrets), len(j.Run[0].Secrets)) }, want: "up 1 1"},
		"a missing dependency": {web: "- job: {name: unit, run: x, dependencies: docs}\n- job: {name: docs, run: x}\n- project: {check: {jobs: [unit]}}\n", in: check(change("acme/web", "main")), err: "Job unit depends on docs which was not run."},
		"a soft one":           {web: "- job: {name: unit, run: x, dependencies: {name: docs, soft: true}}\n- job: {name: docs, run: x}\n- project: {check: {jobs: [unit]}}\n", in: check(change("acme/web", "main")), want: "unit"},
		"a soft one of nobody": {web: "- job: {name: unit, run: x, dependencies: {name: gone, soft: true}}\n- project: {check: {jobs: [unit]}}\n", in: check(change("acme/web", "main")), err: "Job gone not defined"},
		"a cycle":              {web: "- job: {name: a, run: x, dependencies: b}\n- job: {name: b, run: x, dependencies: a}\n- project: {check: {jobs: [a, b]}}\n", in: check(change("acme/web", "main")), err: "Dependency cycle detected in job a"},
		"semaphore twice":      {config: "- job: {name: up, run: {name: x, semaphores: s}}\n", web: "- job: {name: unit, parent: up, semaphores: s}\n- project: {check: {jobs: [unit]}}\n", in: check(change("acme/web", "main")), err: "Semaphore s of job"},
		"no template":          {web: "- project: {templates: [gone], check: {jobs: [noop]}}\n", in: check(change("acme/web", "main")), err: "Project template gone not found"},
		"a parent of nobody":   {web: "- job: {name: unit, parent: gone, run: x}\n- project: {check: {jobs: [unit, noop]}}\n", in: check(change("acme/web", "main")), want: "noop"},
		"noop":                 {web: "- project: {check: {jobs: [noop]}}\n", in: check(change("acme/web", "main")), show: playbooks, want: "noop pre  run  post "},
		"files":                {web: files, in: check(change("acme/web", "main", "docs/a")), want: "docs; all"},
		"other files":          {web: files, in: check(change("acme/web", "main", "src/a")), want: "unit; all"},
		"irrelevant files":     {web: files, in: check(change("acme/web", "main", "skip/a", "skip/b")), want: ""},
		"the commit message":   {web: files, in: check(change("acme/web", "main", "/COMMIT_MSG")), want: "unit; docs; all"},
		"needed all the same":  {web: "- job: {name: up, run: x, files: src}\n- job: {name: unit, run: x, files: docs, dependencies: up}\n- project: {check: {jobs: [up, unit]}}\n", in: check(change("acme/web", "main", "docs/a")), want: "up; unit"},
		"nothing attached":     {web: "- job: {name: unit, run: x}\n", in: check(change("acme/web", "main")), want: ""},
		"the same template twice": {
			config: "- project-template: {name: t, check: {jobs: [{unit: {tags: [t]}}]}}\n- project: {name: acme/web, templates: [t]}\n",
			web:    "- job: {name: unit, run: x}\n- project: {templates: [t]}\n", in: check(change("acme/web", "main")),
			show: func(j *jobgraph.Job) string { return fmt.Sprint(len(j.Path)) }, want: "unit 3"},
		"nodesets to try": {
			config: "- nodeset: {name: a, nodes: {name: n, label: l1}}\n- nodeset: {name: both, alternatives: [a, {nodes: {name: n, label: l2}}]}\n",
			web:    "- job: {name: unit, run: x, nodeset: both}\n- project: {check: {jobs: [unit]}}\n", in: check(change("acme/web", "main")),
			show: func(j *jobgraph.Job) string { return j.NodeSets[0].Nodes[0].Label + " " + j.NodeSets[1].Nodes[0].Label }, want: "unit l1 l2"},
	} {
		t.Run(name, func(t *testing.T) {
			l := tenant(tc.config, tc.web, tc.stable, tc.lib)
			g, err := jobgraph.Freeze(l, tc.in)
			if (err != nil) != (tc.err != "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Fatalf("error %v, want %q; the configuration has %v", err, tc.err, l.Errors())
			}
			if err != nil {
				return
			}
			show := []func(*jobgraph.Job) string{}
			if tc.show != nil {
				show = append(show, tc.show)
			}
			if diff := cmp.Diff(tc.want, names(g, show...)); diff != "" {
				t.Errorf("(-want +got):\n%s\nthe configuration has %v", diff, l.Errors())
			}
		})
	}
}

const files = `
- job: {name: unit, run: x, files: src/.*}
- job: {name: docs, run: x, files: docs/.*}
- job: {name: all, run: x, irrelevant-files: skip/.*}
- project: {check: {jobs: [unit, docs, all]}}
`

// TestChangedJobRuns: a change to a job's own configuration runs it, whatever files it is for.
func TestChangedJobRuns(t *testing.T) {
	web := func(text string) *layout.Layout { return tenant("", text, "", "") }
	before := web("- job: {name: unit, run: x, files: src/.*}\n- job: {name: docs, run: x, files: docs/.*}\n- project: {check: {jobs: [unit, docs]}}\n")
	for name, tc := range map[string]struct{ text, want string }{
		"its body":       {"- job: {name: unit, run: y, files: src/.*}\n- job: {name: docs, run: x, files: docs/.*}\n- project: {check: {jobs: [unit, docs]}}\n", "unit"},
		"its files only": {"- job: {name: unit, run: x, files: lib/.*}\n- job: {name: docs, run: x, files: docs/.*}\n- project: {check: {jobs: [unit, docs]}}\n", ""},
		"a new one":      {"- job: {name: unit, run: x, files: src/.*}\n- job: {name: docs, run: x, files: docs/.*}\n- job: {name: more, run: x, files: z}\n- project: {check: {jobs: [unit, docs, more]}}\n", "more"},
		"not wanted":     {"- job: {name: unit, run: y, files: src/.*, match-on-config-updates: false}\n- job: {name: docs, run: x, files: docs/.*}\n- project: {check: {jobs: [unit, docs]}}\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			in := check(change("acme/web", "main", ".zuul.yaml"))
			in.Ahead = before
			g, err := jobgraph.Freeze(web(tc.text), in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, names(g)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestDeduplicate: equal jobs of a cycle's changes run once, where they may.
func TestDeduplicate(t *testing.T) {
	covers := func(j *jobgraph.Job) string { return fmt.Sprint(append([]int{j.Change}, j.Others...)) }
	for name, tc := range map[string]struct{ attrs, want string }{
		"one project each":  {"", "shared [0]; shared [1]"},
		"required projects": {"required-projects: [acme/web, acme/lib]", "shared [1 0]"},
		"always":            {"deduplicate: true", "shared [1 0]"},
		"never":             {"deduplicate: false, required-projects: [acme/web]", "shared [0]; shared [1]"},
	} {
		t.Run(name, func(t *testing.T) {
			config := "- job: {name: shared, run: x, parent: base, " + tc.attrs + "}\n"
			config = strings.Replace(config, ", }", "}", 1)
			l := tenant(config, "- project: {check: {jobs: [shared]}}\n", "", "- project: {check: {jobs: [shared]}}\n")
			in := check(change("acme/web", "main"), change("acme/lib", "main"))
			in.Triggering = 1
			g, err := jobgraph.Freeze(l, in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, names(g, covers)); diff != "" {
				t.Errorf("(-want +got):\n%s; %v", diff, l.Errors())
			}
		})
	}
}

// TestCacheIsShared: many freeze at once with one cache, and nobody's job is changed by another's.
func TestCacheIsShared(t *testing.T) {
	l := tenant("- job: {name: up, run: x, tags: [up], vars: {deep: {z: 1}}}\n",
		"- job: {name: unit, parent: up, run: x}\n- project: {vars: {mine: web}, check: {jobs: [{unit: {tags: [web], vars: {deep: {w: 1}}}}]}}\n", "",
		"- project: {vars: {mine: lib}, check: {jobs: [{unit: {tags: [lib], required-projects: [acme/web]}}]}}\n")
	show := []func(*jobgraph.Job) string{variables, func(j *jobgraph.Job) string { return fmt.Sprint(j.Tags, len(j.Path)) }}
	want := map[string]string{}
	for _, p := range []string{"acme/web", "acme/lib"} {
		g, err := jobgraph.Freeze(l, check(change(p, "main")))
		if err != nil {
			t.Fatal(err)
		}
		want[p] = names(g, show...)
	}
	cache := &jobgraph.Cache{}
	var wg sync.WaitGroup
	for range 8 {
		for p := range want {
			wg.Go(func() {
				in := check(change(p, "main"))
				in.Cache = cache
				g, err := jobgraph.Freeze(l, in)
				if got := names(g, show...); err != nil || got != want[p] {
					t.Errorf("%s: %v %s, want %s", p, err, got, want[p])
				}
			})
		}
	}
	wg.Wait()
}

func TestOverrides(t *testing.T) {
	l := tenant(`
- job:
    name: unit
    parent: null
    run: ci/test.sh
    override-checkout: v1
    required-projects: [{name: acme/lib, override-checkout: stable, override-branch: old}, acme/web]
- project: {name: acme/web, check: {jobs: [unit]}}
`, "", "", "")
	g, err := jobgraph.Freeze(l, check(change("acme/web", "main")))
	if err != nil {
		t.Fatal(err, l.Errors())
	}
	for name, want := range map[string][]string{"acme/lib": {"stable", "old", "v1"}, "acme/web": {"", "", "v1"}, "acme/other": {"v1"}} {
		if got := g.Jobs[0].Overrides(model.Project{Hostname: "git.example", Name: name}); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestRunnable(t *testing.T) {
	for name, tc := range map[string]struct{ attrs, want string }{
		"a script":       {"", ""},
		"Ansible":        {"run: x.yaml", ""},
		"no node":        {"nodeset: {nodes: []}", "has no node to run its scripts on"},
		"only Ansible":   {"run: x.yaml, nodeset: {nodes: []}, host-vars: {n: {a: 1}}, cleanup-run: y.yaml", ""},
		"semaphores":     {"semaphores: s", ""},
		"of a playbook":  {"run: {name: ci/test.sh, semaphores: s}", ""},
		"host variables": {"host-vars: {n: {a: 1}}", "has extra-vars, host-vars or group-vars, and no Ansible playbook"},
		"other checkout": {"required-projects: {name: acme/lib, override-checkout: x}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			attrs := []string{"name: unit", "parent: null"}
			if !strings.Contains(tc.attrs, "nodeset:") {
				attrs = append(attrs, "nodeset: {nodes: {name: n, label: l}}")
			}
			if !strings.HasPrefix(tc.attrs, "run:") {
				attrs = append(attrs, "run: ci/test.sh")
			}
			attrs = slices.DeleteFunc(append(attrs, tc.attrs), func(s string) bool { return s == "" })
			l := tenant("- job: {"+strings.Join(attrs, ", ")+"}\n- project: {name: acme/web, check: {jobs: [unit, noop]}}\n", "", "", "")
			g, err := jobgraph.Freeze(l, check(change("acme/web", "main")))
			if err != nil {
				t.Fatal(err, l.Errors())
			}
			err = jobgraph.Runnable(g.Jobs)
			if (err != nil) != (tc.want != "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}

// cleanup-run is an older way to say post-run with cleanup: a playbook of it
// comes before those of definitions that are nearer to the base job.
func TestCleanupRunsAfter(t *testing.T) {
	j := &jobgraph.Job{
		PostRun:    []jobgraph.Playbook{{Path: "child.yaml", NestingLevel: 2}, {Path: "base.yaml", NestingLevel: 0, Cleanup: true}},
		CleanupRun: []jobgraph.Playbook{{Path: "tidy-child.yaml", NestingLevel: 2}, {Path: "tidy-parent.yaml", NestingLevel: 1}, {Path: "tidy-base.yaml", NestingLevel: 0}},
	}
	var got []string
	for _, p := range j.After() {
		got = append(got, fmt.Sprintf("%s %t", p.Path, p.Cleanup))
	}
	want := []string{"child.yaml false", "tidy-child.yaml true", "tidy-parent.yaml true", "base.yaml true", "tidy-base.yaml true"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if len(j.PostRun) != 2 {
		t.Error("the job was changed")
	}
}
