package controllers_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/tenantfile"
	"github.com/gozer-dev/gozer/internal/testkit/fakehost"
	"github.com/gozer-dev/gozer/test/scenario"
)

// stage is a world in which the people of a story act: on hosts with real git,
// and through events.
type stage struct {
	*world
	hosts fakehost.Hosts
	// branches in the order in which they were made.
	branches []model.BranchRef
	// sent counts events: the names of later ones sort behind.
	sent atomic.Int64

	mu sync.Mutex
	// names that the story has for commits: heads of changes, pushes.
	names map[string]string
	// commits of names; that of a change is its head.
	commits map[string]string
	// verdicts and released builds, by name, say what becomes of builds.
	verdicts scenario.Verdicts
	released map[string]bool
}

func newStage(t testing.TB) *stage {
	t.Helper()
	s := &stage{hosts: fakehost.Hosts{}, names: map[string]string{}, commits: map[string]string{}, released: map[string]bool{}}
	s.world = emptyWorld(t, s.hosts, s.hosts)
	s.tick, s.patience = 50*time.Millisecond, time.Minute // many worlds, one API server
	for name, c := range scenario.Connections() {
		s.hosts[name] = fakehost.At(name, c.Hostname)
		s.hosts[name].OnMerge(s.merged)
		s.connection(name, c.Hostname)
	}
	s.say(s.verdict)
	return s
}

// act does what people did. The controllers begin when the tenant is there.
func (s *stage) act(d scenario.Deeds) {
	s.t.Helper()
	for _, at := range d.Branches {
		s.makeBranch(at)
	}
	for _, step := range d.Pushed {
		s.pushStep(step)
	}
	for _, c := range d.Changes {
		s.write(c)
	}
	for _, step := range d.Raced {
		s.pushStep(step)
	}
	for _, step := range d.Merged {
		s.mergeByHand(step)
	}
	for name, words := range d.Refused {
		c := s.change(name)
		s.hosts[c.Project.Connection].Refuse(c.Project.Name, c.Number, words)
	}
	if d.TenantFile != "" {
		s.configure(d.TenantFile)
	}
	if s.stop == nil {
		s.start()
	}
	s.eventually("the tenant's configuration is in force", s.inForce(false))
	s.decide(d.Verdicts, d.Released)
	for _, x := range d.Dequeued {
		s.takeOut(x)
	}
	for _, e := range d.Events {
		s.send(s.translated(e))
		if e.Event == "push" {
			s.eventually("the configuration is that of the branches", s.inForce(true))
		}
	}
}

func (s *stage) makeBranch(at model.BranchRef) {
	s.t.Helper()
	host := s.hosts[at.Project.Connection]
	if at.Branch == "main" {
		host.Repo(s.t, at.Project.Name, map[string]string{"README": at.Project.Name})
	} else {
		host.Branch(at.Project.Name, at.Branch)
	}
	s.branches = append(s.branches, at)
}

// write opens a change, gives it another version, or edits it.
func (s *stage) write(c scenario.ChangeDeed) {
	s.t.Helper()
	host, repo := s.hosts[c.Project.Connection], c.Project.Name
	if s.commits[c.Rev()] == "" {
		now := host.OpenOn(repo, c.Branch, c.Number, c.Rev(), "", c.Files)
		s.name(now.Head, c.Rev())
	}
	host.Edit(repo, c.Number, func(now *model.Change) {
		now.Branch, now.Message, now.Open, now.Draft, now.Approvals = c.Branch, c.Message, c.Open, c.Draft, c.Approvals
	})
}

func (s *stage) name(commit, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names[commit], s.commits[name] = name, commit
}

func (s *stage) pushStep(step scenario.Step) {
	s.t.Helper()
	files := map[string]string{}
	for path, content := range step.Files {
		if files[path] = content; content == scenario.Deleted {
			files[path] = ""
		}
	}
	s.name(s.hosts[step.At.Project.Connection].PushTo(step.At.Project.Name, step.At.Branch, step.Name, files), step.Name)
}

// mergeByHand is a person who merges a change. What the host sends of it is among
// the story's events.
func (s *stage) mergeByHand(step scenario.Step) {
	s.t.Helper()
	host, p := s.hosts[step.At.Project.Connection], step.At.Project
	host.OnMerge(nil)
	defer host.OnMerge(s.merged)
	c, err := host.Change(s.t.Context(), p, step.Change.Number)
	if err == nil {
		err = host.Merge(s.t.Context(), c, "merge", "")
	}
	if err == nil {
		c, err = host.Change(s.t.Context(), p, step.Change.Number)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commits[mergeOf(step.Name)] = c.MergeCommit
}

// mergeOf is the name of the commit by which the host merged a change.
func mergeOf(change string) string { return "merge of " + change }

// change is the one of a name such as "api#1".
func (s *stage) change(name string) model.Change {
	s.t.Helper()
	for _, at := range s.branches {
		var number int64
		if _, err := fmt.Sscanf(name, at.Project.Name+"#%d", &number); err != nil {
			continue
		}
		if c, err := s.hosts[at.Project.Connection].Change(s.t.Context(), at.Project, number); err == nil {
			return c
		}
	}
	s.t.Fatalf("no change %s", name)
	return model.Change{}
}

// configure writes the tenant.
func (s *stage) configure(text string) {
	s.t.Helper()
	file, errs := tenantfile.Parse([]byte(text))
	if len(errs) > 0 {
		s.t.Fatal(errs)
	}
	tenant := convert.TenantManifest(file.Tenants[0], s.tenant)
	err := s.client.Create(s.t.Context(), tenant.DeepCopy())
	if apierrors.IsAlreadyExists(err) {
		var now gozer.Tenant
		if err = s.client.Get(s.t.Context(), client.ObjectKeyFromObject(tenant), &now); err == nil {
			before := now.DeepCopy()
			now.Spec = tenant.Spec
			err = s.client.Patch(s.t.Context(), &now, client.MergeFrom(before))
		}
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// inForce says what the configuration lacks: that of the tenant's present spec
// and, if that is asked, of the present heads of the branches.
func (s *stage) inForce(heads bool) func() string {
	return func() string {
		var x gozer.Tenant
		if err := s.client.Get(s.t.Context(), client.ObjectKey{Namespace: s.tenant, Name: "acme"}, &x); err != nil {
			return err.Error()
		}
		if x.Status.Layout == nil || x.Status.ObservedGeneration != x.Generation {
			return fmt.Sprintf("%+v", x.Status)
		}
		for _, head := range x.Status.Layout.Heads {
			at := slices.IndexFunc(s.branches, func(at model.BranchRef) bool {
				return at.Project.Canonical() == head.Project && at.Branch == head.Branch
			})
			if !heads || at < 0 {
				continue
			}
			if all := s.commitsOf(s.branches[at]); all[len(all)-1].ID != head.Commit {
				return fmt.Sprintf("%s of %s is read at %s", head.Branch, head.Project, head.Commit)
			}
		}
		return ""
	}
}

func (s *stage) commitsOf(at model.BranchRef) []fakehost.Commit {
	s.t.Helper()
	out, err := s.hosts[at.Project.Connection].Commits(at.Project.Name, at.Branch)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// decide says what becomes of builds, of those that run and of those to come.
func (s *stage) decide(v scenario.Verdicts, released []string) {
	s.t.Helper()
	running := s.running()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.verdicts = v
	for _, line := range released {
		if running[line] == "" {
			s.t.Fatalf("no build runs that is %s: %v", line, running)
		}
		s.released[running[line]] = true
	}
}

// verdict is what an executor answers.
func (s *stage) verdict(spec buildspec.Spec) *buildspec.Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.verdicts.Held(spec.Job) && !s.released[spec.Build] {
		return nil
	}
	var state []string
	for _, c := range spec.Items {
		state = append(state, s.names[c.Head])
	}
	return &buildspec.Outcome{Result: s.verdicts.Result(spec.Job, spec.Attempt, s.names[spec.Change.Head], state)}
}

// takeOut is a person who dequeues a change.
func (s *stage) takeOut(x scenario.Dequeued) {
	s.t.Helper()
	for _, i := range s.items(x.Pipeline) {
		in := slices.ContainsFunc(i.Spec.Changes, func(c gozer.ChangeRef) bool { return convert.ChangeName(c) == x.Change })
		if !in || !i.Spec.Live || i.Status.Result != "" {
			continue
		}
		before := i.DeepCopy()
		i.Annotations[gozer.AnnotationDequeue] = x.Why
		if err := s.client.Patch(s.t.Context(), &i, client.MergeFrom(before)); err != nil {
			s.t.Fatal(err)
		}
		return
	}
	s.t.Fatalf("%s is not in %s", x.Change, x.Pipeline)
}

// translated is an event with commits in place of the story's names.
func (s *stage) translated(e model.TriggerEvent) model.TriggerEvent {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.Number != 0 && e.Patchset != "" {
		e.Patchset = s.commits[scenario.ChangeDeed{Change: model.Change{
			Project: model.Project{Name: e.Project}, Number: e.Number, Patchset: e.Patchset}}.Rev()]
	}
	if e.Number == 0 {
		e.Patchset = s.commits[e.Patchset]
	}
	for _, name := range []*string{&e.OldRev, &e.NewRev} {
		if merge := s.commits[mergeOf(*name)]; merge != "" {
			*name = merge
		} else {
			*name = s.commits[*name]
		}
	}
	return e
}

// send stores an event, as intake would. The host calls it from elsewhere, too.
func (s *stage) send(e model.TriggerEvent) {
	e.Name, e.ReceivedAt = fmt.Sprintf("ev-%05d", s.sent.Add(1)), time.Now()
	err := s.client.Create(context.Background(), convert.TriggerEventObject(s.operator, e, ""))
	if err != nil {
		s.t.Errorf("event %+v: %v", e, err)
	}
}

// merged sends what a host sends when the gate merged a change.
func (s *stage) merged(c model.Change, before string) {
	s.mu.Lock()
	s.commits[mergeOf(s.names[c.Head])] = c.MergeCommit
	s.mu.Unlock()
	s.send(model.TriggerEvent{Connection: c.Project.Connection, Event: "pull_request", Action: "closed", Project: c.Project.Name, Number: c.Number, Patchset: c.Patchset, Branch: c.Branch})
	s.send(model.TriggerEvent{Connection: c.Project.Connection, Event: "push", Project: c.Project.Name, Ref: "refs/heads/" + c.Branch, Branch: c.Branch, OldRev: before, NewRev: c.MergeCommit})
}
