package queueitem

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/lru"
	"github.com/gozer-dev/gozer/internal/merger"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/naming"
	"github.com/gozer-dev/gozer/internal/repostate"
)

// repositories are what workspaces have beyond the branches of changes, frozen
// when the item is prepared (Zuul: global repo state).
type repositories []repostate.State

func (r repositories) of(p model.Project) *repostate.State {
	n := slices.IndexFunc(r, func(s repostate.State) bool { return s.Project == p })
	if n < 0 {
		return nil
	}
	return &r[n]
}

// freezeRepositories asks where the branches and tags are of all repositories
// that are in the workspace of a job, and of those with roles or variables.
func (r *Reconciler) freezeRepositories(ctx context.Context, s *scope, p *prepared) error {
	var workspaces, others []model.Project
	for _, j := range p.jobs {
		if j.IsNoop() {
			continue
		}
		workspaces = append(append(workspaces, s.ownProject(j)), p.required(j)...)
		others = append(others, j.OtherProjects()...)
	}
	var err error
	if p.repositories, err = r.refsOf(ctx, s, workspaces); err == nil {
		p.others, err = r.refsOf(ctx, s, others)
	}
	return err
}

// refsOf asks about each of the projects once.
func (r *Reconciler) refsOf(ctx context.Context, s *scope, projects []model.Project) (repositories, error) {
	var each []model.Project
	for _, project := range projects {
		if !slices.Contains(each, project) {
			each = append(each, project)
		}
	}
	since := r.Now()
	if s.entry.Since != nil {
		since = s.entry.Since.Time
	}
	out := make(repositories, len(each))
	g, ctx := errgroup.WithContext(ctx)
	for n, project := range each {
		g.Go(func() (err error) {
			out[n], err = r.asked.refs(ctx, r, project, since)
			return err
		})
	}
	return out, g.Wait()
}

func (s *scope) ownProject(j *jobgraph.Job) model.Project {
	return convert.Project(s.item.Spec.Changes[j.Change].Project)
}

// checkouts are what a job gets of each repository of its workspace.
func (s *scope) checkouts(p *prepared, j *jobgraph.Job) ([]gozer.Checkout, error) {
	if j.IsNoop() {
		return nil, nil
	}
	own := s.item.Spec.Changes[j.Change]
	var out []gozer.Checkout
	for _, project := range append([]model.Project{s.ownProject(j)}, p.required(j)...) {
		if slices.ContainsFunc(out, func(c gozer.Checkout) bool { return convert.Project(c.Project) == project }) {
			continue
		}
		st := p.repositories.of(project)
		wish := p.wish(j, project, own.Branch)
		if project == s.ownProject(j) {
			wish.Ref = own.Ref
		}
		ref := st.Checkout(wish)
		if tag, ok := model.TagOfRef(wish.Ref); ok && st.Tag(tag) == "" {
			return nil, &merger.Error{Kind: merger.Missing, Message: fmt.Sprintf("%s has no tag %s any more", project.Canonical(), tag)}
		}
		if slices.Contains(st.Lost, ref) {
			return nil, &merger.Error{Kind: merger.Missing, Message: fmt.Sprintf("job %s needs %s of %s, which cannot be fetched; the merger's log says why", j.Name, ref, project.Canonical())}
		}
		c := gozer.Checkout{Project: convert.ProjectRef(project)}
		if tag, ok := model.TagOfRef(ref); ok {
			c.Tag, c.Commit = tag, st.Tag(tag)
		} else {
			c.Branch = strings.TrimPrefix(ref, "refs/heads/")
		}
		if ref == "" {
			return nil, &merger.Error{Kind: merger.Missing, Message: fmt.Sprintf("job %s needs %s, which has no branch", j.Name, project.Canonical())}
		}
		out = append(out, c)
	}
	return out, nil
}

// wish is what a job wants to be checked out of a project.
func (p *prepared) wish(j *jobgraph.Job, project model.Project, branch string) repostate.Wish {
	return repostate.Wish{Override: j.Overrides(project), Branch: branch, Default: p.defaultBranch(project)}
}

// roleRef is what is checked out of a repository with roles: of that which has
// the playbook what the playbook is from, of others what the workspace would have.
func (s *scope) roleRef(p *prepared, j *jobgraph.Job, pb jobgraph.Playbook, role layout.Role) string {
	if role.Project == pb.Origin.Project {
		return "refs/heads/" + pb.Origin.Branch
	}
	return p.others.of(role.Project.Project).Checkout(p.wish(j, role.Project.Project, s.item.Spec.Changes[j.Change].Branch))
}

// rolesOf are the repositories in which a playbook finds roles.
func (s *scope) rolesOf(b *gozer.BuildSet, p *prepared, j *jobgraph.Job, pb jobgraph.Playbook) []gozer.PlaybookRole {
	var out []gozer.PlaybookRole
	for _, role := range pb.Roles {
		frozen := gozer.PlaybookRole{Project: convert.ProjectRef(role.Project.Project), Name: role.Name, Implicit: role.Implicit}
		ref := s.roleRef(p, j, pb, role)
		if tag, ok := model.TagOfRef(ref); ok {
			frozen.Tag, frozen.Commit = tag, p.others.of(role.Project.Project).Tag(tag)
		} else {
			frozen.Branch = strings.TrimPrefix(ref, "refs/heads/")
			frozen.Commit = commitAt(b, role.Project.Project, frozen.Branch, pb.Origin.Project.Trusted)
		}
		out = append(out, frozen)
	}
	return out
}

// includeVars are the job's files of variables; without b, their commits are not known yet.
func (s *scope) includeVars(b *gozer.BuildSet, p *prepared, j *jobgraph.Job) []gozer.IncludedVars {
	own := s.item.Spec.Changes[j.Change]
	var out []gozer.IncludedVars
	for _, iv := range j.IncludeVars {
		project := s.ownProject(j)
		trusted := false
		st := p.repositories.of(project)
		if iv.Project != nil {
			project, trusted = iv.Project.Project, iv.Project.Trusted
			st = p.others.of(project)
		} else if found := p.layout.ProjectNamed(project.Canonical()); found != nil {
			trusted = found.Trusted
		}
		wish := p.wish(j, project, own.Branch)
		if project == s.ownProject(j) && iv.UseRef {
			wish.Ref = own.Ref
		}
		v := gozer.IncludedVars{Path: iv.Path, Trusted: trusted, Required: iv.Required, Checkout: gozer.Checkout{Project: convert.ProjectRef(project)}}
		ref := st.Checkout(wish)
		if tag, ok := model.TagOfRef(ref); ok {
			v.Checkout.Tag, v.Checkout.Commit = tag, st.Tag(tag)
		} else {
			v.Checkout.Branch = strings.TrimPrefix(ref, "refs/heads/")
			if b != nil {
				v.Checkout.Commit = commitAt(b, project, v.Checkout.Branch, trusted)
			}
		}
		out = append(out, v)
	}
	return out
}

// keepTags puts repositories of which something is taken at a tag among those that
// are published whole.
func (s *scope) keepTags(p *prepared) {
	keep := func(project model.Project) {
		if p.repositories.of(project) == nil {
			p.repositories = append(p.repositories, *p.others.of(project))
		}
	}
	for _, j := range p.jobs {
		for _, v := range s.includeVars(nil, p, j) {
			if v.Checkout.Tag != "" {
				keep(convert.Project(v.Checkout.Project))
			}
		}
		for _, pb := range j.AnsiblePlaybooks() {
			for _, role := range pb.Roles {
				if _, ok := model.TagOfRef(s.roleRef(p, j, pb, role)); ok {
					keep(role.Project.Project)
				}
			}
		}
	}
}

// defaultBranch that the configuration names; empty if it leaves that to the host.
func (p *prepared) defaultBranch(project model.Project) string {
	found := p.layout.ProjectNamed(project.Canonical())
	if found == nil {
		return ""
	}
	if b := p.layout.DefaultBranch(found); b != found.DefaultBranch {
		return b
	}
	return ""
}

// keepRepositories stores what is frozen, before the buildset names it.
func (r *Reconciler) keepRepositories(ctx context.Context, namespace string, all repositories) ([]gozer.FrozenRepository, error) {
	var out []gozer.FrozenRepository
	for _, st := range all {
		name := naming.RepositoryState(st.Digest(), r.Now())
		out = append(out, gozer.FrozenRepository{Project: convert.ProjectRef(st.Project), State: name})
		if _, ok := r.asked.kept.Get(namespace + "/" + name); ok {
			continue
		}
		obj, err := convert.RepositoryState(namespace, name, st)
		if err != nil {
			return nil, err
		}
		if err := patch.Create(ctx, r.Client, obj); err != nil {
			return nil, err
		}
		r.asked.kept.Put(namespace+"/"+name, struct{}{})
	}
	return out, nil
}

// asked is what the merger was asked for, and what is stored. It is lost with the
// process, which only makes it ask again.
type asked struct {
	mu      sync.Mutex
	answers *lru.Cache[model.Project, *answer]
	kept    *lru.Cache[string, struct{}]
}

// answer to one question, which may still be open.
type answer struct {
	at    time.Time // of the question
	done  chan struct{}
	state repostate.State
	err   error
}

const (
	maxAnswers = 300
	maxKept    = 3_000
)

func newAsked() *asked {
	return &asked{answers: lru.New[model.Project, *answer](maxAnswers), kept: lru.New[string, struct{}](maxKept)}
}

// refs gives what a repository has, not older than a time: when a hundred items
// got their places together, one question is enough.
func (a *asked) refs(ctx context.Context, r *Reconciler, p model.Project, since time.Time) (repostate.State, error) {
	a.mu.Lock()
	known, ok := a.answers.Get(p)
	if !ok || known.at.Before(since) {
		known = &answer{at: r.Now(), done: make(chan struct{})}
		a.answers.Put(p, known)
		a.mu.Unlock()
		known.state, known.err = r.Merger.Refs(ctx, p)
		if known.err != nil {
			a.mu.Lock()
			if latest, _ := a.answers.Get(p); latest == known {
				a.answers.Remove(p) // the next one asks again
			}
			a.mu.Unlock()
		}
		close(known.done)
		return known.state, known.err
	}
	a.mu.Unlock()
	select {
	case <-known.done:
		return known.state, known.err
	case <-ctx.Done():
		return repostate.State{}, context.Cause(ctx)
	}
}
