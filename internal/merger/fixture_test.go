package merger

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gozer-dev/gozer/internal/gitrepo"
	"github.com/gozer-dev/gozer/internal/gitrepo/gitrepotest"
	"github.com/gozer-dev/gozer/internal/mergeplan"
	"github.com/gozer-dev/gozer/internal/model"
)

var (
	api  = model.Project{Connection: "forge", Hostname: "forge.example", Name: "acme/api"}
	web  = model.Project{Connection: "forge", Hostname: "forge.example", Name: "acme/web"}
	noon = time.Unix(1_700_000_000, 0)
)

// remotes is a Remotes of fixed answers.
type remotes map[model.Project]gitrepo.Remote

func (r remotes) Remote(_ context.Context, _ string, p model.Project) (gitrepo.Remote, error) {
	remote, ok := r[p]
	if !ok {
		return gitrepo.Remote{}, errors.New("no such connection")
	}
	return remote, nil
}

// on makes remotes of repositories on disk.
func on(repos map[model.Project]*gitrepotest.Repo) remotes {
	r := remotes{}
	for p, repo := range repos {
		r[p] = gitrepo.Remote{URL: repo.Dir}
	}
	return r
}

// newService makes a Service with mirrors in root; closing it lets the next have root.
func newService(t testing.TB, root string, r Remotes) (s *Service, closeIt func()) {
	t.Helper()
	return newServiceWith(t, gitrepo.Options{Root: root}, r)
}

func newServiceWith(t testing.TB, opts gitrepo.Options, r Remotes) (s *Service, closeIt func()) {
	t.Helper()
	opts.AllowFile = true
	store, err := gitrepo.NewStore(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return New(store, r), func() { _ = store.Close() }
}

// queue is a repository with changes, each one commit on its fork point.
type queue struct {
	repo  *gitrepotest.Repo
	base  string
	steps []mergeplan.Step
}

func step(p model.Project, number int64, ref, head string, mode mergeplan.Mode) mergeplan.Step {
	return mergeplan.Step{
		Change: model.Change{Project: p, Number: number, Head: head, Ref: ref, Branch: "main", Title: "Change things"},
		Mode:   mode, Time: noon,
	}
}

func (q *queue) add(p model.Project, number int64, files map[string]string) {
	ref := "refs/pull/" + string(rune('a'+number)) + "/head"
	head := q.repo.Change(ref, q.base, "change", files)
	q.steps = append(q.steps, step(p, number, ref, head, mergeplan.ModeMerge))
}

// independent makes a queue of n changes that touch different files.
func independent(t testing.TB, n int) *queue {
	t.Helper()
	q := &queue{repo: gitrepotest.New(t)}
	q.base = q.repo.Commit("base", map[string]string{"README": "hello"})
	for i := range n {
		q.add(api, int64(i+1), map[string]string{"file" + string(rune('a'+i)): "new"})
	}
	return q
}

func (q *queue) request() mergeplan.Request {
	return mergeplan.Request{
		Bases: []mergeplan.Base{{Project: api, Branch: "main", Commit: q.base}},
		Steps: q.steps,
	}
}

func (q *queue) remotes() remotes { return on(map[model.Project]*gitrepotest.Repo{api: q.repo}) }

func prepare(t testing.TB, m Merger, scope string, req mergeplan.Request) mergeplan.Result {
	t.Helper()
	res, err := m.Prepare(t.Context(), PrepareRequest{Scope: scope, Request: req})
	if err != nil {
		t.Fatal(err)
	}
	return res
}
