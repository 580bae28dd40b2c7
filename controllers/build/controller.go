// Package build runs one job: when its nodes are there it publishes the
// tested state, decrypts the job's secrets and creates the executor Pod, follows
// it, and decides whether its end is a result or another attempt (Zuul: executor
// client, build retries).
//
// A Pod that vanishes, is evicted or loses its node says nothing about the
// change: it is a retry, up to the job's attempts.
package build

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/controllers/retry"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/history"
	"github.com/gozer-dev/gozer/internal/merger"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/naming"
	"github.com/gozer-dev/gozer/internal/podspec"
)

// History remembers builds. Recording one again changes nothing.
type History interface {
	RecordBuild(ctx context.Context, b history.Build) error
	Provided(ctx context.Context, p history.Provided) ([]history.Build, error)
}

// Logs closes the log of an attempt whose executor cannot do it any more.
type Logs interface {
	FinishLog(namespace, build string, attempt int32) error
}

// Settings of the builds of this installation.
type Settings struct {
	// Image that executors run.
	Image podspec.Image
	// Ansible is the image of the containers that run playbooks of Ansible.
	Ansible podspec.Image
	// MergerURL and ManagerURL as Pods reach them; WebURL as people do.
	MergerURL, ManagerURL, WebURL string
	// MergerAuthority is the certificate with which Pods check who the merger is.
	MergerAuthority string
	// WorkLimit bounds the work directory of a build; nil for no bound.
	WorkLimit *resource.Quantity
}

// Reconciler of Builds.
type Reconciler struct {
	client.Client
	// Live reads past the cache.
	Live     client.Reader
	Merger   merger.Merger
	History  History
	Logs     Logs
	Keys     Keys
	Settings Settings
	Now      func() time.Time
	// Namespace of the operator, where global Semaphores are.
	Namespace string
	// UndefinedSemaphores is how many semaphores a tenant may have that nobody defined.
	UndefinedSemaphores int
	// Workers is how many builds are looked at at once.
	Workers int

	// nodes are builds that wait for theirs.
	nodes patch.Later
}

const (
	// tellNodes is how long a build waits for its nodes before people see that:
	// mostly they are there before.
	tellNodes  = time.Second
	retryAfter = 2 * time.Second
	lookAgain  = 20 * time.Millisecond
)

// SetupWithManager registers the controller.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).Named("build").
		For(&gozer.Build{}, builder.WithPredicates(buildMoved())).
		Watches(&gozer.BuildSet{}, handler.EnqueueRequestsFromMapFunc(buildsOf)).
		Watches(&gozer.NodeRequest{}, handler.EnqueueRequestsFromMapFunc(buildOfRequest), builder.WithPredicates(requestMoved())).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(buildOfPod)).
		Watches(&gozer.Semaphore{}, newHolders()).
		WithOptions(retry.Options(r.Workers)).
		Complete(r)
}

func buildsOf(_ context.Context, obj client.Object) []reconcile.Request {
	b, ok := obj.(*gozer.BuildSet)
	if !ok {
		return nil
	}
	var out []reconcile.Request
	for _, j := range b.Spec.Jobs {
		out = append(out, reconcile.Request{NamespacedName: client.ObjectKey{Namespace: b.Namespace, Name: j.Build}})
	}
	return out
}

// buildMoved lets the controller see its own writes: a node's or Pod's event
// may come while the cache still shows the attempt before.
func buildMoved() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok1 := e.ObjectOld.(*gozer.Build)
		after, ok2 := e.ObjectNew.(*gozer.Build)
		return ok1 && ok2 && (before.Annotations[gozer.AnnotationReturned] != after.Annotations[gozer.AnnotationReturned] || before.Status.Attempt != after.Status.Attempt || before.Status.Phase != after.Status.Phase ||
			before.Status.SemaphoresHeld != after.Status.SemaphoresHeld)
	}}
}

func buildOfRequest(_ context.Context, obj client.Object) []reconcile.Request {
	n, ok := obj.(*gozer.NodeRequest)
	if !ok {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: n.Namespace, Name: n.Spec.Build}}}
}

func requestMoved() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok1 := e.ObjectOld.(*gozer.NodeRequest)
		after, ok2 := e.ObjectNew.(*gozer.NodeRequest)
		return ok1 && ok2 && (before.Status.State != after.Status.State || before.Status.Lost != after.Status.Lost)
	}}
}

func buildOfPod(_ context.Context, obj client.Object) []reconcile.Request {
	labels := obj.GetLabels()
	if labels[gozer.LabelRole] != RoleExecutor {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: obj.GetNamespace(), Name: labels[gozer.LabelBuild]}}}
}

// RoleExecutor is the value of LabelRole of executor Pods.
const RoleExecutor = "executor"

// scope is what is known of a build; gather fills it.
type scope struct {
	build  *gozer.Build
	before *gozer.Build
	set    *gozer.BuildSet
	// job is what the buildset decided about this job.
	job gozer.JobStatus
	// request is of the present attempt; nil before there is one.
	request *gozer.NodeRequest
	// pod of the present attempt; nil before there is one.
	pod *corev1.Pod
	// missing are the semaphores that the build needs and does not hold; notMade:
	// some of them are not there; tooMany: nor can they be made.
	missing          []string
	notMade, tooMany bool
}

// Reconcile moves the build on.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	s, err := r.gather(ctx, req)
	if err != nil || s == nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if s.build.Status.Result != "" {
		return ctrl.Result{}, r.cleanUp(ctx, s)
	}
	result, err := r.advance(ctx, s)
	if err != nil {
		return ctrl.Result{}, err
	}
	if s.build.Status.Result != "" {
		if err := r.remember(ctx, s); err != nil {
			return ctrl.Result{}, err
		}
	}
	if s.before.Status.Attempt == 0 && s.build.Status.Phase == gozer.BuildNodes && !s.build.Status.SemaphoresHeld {
		if wait := r.nodes.Left(s.build, tellNodes, r.Now()); wait > 0 {
			return ctrl.Result{RequeueAfter: soonest(wait, result.RequeueAfter)}, nil
		}
	}
	r.nodes.Done(req.NamespacedName)
	_, err = patch.Status(ctx, r.Client, s.build, s.before, patch.Lock)
	if apierrors.IsConflict(err) {
		// The cache lags behind our own write: a result that is there already stays.
		return ctrl.Result{RequeueAfter: lookAgain}, nil
	}
	if err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if s.build.Status.Result != "" || s.build.Status.Attempt != s.before.Status.Attempt {
		return result, r.cleanUp(ctx, s)
	}
	return result, nil
}

// soonest of two times to come back; 0 is never.
func soonest(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// gather reads what belongs to the build; nil when nothing is to be done.
func (r *Reconciler) gather(ctx context.Context, req ctrl.Request) (*scope, error) {
	s := &scope{build: &gozer.Build{}, set: &gozer.BuildSet{}}
	if err := r.Get(ctx, req.NamespacedName, s.build); err != nil {
		return nil, err
	}
	if s.build.DeletionTimestamp != nil {
		return nil, nil
	}
	s.before = s.build.DeepCopy()
	err := r.Get(ctx, client.ObjectKey{Namespace: req.Namespace, Name: s.build.Spec.BuildSet}, s.set)
	if err != nil {
		return nil, err
	}
	if err := r.adopted(ctx, s); err != nil {
		return nil, err
	}
	n := slices.IndexFunc(s.set.Spec.Jobs, func(j gozer.BuildSetJob) bool { return j.Build == s.build.Name })
	if n < 0 {
		return nil, nil // made by a manager that died before it made the buildset; another took its place
	}
	for _, j := range s.set.Status.Jobs {
		if j.Name == s.set.Spec.Jobs[n].Name {
			s.job = j
		}
	}
	if err := r.gatherSemaphores(ctx, s); err != nil {
		return nil, err
	}
	if s.build.Status.Attempt == 0 {
		if !s.job.Started || s.job.Result != "" || !s.mayAskForNodes() {
			return s, nil
		}
		// The first attempt follows from the job's start. It may be well under way.
		st := &s.build.Status
		st.Attempt, st.Phase, st.NodeRequest = 1, gozer.BuildNodes, naming.NodeRequest(s.build.Name, 1)
		if convert.SemaphoresBeforeNodes(s.build) {
			s.goOnWithSemaphores()
		}
	}
	return s, r.gatherAttempt(ctx, s)
}

func (r *Reconciler) gatherAttempt(ctx context.Context, s *scope) error {
	attempt := s.build.Status.Attempt
	var request gozer.NodeRequest
	err := r.Get(ctx, client.ObjectKey{Namespace: s.build.Namespace, Name: naming.NodeRequest(s.build.Name, attempt)}, &request)
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	if err == nil {
		s.request = &request
	}
	var pod corev1.Pod
	err = r.Get(ctx, client.ObjectKey{Namespace: s.build.Namespace, Name: naming.ExecutorPod(s.build.Name, attempt)}, &pod)
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	if err == nil {
		s.pod = &pod
	}
	return nil
}

// advance decides what the build's state is now, from what is there.
func (r *Reconciler) advance(ctx context.Context, s *scope) (ctrl.Result, error) {
	st := &s.build.Status
	switch {
	case s.set.Status.Canceled:
		r.finish(s, model.Canceled, s.set.Status.Reason)
	case s.job.Result != "":
		r.finish(s, model.BuildResult(s.job.Result), s.job.Reason) // skipped, or noop
	case !s.job.Started && len(s.set.Status.Jobs) == 0:
		// Its buildset was not looked at yet: most likely it starts right away.
	case !s.job.Started:
		st.Phase = gozer.BuildWaiting
	case !s.mayAskForNodes():
		s.waitForSemaphores(r.UndefinedSemaphores)
		return s.lookForSemaphores(), nil
	case s.request == nil:
		st.Phase = gozer.BuildNodes
	case s.request.Status.State == gozer.NodesFailed && s.request.Status.Lost:
		r.retry(s, s.request.Status.Message)
	case s.request.Status.State == gozer.NodesFailed:
		r.finish(s, model.NodeFailure, s.request.Status.Message)
	case s.request.Status.State == gozer.NodesFulfilled, s.request.Status.State == gozer.NodesReleased:
		return r.withNodes(ctx, s)
	default:
		st.Phase = gozer.BuildNodes
	}
	return ctrl.Result{}, nil
}

// withNodes starts the executor, or follows it.
func (r *Reconciler) withNodes(ctx context.Context, s *scope) (ctrl.Result, error) {
	st := &s.build.Status
	if s.pod == nil {
		switch {
		case st.Pod != "":
			r.retry(s, "the executor Pod was deleted")
		case s.request.Status.Lost || s.request.Status.State == gozer.NodesReleased:
			r.retry(s, s.request.Status.Message)
		case len(s.missing) > 0:
			s.waitForSemaphores(r.UndefinedSemaphores)
			return s.lookForSemaphores(), nil
		case !st.SemaphoresHeld && len(s.build.Spec.Job.Semaphores) > 0:
			s.goOnWithSemaphores() // the Pod is made when that is written
		default:
			return r.start(ctx, s)
		}
		return ctrl.Result{}, nil
	}
	o, decided := podspec.OfExecutor(s.pod)
	switch {
	case !decided && s.request.Status.Lost:
		r.retry(s, s.request.Status.Message)
	case !decided && podspec.Running(s.pod) && podspec.Waiting(s.pod) == "":
		if strings.HasPrefix(st.Reason, waiting) {
			st.Reason = ""
		}
		r.following(s)
		return ctrl.Result{}, s.running()
	case !decided:
		// It starts; the Pod tells when it runs.
		if why := podspec.Waiting(s.pod); why != "" {
			st.Reason = convert.Cut(waiting+why, 1000)
		}
	default:
		r.following(s)
		if err := takeNoted(s.build); err != nil {
			return ctrl.Result{}, err
		}
		if o.Returned {
			if there, err := takeReturned(s.build); err != nil || !there {
				return ctrl.Result{RequeueAfter: lookAgain}, err
			}
		}
		r.decided(s, o)
	}
	return ctrl.Result{}, nil
}

// running is what a build is whose executor runs.
func (s *scope) running() error {
	st := &s.build.Status
	st.Phase = gozer.BuildRunning
	if err := takeNoted(s.build); err != nil {
		return err
	}
	if st.Phase == gozer.BuildPaused && s.before.Status.Phase == gozer.BuildPaused && s.job.Resume {
		st.Phase, st.Resumed = gozer.BuildRunning, true
	}
	return nil
}

// waiting begins the reason of a build whose Pod does not start.
const waiting = "waiting: "

// following notes where the attempt runs and its log is.
func (r *Reconciler) following(s *scope) {
	st := &s.build.Status
	st.Pod = s.pod.Name
	if st.LogURL == "" && r.Settings.WebURL != "" {
		st.LogURL = fmt.Sprintf("%s/t/%s/build/%s", r.Settings.WebURL, s.build.Namespace, s.build.Name)
	}
	if st.StartedAt == nil && s.pod.Status.StartTime != nil {
		st.StartedAt = convert.MicroTime(s.pod.Status.StartTime.Time)
	}
}

// start publishes the tested state, decrypts the job's secrets and creates the
// executor Pod.
func (r *Reconciler) start(ctx context.Context, s *scope) (ctrl.Result, error) {
	if err := r.publish(ctx, s); err != nil {
		if merger.IsTerminal(err) {
			r.finish(s, model.BuildError, err.Error())
			return ctrl.Result{}, nil
		}
		s.build.Status.Reason = convert.Cut("publishing the tested state is tried again: "+err.Error(), 1000)
		return ctrl.Result{RequeueAfter: retryAfter}, nil
	}
	parents, err := r.parents(ctx, s)
	if err != nil {
		return ctrl.Result{}, err
	}
	spec, err := r.spec(s)
	if err != nil {
		r.finish(s, model.BuildError, err.Error())
		return ctrl.Result{}, nil
	}
	if spec.Artifacts, err = r.artifacts(ctx, s, parents); err != nil {
		return ctrl.Result{}, err
	}
	if err := r.about(ctx, s, &spec); err != nil {
		return ctrl.Result{}, err
	}
	pod, err := r.executorPod(s, spec, parents)
	if err != nil {
		r.finish(s, model.BuildError, err.Error())
		return ctrl.Result{}, nil
	}
	var broken *secretError
	if err := r.giveSecrets(ctx, s); errors.As(err, &broken) {
		r.finish(s, model.BuildError, broken.reason)
		return ctrl.Result{}, nil
	} else if err != nil {
		s.build.Status.Reason = convert.Cut("giving the job its secrets is tried again: "+err.Error(), 1000)
		return ctrl.Result{RequeueAfter: retryAfter}, nil //nolint:nilerr // it is in the status, and tried again
	}
	if err := r.Create(ctx, pod); err != nil && !apierrors.IsAlreadyExists(err) {
		return ctrl.Result{}, fmt.Errorf("executor Pod: %w", err)
	}
	// Nothing is written before the Pod runs: its name says all, and making it
	// again is AlreadyExists.
	return ctrl.Result{}, nil
}
