package merger

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	dto "github.com/prometheus/client_model/go"

	"github.com/gozer-dev/gozer/internal/gitrepo"
	"github.com/gozer-dev/gozer/internal/gitrepo/gitrepotest"
	"github.com/gozer-dev/gozer/internal/mergeplan"
	"github.com/gozer-dev/gozer/internal/model"
)

// published says whether a service serves something of a project under a scope.
func published(s *Service, scope string, p model.Project) bool {
	sc, err := gitrepo.ParseScope(scope)
	if err != nil {
		return false
	}
	_, err = s.store.Served(sc, p.Hostname, p.Name)
	return err == nil
}

// city has several projects with two branches each and changes, of which some
// conflict with others or with their branch.
type city struct {
	projects []model.Project
	repos    map[model.Project]*gitrepotest.Repo
	bases    []mergeplan.Base
	steps    []mergeplan.Step
}

func newCity(t *testing.T, projects int) *city {
	t.Helper()
	c := &city{repos: map[model.Project]*gitrepotest.Repo{}}
	for n := range projects {
		p := model.Project{Connection: "forge", Hostname: "forge.example", Name: fmt.Sprintf("acme/p%d", n)}
		r := gitrepotest.New(t)
		fork := r.Commit("base", map[string]string{"a": "0", "b": "0", "c": "0"})
		r.Git("branch", "stable")
		for i, files := range []map[string]string{{"a": "1"}, {"a": "2"}, {"b": "1", "new": "1"}, {"c": "1"}, {"d": "1"}} {
			number := int64(10*n + i + 1)
			ref := fmt.Sprintf("refs/pull/%d/head", number)
			s := step(p, number, ref, r.Change(ref, fork, "change", files), mergeplan.Modes()[(n+i)%len(mergeplan.Modes())])
			if i == 2 {
				s.Change.Branch = "stable"
			}
			c.steps = append(c.steps, s)
		}
		tip := r.Commit("main goes on", map[string]string{"c": "9"}) // the change of c conflicts with it
		c.projects, c.repos[p] = append(c.projects, p), r
		c.bases = append(c.bases, mergeplan.Base{Project: p, Branch: "main", Commit: tip}, mergeplan.Base{Project: p, Branch: "stable", Commit: fork})
	}
	return c
}

// request picks some of everything; what is right and what conflicts both come.
func (c *city) request(rnd *rand.Rand) mergeplan.Request {
	var req mergeplan.Request
	for _, i := range rnd.Perm(len(c.steps))[:rnd.IntN(6)] {
		req.Steps = append(req.Steps, c.steps[i])
	}
	for _, b := range c.bases {
		switch rnd.IntN(4) {
		case 0:
			req.Bases = append(req.Bases, b)
		case 1:
			req.Extra = append(req.Extra, model.BranchRef{Project: b.Project, Branch: b.Branch})
		}
	}
	if rnd.IntN(10) == 0 {
		req.Extra = append(req.Extra, model.BranchRef{Project: c.projects[0], Branch: "no"})
	}
	return req
}

// TestRouterGivesWhatOneServiceGives asks for random states while one of three
// replicas dies at a random request, before or after it did the work.
func TestRouterGivesWhatOneServiceGives(t *testing.T) {
	c := newCity(t, 4)
	alone, _ := newService(t, t.TempDir(), on(c.repos))
	seen := map[string]int{}
	for seed := range uint64(12) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		few := startReplicas(t, 3, on(c.repos))
		m := few.mortals[rnd.IntN(3)]
		m.done = rnd.IntN(2) == 0
		m.left.Store(rnd.Int64N(8)) // 0 is never
		var wg sync.WaitGroup
		var mu sync.Mutex
		for n := range 9 {
			req := PrepareRequest{Request: c.request(rnd)}
			if n%3 > 0 {
				req.Scope = fmt.Sprintf("acme/s%d-%d", seed, n)
			}
			wg.Go(func() {
				what := compare(t, fmt.Sprintf("seed %d, request %d", seed, n), alone, few, req)
				mu.Lock()
				defer mu.Unlock()
				seen[what]++
			})
			if n%3 == 2 {
				wg.Wait() // three at once
			}
		}
		if m.dead.Load() {
			seen["died"]++
		}
	}
	for _, what := range []string{"error", "conflict", "state", "died"} {
		if seen[what] < 3 {
			t.Errorf("the test does not see enough: %v", seen)
		}
	}
}

// compare asks both for the same, and says what came.
func compare(t *testing.T, name string, alone *Service, few *replicas, req PrepareRequest) string {
	want, wantErr := alone.Prepare(t.Context(), req)
	got, err := few.Prepare(t.Context(), req)
	if (err != nil) != (wantErr != nil) || err != nil && (KindOf(err) != KindOf(wantErr) || err.Error() != wantErr.Error()) {
		t.Errorf("%s: error %v, want %v", name, err, wantErr)
		return "wrong"
	}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("%s: %s", name, d)
	}
	for _, st := range want.States {
		if req.Scope != "" && !slices.ContainsFunc(few.services, func(s *Service) bool { return published(s, req.Scope, st.Project) }) {
			t.Errorf("%s: nobody serves %s", name, st.Project.Name)
		}
	}
	switch {
	case err != nil:
		return "error"
	case want.Conflict == nil:
		return "state"
	}
	for i, s := range few.services {
		for _, step := range req.Request.Steps {
			if published(s, req.Scope, step.Change.Project) {
				t.Errorf("%s: replica %d serves a part of a state that conflicts", name, i)
			}
		}
	}
	return "conflict"
}

func TestWorkSurvivesTheDeathOfAReplica(t *testing.T) {
	q := independent(t, 3)
	c := startReplicas(t, 3, q.remotes())
	first, second := c.of(api.Canonical(), 0), c.of(api.Canonical(), 1)
	before := prepare(t, c, "acme/bs", q.request())
	if !published(c.services[first], "acme/bs", api) {
		t.Fatal("the first choice did not do the work")
	}
	c.kill(first)
	state := FilesRequest{Project: api, Commit: before.States[0].Commit, Paths: []string{"filea"}}
	if _, err := c.Files(t.Context(), state); KindOf(err) != Missing || !strings.Contains(err.Error(), "prepare the item again") {
		t.Errorf("files of a state that is lost: %v", err)
	}
	if d := cmp.Diff(before, prepare(t, c, "acme/bs", q.request())); d != "" {
		t.Errorf("made again: %s", d)
	}
	if !published(c.services[second], "acme/bs", api) {
		t.Error("the second choice did not take over")
	}
	got, err := c.Files(t.Context(), state)
	if err != nil || len(got.Files) != 1 {
		t.Errorf("files of the state made again: %+v, %v", got, err)
	}
	// It comes back, and knows nothing of what was made meanwhile.
	more := q.request()
	more.Steps = more.Steps[:2]
	state.Commit = prepare(t, c, "", more).States[0].Commit
	c.mortals[first].dead.Store(false)
	c.later(leaveOut)
	if got, err = c.Files(t.Context(), state); err != nil || len(got.Files) != 1 {
		t.Errorf("files of a state of the replica that stood in: %+v, %v", got, err)
	}
	merges := c.services[first].Stats.Merges.Load()
	prepare(t, c, "", mergeplan.Request{Bases: q.request().Bases, Steps: q.steps[2:]})
	if c.services[first].Stats.Merges.Load() == merges {
		t.Error("its projects did not return to it")
	}
	var failovers dto.Metric
	if err := c.failovers.WithLabelValues(c.names[first]).Write(&failovers); err != nil || failovers.GetCounter().GetValue() != 1 {
		t.Errorf("%v: failovers are %v; after the first, it is left out", err, failovers.GetCounter())
	}
}

// A process that is killed takes its listener with it.
func TestEveryReplicaMayBeTheLast(t *testing.T) {
	q := independent(t, 1)
	c := startReplicas(t, 3, q.remotes())
	want := prepare(t, c, "", q.request())
	for n := range 2 {
		c.servers[c.of(api.Canonical(), n)].Close()
		if d := cmp.Diff(want, prepare(t, c, "", q.request())); d != "" {
			t.Error(d)
		}
	}
	c.servers[c.of(api.Canonical(), 2)].Close()
	_, err := c.Prepare(t.Context(), PrepareRequest{Request: q.request()})
	if KindOf(err) != Transient || !strings.Contains(err.Error(), "no merger answers") {
		t.Errorf("without any: %v", err)
	}
	for _, name := range c.names {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("the error does not name %s: %v", name, err)
		}
	}
}

func TestReleaseDoesNotWaitForTheDead(t *testing.T) {
	q := independent(t, 1)
	c := startReplicas(t, 3, q.remotes())
	prepare(t, c, "acme/bs", q.request())
	owner, other := c.of(api.Canonical(), 0), c.of(api.Canonical(), 1)
	c.kill(other)
	for range 2 { // the second time it is left out
		if err := c.Release(t.Context(), "acme/bs"); err != nil {
			t.Fatal(err)
		}
	}
	if published(c.services[owner], "acme/bs", api) {
		t.Error("it is served after its release")
	}
	if err := c.Release(t.Context(), "../x"); KindOf(err) != BadRequest {
		t.Errorf("hostile scope: %v", err)
	}
	for i := range c.mortals {
		c.kill(i)
	}
	if err := c.Release(t.Context(), "acme/bs"); KindOf(err) != Transient {
		t.Errorf("nobody was told: %v", err)
	}
}
