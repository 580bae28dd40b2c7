package build

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/history"
	"github.com/gozer-dev/gozer/internal/mergeplan"
	"github.com/gozer-dev/gozer/internal/merger"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/naming"
	"github.com/gozer-dev/gozer/internal/podspec"
	"github.com/gozer-dev/gozer/internal/repostate"
)

// Scope under which a buildset's state is published.
func Scope(namespace, buildSet string) string { return namespace + "/" + buildSet }

// LogSubject is what the token of an attempt's log is good for.
func LogSubject(namespace, build string, attempt int32) string {
	return fmt.Sprintf("%s/%s/%d", namespace, build, attempt)
}

// publish has the tested state published for the Pods of this buildset. It is
// done before every attempt: the merger may have lost it, and makes the same again.
func (r *Reconciler) publish(ctx context.Context, s *scope) error {
	req := merger.PrepareRequest{Scope: Scope(s.build.Namespace, s.set.Name), Request: mergeplan.Request{Steps: convert.Steps(s.set.Spec.Steps)}}
	for _, st := range s.set.Spec.States {
		req.Request.Bases = append(req.Request.Bases, mergeplan.Base{Project: convert.Project(st.Project), Branch: st.Branch, Commit: st.Base})
		if st.Extra {
			req.Request.Extra = append(req.Request.Extra, model.BranchRef{Project: convert.Project(st.Project), Branch: st.Branch})
		}
	}
	for _, f := range s.set.Spec.Repositories {
		st, err := r.frozen(ctx, s.set.Namespace, f.State)
		if apierrors.IsNotFound(err) {
			// Somebody deleted it. What the job checks out is in the states as well.
			logf.FromContext(ctx).Info("The job does not see other branches and tags: their RepositoryState is gone", "state", f.State)
			continue
		}
		if err != nil {
			return err
		}
		req.Repositories = append(req.Repositories, st)
	}
	result, err := r.Merger.Prepare(ctx, req)
	if err != nil {
		return err
	}
	if result.Conflict != nil {
		return &merger.Error{Kind: merger.BadRequest, Message: "the tested state cannot be made again: " + result.Conflict.Message}
	}
	return nil
}

// frozen reads a RepositoryState, past the cache: it may be large, and nothing else needs it.
func (r *Reconciler) frozen(ctx context.Context, namespace, name string) (repostate.State, error) {
	var obj gozer.RepositoryState
	if err := r.Live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &obj); err != nil {
		return repostate.State{}, fmt.Errorf("what the repositories had: %w", err)
	}
	return convert.FrozenState(&obj)
}

// Bounds on how long an executor Pod may exist beyond its job's timeouts.
const (
	podSlack       = 30 * time.Minute
	defaultTimeout = 24 * time.Hour
	// maxPause is what a build has for the jobs that run while it is paused.
	maxPause = 24 * time.Hour
)

// executorPod is the Pod of the present attempt.
func (r *Reconciler) executorPod(s *scope, spec buildspec.Spec, parents []*gozer.Build) (*corev1.Pod, error) {
	raw, err := fitted(&spec)
	if err != nil {
		return nil, err
	}
	attempt := s.build.Status.Attempt
	secrets := ""
	if HasSecrets(s.build) {
		secrets = SecretOf(s.build.Namespace, s.build.Name, attempt).Name
	}
	var own, returned []string
	for _, p := range parents {
		returned = append(returned, p.Status.Returned.Secret)
	}
	for _, n := range s.request.Status.Nodes {
		if n.Secret != "" {
			own = append(own, n.Secret)
		}
	}
	e := podspec.Executor{
		Namespace: s.build.Namespace, Name: naming.ExecutorPod(s.build.Name, attempt),
		Labels: map[string]string{gozer.LabelRole: RoleExecutor, gozer.LabelBuild: s.build.Name, gozer.LabelBuildSet: s.set.Name,
			gozer.LabelPipeline: s.build.Spec.Pipeline, gozer.LabelJob: naming.Label(s.build.Spec.Job.Name)},
		Owner:  *metav1.NewControllerRef(s.build, gozer.GroupVersion.WithKind("Build")),
		Secret: s.request.Name, NodeSecrets: own, JobSecrets: secrets, Parents: returned, ParentsKey: keyReturned, Gozer: r.Settings.Image, WorkLimit: r.Settings.WorkLimit, Spec: raw, Cleanup: int64(spec.CleanupTime().Seconds()), Deadline: int64(Deadline(s.build).Seconds()),
	}
	if spec.Ansible() {
		e.Ansible, e.Trusted = r.Settings.Ansible, spec.Trusted()
	}
	return podspec.ExecutorPod(e), nil
}

// Deadline is how long a build's Pods may exist at the most.
func Deadline(b *gozer.Build) time.Duration {
	j, out := b.Spec.Job, defaultTimeout
	if j.Timeout > 0 {
		out = time.Duration(j.Timeout+int64(len(j.PostRun))*j.PostTimeout)*time.Second + podSlack
	}
	if b.Spec.MayPause {
		out += maxPause
	}
	return out
}

// maxSpec is what fits into the annotations of a Pod.
const maxSpec = 200 << 10

// fitted makes a specification fit. What others have said, of changes and of
// artifacts, is no fault of the change: it is left out where there is no room.
func fitted(spec *buildspec.Spec) (string, error) {
	for {
		raw, err := encoded(spec)
		switch {
		case err != nil || len(raw) <= maxSpec:
			return raw, err
		case len(spec.Messages) > 0:
			spec.Messages, spec.LeftOut = nil, append(spec.LeftOut, "the messages of the changes")
		case len(spec.Artifacts) > 0:
			n := len(spec.Artifacts) / 2
			spec.Artifacts, spec.LeftOut = spec.Artifacts[:n], append(spec.LeftOut, fmt.Sprintf("%d artifacts of other jobs", len(spec.Artifacts)-n))
		default:
			return "", fmt.Errorf("the job's specification has %d bytes; at most %d fit into a Pod", len(raw), maxSpec)
		}
	}
}

// encoded leaves <, > and & as they are: six bytes for one would be too many.
func encoded(spec *buildspec.Spec) (string, error) {
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(spec)
	return out.String(), err
}

func (r *Reconciler) spec(s *scope) (buildspec.Spec, error) {
	b, job := s.build, s.build.Spec.Job
	attempt := b.Status.Attempt
	out := buildspec.Spec{
		Tenant: b.Namespace, Pipeline: b.Spec.Pipeline, Item: b.Spec.Item, BuildSet: s.set.Name, Build: b.Name,
		Job: job.Name, Attempt: int(attempt), MaxAttempts: int(job.Attempts), Voting: job.Voting,
		Change: change(b.Spec.Change),
		GitURL: r.Settings.MergerURL + "/git/" + Scope(b.Namespace, s.set.Name), GitAuthority: r.Settings.MergerAuthority,
		LogURL:    r.Settings.ManagerURL + "/logs/" + LogSubject(b.Namespace, b.Name, attempt),
		ResultURL: r.Settings.ManagerURL + "/results/" + LogSubject(b.Namespace, b.Name, attempt),
		PreRun:    playbooks(job.PreRun), Run: playbooks(job.Run), PostRun: playbooks(job.PostRun),
		SemaphoresURL: r.Settings.ManagerURL + "/semaphores/" + LogSubject(b.Namespace, b.Name, attempt),
		ProgressURL:   r.Settings.ManagerURL + "/progress/" + LogSubject(b.Namespace, b.Name, attempt), FailureOutput: job.FailureOutput,
		TimeoutSeconds: job.Timeout, PostTimeoutSeconds: job.PostTimeout, PostReview: job.PostReview, Tags: job.Tags, WorkspaceScheme: job.WorkspaceScheme,
	}
	for _, step := range s.set.Spec.Steps {
		out.Items = append(out.Items, change(step.Change))
	}
	for _, c := range job.Checkouts {
		out.Projects = append(out.Projects, buildspec.Checkout{
			Project: convert.Project(c.Project), Branch: c.Branch, Tag: c.Tag, Commit: commitOf(s.set, c), Required: slices.Contains(job.RequiredProjects, c.Project),
		})
	}
	for _, n := range s.request.Status.Nodes {
		key := ""
		if n.Secret != "" {
			key = podspec.NodeKeyFile(n.Secret)
		}
		out.Nodes = append(out.Nodes, buildspec.Node{Key: key, Name: n.Name, Label: n.Label, Address: n.Address, Port: buildspec.SSHPort,
			User: n.User, Home: n.Home, Python: n.PythonPath, HostKey: n.HostKey, Groups: groupsOf(convert.NodesAskedFor(s.request), n.Name)})
	}
	for _, v := range job.IncludeVars {
		out.IncludeVars = append(out.IncludeVars, buildspec.IncludeVars{Path: v.Path, Project: convert.Project(v.Checkout.Project),
			Branch: v.Checkout.Branch, Tag: v.Checkout.Tag, Commit: v.Checkout.Commit, Trusted: v.Trusted, Required: v.Required})
	}
	for _, v := range []struct {
		from *apiextensionsv1.JSON
		to   any
	}{{job.Vars, &out.Vars}, {job.ExtraVars, &out.ExtraVars}, {job.HostVars, &out.HostVars}, {job.GroupVars, &out.GroupVars}} {
		if v.from == nil {
			continue
		}
		d := json.NewDecoder(bytes.NewReader(v.from.Raw))
		d.UseNumber()
		if err := d.Decode(v.to); err != nil {
			return out, fmt.Errorf("the job's variables: %w", err)
		}
	}
	return out, nil
}

// commitOf a checkout in the tested state.
func commitOf(set *gozer.BuildSet, c gozer.Checkout) string {
	for _, st := range set.Spec.States {
		if c.Tag == "" && st.Project == c.Project && st.Branch == c.Branch {
			return st.Commit
		}
	}
	return c.Commit
}

func groupsOf(nodes []gozer.NodeSpec, name string) []string {
	for _, n := range nodes {
		if n.Name == name {
			return n.Groups
		}
	}
	return nil
}

func change(c gozer.ChangeRef) buildspec.Change {
	return buildspec.Change{Project: convert.Project(c.Project), Number: c.Number, Patchset: c.Patchset, Branch: c.Branch, Ref: c.Ref, URL: c.URL, Head: c.Head, OldRev: c.OldRev}
}

func playbooks(in []gozer.Playbook) []buildspec.Playbook {
	var out []buildspec.Playbook
	for _, p := range in {
		b := buildspec.Playbook{Path: p.Path, Project: convert.Project(p.Project), Branch: p.Branch, Commit: p.Commit, Trusted: p.Trusted}
		b.Nesting, b.Cleanup = int(p.Nesting), p.Cleanup
		for _, s := range p.Semaphores {
			b.Semaphores = append(b.Semaphores, s.Name)
		}
		for _, r := range p.Roles {
			b.Roles = append(b.Roles, buildspec.Role{Project: convert.Project(r.Project), Branch: r.Branch, Tag: r.Tag, Commit: r.Commit, Name: r.Name, Implicit: r.Implicit})
		}
		for _, s := range p.Secrets {
			b.Secrets = append(b.Secrets, buildspec.PlaybookSecret{Alias: s.Alias, Secret: s.Secret})
		}
		out = append(out, b)
	}
	return out
}

// remember puts the end of the build into the history, and closes its log.
func (r *Reconciler) remember(ctx context.Context, s *scope) error {
	for attempt := int32(1); attempt <= s.build.Status.Attempt; attempt++ { // those of lost attempts have no other end
		if err := r.Logs.FinishLog(s.build.Namespace, s.build.Name, attempt); err != nil {
			return err
		}
	}
	return r.History.RecordBuild(ctx, HistoryOf(s.build, s.set))
}

// HistoryOf is what is remembered of a build, also while it runs.
func HistoryOf(b *gozer.Build, set *gozer.BuildSet) history.Build {
	out := history.Build{
		Tenant: b.Namespace, Name: b.Name, Pipeline: b.Spec.Pipeline, Project: convert.Project(b.Spec.Change.Project).Canonical(),
		Change: b.Spec.Change.Number, Patchset: cmp.Or(b.Spec.Change.Patchset, b.Spec.Change.Head), Branch: b.Spec.Change.Branch, ChangeURL: b.Spec.Change.URL,
		Item: b.Spec.Item, BuildSet: b.Spec.BuildSet, Epoch: int(set.Spec.Epoch), Job: b.Spec.Job.Name, Attempt: int(b.Status.Attempt),
		Voting: b.Spec.Job.Voting, Result: b.Status.Result, Reason: b.Status.Reason, FirstFailure: b.Status.FirstFailure,
		LogURL: b.Status.LogURL, Provides: b.Spec.Job.Provides, Artifacts: convert.Artifacts(b.Status.Returned),
	}
	for _, step := range set.Spec.Steps {
		if step.Change != b.Spec.Change {
			out.TestedOn = append(out.TestedOn, convert.ChangeName(step.Change))
		}
	}
	if b.Status.StartedAt != nil {
		out.Started = b.Status.StartedAt.Time
	}
	if b.Status.CompletedAt != nil {
		out.Ended = b.Status.CompletedAt.Time
	}
	return out
}
