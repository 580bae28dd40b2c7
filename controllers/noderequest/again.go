package noderequest

import (
	"context"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/naming"
	"github.com/gozer-dev/gozer/internal/nodes"
)

// launchOf a request is the one that it has come to.
func launchOf(q *gozer.NodeRequest) naming.Launch {
	return naming.Launch{Alternative: q.Status.Alternative, Failed: q.Status.FailedLaunches}
}

// nodesOf a launch, by their place among those asked for.
func nodesOf(pods []corev1.Pod, l naming.Launch) map[int]*corev1.Pod {
	out := map[int]*corev1.Pod{}
	for i := range pods {
		n, err := strconv.Atoi(pods[i].Labels[gozer.LabelNode])
		if err == nil && pods[i].Labels[gozer.LabelLaunch] == l.String() {
			out[n] = &pods[i]
		}
	}
	return out
}

// launchFailed has the nodes launched again, or gives their alternative up. What
// was launched goes: a request that begins again holds nothing.
func (r *Reconciler) launchFailed(s *scope, why string, gone bool) {
	st := &s.request.Status
	attempts := s.longest(func(p gozer.NodePoolSpec) int32 { return p.LaunchAttempts })
	if st.FailedLaunches+1 < attempts {
		st.FailedLaunches++
		r.anew(s, nodes.Again(st.FailedLaunches+1, attempts, why))
		return
	}
	if int(st.Alternative) == len(s.request.Spec.Alternatives) {
		st.Lost = gone // it says nothing about the nodes: the build is worth another attempt
	}
	r.impossible(s, why)
}

// impossible gives up the alternative that the request has come to: the next one
// is asked for, or the request has failed.
func (r *Reconciler) impossible(s *scope, why string) {
	st := &s.request.Status
	failures := slices.Concat(st.Failures, []string{convert.Cut(why, maxFailure)})
	if int(st.Alternative) == len(s.request.Spec.Alternatives) {
		r.fail(s, nodes.Failure(alternatives(s.request), failures))
		return
	}
	st.Failures, st.Alternative, st.FailedLaunches = failures, st.Alternative+1, 0
	r.anew(s, nodes.Alternative(int(st.Alternative), len(s.request.Spec.Alternatives), why))
}

// maxFailure is what is kept of why an alternative failed.
const maxFailure = 500

// anew lets the request wait for nodes again.
func (r *Reconciler) anew(s *scope, message string) {
	st := &s.request.Status
	st.State, st.Message, st.Nodes, st.LaunchedAt = gozer.NodesRequested, convert.Cut(message, 1000), nil, nil
}

func (r *Reconciler) fail(s *scope, message string) {
	s.request.Status.State, s.request.Status.Message = gozer.NodesFailed, convert.Cut(message, 1000)
	patch.Condition(&s.request.Status.Conditions, s.request.Generation, gozer.ConditionReady, false, "Failed", s.request.Status.Message, r.Now())
}

// alternatives of a request: the labels of each.
func alternatives(q *gozer.NodeRequest) [][]string {
	out := [][]string{labels(q.Spec.Nodes)}
	for _, a := range q.Spec.Alternatives {
		out = append(out, labels(a.Nodes))
	}
	return out
}

func labels(specs []gozer.NodeSpec) []string {
	var out []string
	for _, n := range specs {
		out = append(out, n.Label)
	}
	return out
}

// clear deletes the Pods of launches that failed. Those of the present one, and
// of one that the cache does not tell of yet, stay.
func (r *Reconciler) clear(ctx context.Context, s *scope) error {
	now := launchOf(s.before)
	return r.deletePods(ctx, s, func(p *corev1.Pod) bool {
		l, err := naming.ParseLaunch(p.Labels[gozer.LabelLaunch])
		return err == nil && l.Before(now)
	})
}
