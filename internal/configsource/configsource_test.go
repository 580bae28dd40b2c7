package configsource

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/merger"
	"github.com/gozer-dev/gozer/internal/model"
)

// repos is a merger that has files only: by project, branch and path. A commit
// is "branch" or "branch~n", so that it names what it has.
type repos struct {
	merger.Merger
	branches map[string]merger.BranchList
	files    map[string]map[string]string // project@commit
	away     error

	mu    sync.Mutex
	reads []string
}

func (r *repos) Branches(_ context.Context, p model.Project) (merger.BranchList, error) {
	return r.branches[p.Name], r.away
}

func (r *repos) Files(_ context.Context, req merger.FilesRequest) (merger.FilesResult, error) {
	if r.away != nil {
		return merger.FilesResult{}, r.away
	}
	key := req.Project.Name + "@" + req.Commit
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads = append(r.reads, key)
	var out merger.FilesResult
	for path, content := range r.files[key] {
		if path == "too-large.yaml" {
			out.Errors = append(out.Errors, content)
			continue
		}
		out.Files = append(out.Files, merger.File{Path: path, Content: content})
	}
	return out, nil
}

type connections map[string]layout.Connection

func (c connections) Connections(context.Context, string) (map[string]layout.Connection, error) {
	return c, nil
}

const pipelines = `
- pipeline: {name: check, manager: independent, trigger: {gitea: {event: pull_request}}}
- job: {name: base, parent: null}
`

// setting is a tenant with a config project and one that has several branches.
func setting() (*Loader, *repos, *gozer.Tenant) {
	r := &repos{
		branches: map[string]merger.BranchList{
			"acme/config": {Default: "main", Heads: map[string]string{"main": "c1", "other": "c9"}},
			"acme/web":    {Default: "main", Heads: map[string]string{"main": "w1", "stable": "s1", "wip/x": "x1", "old": "o1"}},
		},
		files: map[string]map[string]string{
			"acme/config@c1": {"zuul.yaml": pipelines},
			"acme/config@c2": {"zuul.yaml": pipelines + "- job: {name: proposed, parent: base}\n- job: {name: broken, parent: nobody}\n"},
			"acme/web@w1":    {".zuul.yaml": "- job: {name: unit, run: ci/test.sh}\n- project: {check: {jobs: [unit]}}\n"},
			"acme/web@w2":    {".zuul.yaml": "- job: {name: unit, run: ci/test.sh}\n- job: {name: more, run: ci/more.sh}\n- project: {check: {jobs: [unit, more]}}\n"},
			"acme/web@s1":    {".zuul.yaml": "- job: {name: stable-unit, run: ci/test.sh}\n"},
			"acme/web@x1":    {".zuul.yaml": "- job: {name: wip, run: ci/test.sh}\n"},
			"acme/web@o1":    {".zuul.yaml": "- job: {name: old, run: ci/test.sh}\n"},
		},
	}
	t := &gozer.Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "acme"}, Spec: gozer.TenantSpec{Sources: []gozer.TenantSource{{
		Connection:        "gitea",
		ConfigProjects:    []gozer.TenantProject{{Name: "acme/config"}},
		UntrustedProjects: []gozer.TenantProject{{Name: "acme/web", ExcludeBranches: []string{"old"}, AlwaysDynamicBranches: []string{"wip/.*"}}},
	}}}}
	return &Loader{Merger: r, Hosts: connections{"gitea": {Driver: "gitea", Hostname: "git.example"}}}, r, t
}

func names(t *testing.T, heads []gozer.ConfigHead) []string {
	t.Helper()
	var out []string
	for _, h := range heads {
		out = append(out, strings.TrimPrefix(h.Project, "git.example/")+"@"+h.Branch+"="+h.Commit)
	}
	return out
}

// defined lists which of the jobs there are.
func defined(c *Config, jobs ...string) []string {
	return slices.DeleteFunc(jobs, func(j string) bool { return !c.Defined(j) })
}

func TestHeads(t *testing.T) {
	l, r, tenant := setting()
	heads, err := l.Heads(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"acme/config@main=c1", "acme/web@main=w1", "acme/web@stable=s1"}, names(t, heads)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	tenant.Spec.Sources[0].ConfigProjects[0].LoadBranch = "other"
	tenant.Spec.Sources[0].UntrustedProjects[0].IncludeBranches = &[]string{"old|main"}
	heads, err = l.Heads(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"acme/config@other=c9", "acme/web@main=w1", "acme/web@old=o1"}, names(t, heads)); diff != "" {
		t.Errorf("with other settings (-want +got):\n%s", diff)
	}
	r.away = errors.New("the host is away")
	if _, err := l.Heads(t.Context(), tenant); err == nil || !strings.Contains(err.Error(), "branches of acme/") {
		t.Errorf("a host that is away: %v", err)
	}
}

func TestOverlays(t *testing.T) {
	all := []string{"unit", "more", "stable-unit", "wip", "old", "proposed"}
	web := func(branch, commit string) Overlay {
		return Overlay{Project: "git.example/acme/web", Branch: branch, Commit: commit}
	}
	config := Overlay{Project: "git.example/acme/config", Branch: "main", Commit: "c2"}
	checked := config
	checked.EvenTrusted = true
	for name, tc := range map[string]struct {
		overlays []Overlay
		want     []string
		errors   int
	}{
		"in force":                         {nil, []string{"unit", "stable-unit"}, 0},
		"a proposal":                       {[]Overlay{web("main", "w2")}, []string{"unit", "more", "stable-unit"}, 0},
		"the same commit":                  {[]Overlay{web("main", "w1")}, []string{"unit", "stable-unit"}, 0},
		"a dynamic branch":                 {[]Overlay{web("wip/x", "x1")}, []string{"unit", "stable-unit", "wip"}, 0},
		"an excluded branch":               {[]Overlay{web("old", "o1")}, []string{"unit", "stable-unit"}, 0},
		"a config project is not in force": {[]Overlay{config}, []string{"unit", "stable-unit"}, 0},
		"a config project that is checked": {[]Overlay{checked}, []string{"unit", "stable-unit", "proposed"}, 1},
		"a project of another tenant":      {[]Overlay{{Project: "git.example/else", Branch: "main", Commit: "w2"}}, []string{"unit", "stable-unit"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			l, _, tenant := setting()
			heads, err := l.Heads(t.Context(), tenant)
			if err != nil {
				t.Fatal(err)
			}
			c, err := l.Layout(t.Context(), tenant, heads, tc.overlays)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, defined(c, slices.Clone(all)...)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got := len(c.Errors()); got != tc.errors {
				t.Errorf("%d errors, want %d: %v", got, tc.errors, c.Errors())
			}
			again, err := l.Layout(t.Context(), tenant, heads, tc.overlays)
			if err != nil || again != c {
				t.Errorf("the same question has another answer: %v", err)
			}
		})
	}
}

// TestReadOnce: what did not change is neither fetched nor parsed again.
func TestReadOnce(t *testing.T) {
	l, r, tenant := setting()
	heads, err := l.Heads(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Layout(t.Context(), tenant, heads, nil); err != nil {
		t.Fatal(err)
	}
	reads, parses := len(r.reads), l.parsed.misses
	// A push that brings a commit with the same content, and one with another.
	r.files["acme/web@s2"], r.files["acme/web@w3"] = r.files["acme/web@s1"], map[string]string{".zuul.yaml": "- job: {name: third, run: x.sh}\n"}
	heads[1].Commit, heads[2].Commit = "w3", "s2"
	c, err := l.Layout(t.Context(), tenant, heads, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"acme/web@s2", "acme/web@w3"}, slices.Sorted(slices.Values(r.reads[reads:]))); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
	if got := l.parsed.misses - parses; got != 1 {
		t.Errorf("%d files were parsed, want only the new one", got)
	}
	if !c.Defined("third") || c.Defined("unit") {
		t.Error("the new heads are not in force")
	}
}

func TestUnreadableIsTold(t *testing.T) {
	l, r, tenant := setting()
	r.files["acme/web@w1"]["too-large.yaml"] = "zuul.d/x.yaml has 5 MB; at most 4 are read"
	heads, err := l.Heads(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.Layout(t.Context(), tenant, heads, nil)
	if err != nil {
		t.Fatal(err)
	}
	errs := c.Errors()
	if len(errs) != 1 || !strings.Contains(fmt.Sprint(errs[0]), "git.example/acme/web@main: zuul.d/x.yaml has 5 MB") {
		t.Errorf("errors: %v", errs)
	}
}

func TestConnectionThatIsNotThere(t *testing.T) {
	l, _, tenant := setting()
	l.Hosts = connections{}
	if _, err := l.Heads(t.Context(), tenant); err == nil || !strings.Contains(err.Error(), "allowedTenants") {
		t.Errorf("got %v", err)
	}
}
