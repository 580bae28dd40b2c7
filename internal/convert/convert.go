// Package convert turns custom resources into the values of the pure packages
// and back. It is the only package that knows both.
package convert

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/mergeplan"
	"github.com/gozer-dev/gozer/internal/model"
)

// Project from a reference.
func Project(p gozer.ProjectRef) model.Project {
	return model.Project{Connection: p.Connection, Hostname: p.Hostname, Name: p.Name}
}

// ProjectRef of a project.
func ProjectRef(p model.Project) gozer.ProjectRef {
	return gozer.ProjectRef{Connection: p.Connection, Hostname: p.Hostname, Name: p.Name}
}

const (
	maxTitle = 200
	// maxMessage of a job or pipeline.
	maxMessage = 4096
	// maxStatus of a status or check with who set it.
	maxStatus = 1024
)

// ChangeRef of a change.
func ChangeRef(c model.Change, mergeMode string) gozer.ChangeRef {
	return gozer.ChangeRef{
		Project: ProjectRef(c.Project), Number: c.Number, Patchset: c.Patchset, Head: c.Head, Ref: c.Ref,
		OldRev: c.OldRev, Branch: c.Branch, URL: c.URL, Title: Cut(c.Title, maxTitle), Author: c.Author, MergeMode: mergeMode,
	}
}

// Change from a reference: what is needed to merge it and to report on it.
func Change(c gozer.ChangeRef) model.Change {
	return model.Change{
		Project: Project(c.Project), Number: c.Number, Patchset: c.Patchset, Head: c.Head, Ref: c.Ref,
		OldRev: c.OldRev, Branch: c.Branch, URL: c.URL, Title: c.Title, Author: c.Author, Open: true,
	}
}

// RefName is the branch of a change, or the name of a tag.
func RefName(c gozer.ChangeRef) string {
	if tag, ok := model.TagOfRef(c.Ref); ok && c.Branch == "" {
		return tag
	}
	return c.Branch
}

// ChangeName is how people name a change: "acme/api#12", or a branch or tag: "acme/api@main".
func ChangeName(c gozer.ChangeRef) string {
	if c.Number == 0 {
		return c.Project.Name + "@" + RefName(c)
	}
	return fmt.Sprintf("%s#%d", c.Project.Name, c.Number)
}

// PatchsetName names the version as well: "acme/api#12,3f2c1d4e5". Of a branch
// that a timer brought in, that is where it was.
func PatchsetName(c gozer.ChangeRef) string {
	return ChangeName(c) + "," + model.ShortCommit(cmp.Or(c.Patchset, c.Head))
}

// ChangeNames names all changes of an item: "acme/api#12 + acme/web#3".
func ChangeNames(refs []gozer.ChangeRef) string { return join(refs, ChangeName) }

// PatchsetNames names the versions as well.
func PatchsetNames(refs []gozer.ChangeRef) string { return join(refs, PatchsetName) }

// JobName is what a job is called in an item's buildset. The jobs of a cycle's
// changes may have the same name: theirs says which change they are for.
func JobName(job string, changes []gozer.ChangeRef, of int) string {
	if len(changes) == 1 {
		return job
	}
	return fmt.Sprintf("%s (%s)", job, ChangeName(changes[of]))
}

// JobOf is the job and the change of a name that JobName made.
func JobOf(name string, changes []gozer.ChangeRef) (job string, of gozer.ChangeRef) {
	for _, c := range changes {
		if job, ok := strings.CutSuffix(name, " ("+ChangeName(c)+")"); ok && len(changes) > 1 {
			return job, c
		}
	}
	return name, changes[0]
}

func join(refs []gozer.ChangeRef, name func(gozer.ChangeRef) string) string {
	var names []string
	for _, c := range refs {
		names = append(names, name(c))
	}
	return strings.Join(names, " + ")
}

// Cut makes a text that may be a stranger's fit for an object: it has at most so
// many characters, and none that a terminal would obey.
func Cut(text string, n int) string {
	text = model.Plain(text)
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n-1]) + "…"
}

// Step of a merge.
func Step(s gozer.MergeStep) mergeplan.Step {
	mode := s.Change.MergeMode
	if mode == "" {
		mode = string(mergeplan.ModeMerge)
	}
	return mergeplan.Step{Change: Change(s.Change), Mode: mergeplan.Mode(mode), Time: s.Time.UTC()}
}

// Steps of a merge.
func Steps(steps []gozer.MergeStep) []mergeplan.Step {
	var out []mergeplan.Step
	for _, s := range steps {
		out = append(out, Step(s))
	}
	return out
}

// Bases freezes the branches at the heads that were recorded.
func Bases(states []gozer.BranchState) []mergeplan.Base {
	var out []mergeplan.Base
	for _, s := range states {
		out = append(out, mergeplan.Base{Project: Project(s.Project), Branch: s.Branch, Commit: s.Base})
	}
	return out
}

// BranchState from the merger's.
func BranchState(s mergeplan.State) gozer.BranchState {
	return gozer.BranchState{Project: ProjectRef(s.Project), Branch: s.Branch, Base: s.Base, Commit: s.Commit, Tree: s.Tree}
}

// Freezing is what a frozen job has besides the job of the graph.
type Freezing struct {
	// CommitOf gives the commit from which a playbook is taken, RolesOf the
	// repositories in which it finds roles.
	CommitOf func(jobgraph.Playbook) string
	RolesOf  func(jobgraph.Playbook) []gozer.PlaybookRole
	// Required are the projects that the job requires.
	Required    []model.Project
	Checkouts   []gozer.Checkout
	IncludeVars []gozer.IncludedVars
	// PostReview is that of the pipeline.
	PostReview bool
	// GlobalSemaphores are names of semaphores that the tenant shares with others.
	GlobalSemaphores []string
}

// FrozenJob for a Build.
func FrozenJob(j *jobgraph.Job, with Freezing) (gozer.FrozenJob, error) {
	playbooks := func(in []jobgraph.Playbook) []gozer.Playbook {
		var out []gozer.Playbook
		for _, p := range in {
			frozen := gozer.Playbook{Path: p.Path, Project: ProjectRef(p.Origin.Project.Project), Branch: p.Origin.Branch, Trusted: p.Origin.Project.Trusted, Commit: with.CommitOf(p),
				Secrets: playbookSecrets(p.Secrets), Nesting: int32(p.NestingLevel), Cleanup: p.Cleanup}
			frozen.Semaphores = playbookSemaphores(p.Semaphores, with.GlobalSemaphores)
			if p.Ansible() {
				frozen.Roles = with.RolesOf(p)
			}
			out = append(out, frozen)
		}
		return out
	}
	f := gozer.FrozenJob{
		Name: j.Name, Voting: j.Voting, Attempts: int32(j.Attempts), Timeout: or(j.Timeout, 0), PostTimeout: or(j.PostTimeout, 0),
		PreRun: playbooks(j.PreRun), Run: playbooks(j.Run), PostRun: playbooks(j.After()), Nodes: NodeSpecs(j.NodeSets[0]), Checkouts: with.Checkouts, IncludeVars: with.IncludeVars,
		Provides: j.Provides, Requires: j.Requires,
		Tags: j.Tags, PostReview: with.PostReview, Semaphores: jobSemaphores(j, with.GlobalSemaphores), FailureOutput: j.FailureOutput,
	}
	if j.WorkspaceScheme != "golang" {
		f.WorkspaceScheme = j.WorkspaceScheme
	}
	f.SuccessMessage, f.FailureMessage = Cut(or(j.SuccessMessage, ""), maxMessage), Cut(or(j.FailureMessage, ""), maxMessage)
	for _, ns := range j.NodeSets[1:] {
		f.NodeAlternatives = append(f.NodeAlternatives, gozer.NodeAlternative{Nodes: NodeSpecs(ns)})
	}
	if f.Run == nil {
		f.Run = []gozer.Playbook{}
	}
	var err error
	if f.Secrets, err = secretsOf(j.Playbooks()); err != nil {
		return f, err
	}
	for _, p := range with.Required {
		f.RequiredProjects = append(f.RequiredProjects, ProjectRef(p))
	}
	for _, v := range []struct {
		vars map[string]any
		to   **apiextensionsv1.JSON
	}{{j.Vars, &f.Vars}, {j.ExtraVars, &f.ExtraVars}, {j.HostVars, &f.HostVars}, {j.GroupVars, &f.GroupVars}} {
		if len(v.vars) == 0 {
			continue
		}
		raw, err := json.Marshal(v.vars)
		if err != nil {
			return f, fmt.Errorf("the variables of job %s cannot be stored: %w", j.Name, err)
		}
		*v.to = &apiextensionsv1.JSON{Raw: raw}
	}
	return f, nil
}

// JobDependencies of a job.
func JobDependencies(deps []jobgraph.Dependency) []gozer.JobDependency {
	var out []gozer.JobDependency
	for _, d := range deps {
		out = append(out, gozer.JobDependency{Name: d.Name, Soft: d.Soft})
	}
	return out
}

// TriggerEvent from a custom resource.
func TriggerEvent(e *gozer.TriggerEvent) model.TriggerEvent {
	s := e.Spec
	return model.TriggerEvent{
		Name: e.Name, Connection: s.Connection, Event: s.Event, Action: s.Action, Project: s.Project, Number: s.Number,
		Patchset: s.Patchset, Branch: s.Branch, Ref: s.Ref, OldRev: s.OldRev, NewRev: s.NewRev, Comment: s.Comment,
		State: s.State, Label: s.Label, Status: s.Status, Check: s.Check, Account: s.Account, Tenant: s.Tenant, Pipeline: s.Pipeline, Urgent: s.Urgent,
		Time: s.Time, Tick: timeOf(s.Tick), ReceivedAt: s.ReceivedAt.Time,
	}
}

// timeOf a moment; the zero time for none.
func timeOf(m *metav1.Time) time.Time {
	if m == nil {
		return time.Time{}
	}
	return m.Time
}

// TriggerEventObject makes the custom resource of an event.
func TriggerEventObject(namespace string, e model.TriggerEvent, delivery string) *gozer.TriggerEvent {
	var tick *metav1.Time
	if !e.Tick.IsZero() {
		tick = new(metav1.NewTime(e.Tick))
	}
	return &gozer.TriggerEvent{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: e.Name},
		Spec: gozer.TriggerEventSpec{
			Connection: e.Connection, Delivery: Cut(delivery, 255), Event: e.Event, Action: e.Action, Project: e.Project, Number: e.Number,
			Patchset: e.Patchset, Branch: e.Branch, Ref: e.Ref, OldRev: e.OldRev, NewRev: e.NewRev, Comment: Cut(e.Comment, 8192),
			State: e.State, Label: Cut(e.Label, 255), Status: Cut(e.Status, maxStatus), Check: Cut(e.Check, maxStatus), Account: Cut(e.Account, 255), Tenant: e.Tenant, Pipeline: e.Pipeline, Urgent: e.Urgent,
			Time: e.Time, Tick: tick, ReceivedAt: metav1.NewMicroTime(e.ReceivedAt),
		},
	}
}

// MicroTime of a moment.
func MicroTime(t time.Time) *metav1.MicroTime {
	m := metav1.NewMicroTime(t)
	return &m
}
