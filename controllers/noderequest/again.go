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

// nodesOf the request's present launch, by their place among those asked for. Two
// for one place can come of a cache that was old when a warm node was taken: the
// one that was noted counts, else the first by name.
func nodesOf(pods []corev1.Pod, q *gozer.NodeRequest) map[int]*corev1.Pod {
	noted := func(p *corev1.Pod) bool {
		return slices.ContainsFunc(q.Status.Nodes, func(n gozer.NodeStatus) bool { return n.Pod == p.Name })
	}
	out := map[int]*corev1.Pod{}
	for i := range pods {
		p := &pods[i]
		n, err := strconv.Atoi(p.Labels[gozer.LabelNode])
		if err != nil || p.Labels[gozer.LabelLaunch] != launchOf(q).String() {
			continue
		}
		if other := out[n]; other == nil || noted(p) || !noted(other) && p.Name < other.Name {
			out[n] = p
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

// clear deletes the Pods of launches that failed, and those that are one too many
// for their place. The others of the present launch, and those of one that the
// cache does not tell of yet, stay.
func (r *Reconciler) clear(ctx context.Context, s *scope) error {
	now := launchOf(s.before)
	return r.deletePods(ctx, s, func(p *corev1.Pod) bool {
		l, err := naming.ParseLaunch(p.Labels[gozer.LabelLaunch])
		return err == nil && (l.Before(now) || l == now && s.surplus(p))
	})
}

// surplus says whether another Pod is the node in this one's place.
func (s *scope) surplus(p *corev1.Pod) bool {
	n, err := strconv.Atoi(p.Labels[gozer.LabelNode])
	return err == nil && s.nodes[n] != nil && s.nodes[n].Name != p.Name
}
