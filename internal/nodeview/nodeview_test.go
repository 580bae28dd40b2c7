package nodeview

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func pod(name string, change func(*corev1.Pod)) corev1.Pod {
	p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: name, CreationTimestamp: metav1.NewTime(noon.Add(-90 * time.Second)),
		Labels: map[string]string{gozer.LabelPool: "default", gozer.LabelNodeLabel: "debian-12"}}}
	p.Status.Phase, p.Status.PodIP = corev1.PodRunning, "10.0.0.1"
	if change != nil {
		change(&p)
	}
	return p
}

func of(build string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Labels[gozer.LabelNodeRequest], p.Labels[gozer.LabelBuild] = build+"-1", build
		p.Labels[gozer.LabelNodeState] = string(gozer.NodeInUse)
	}
}

func kept(p *corev1.Pod) {
	of("z")(p)
	p.Labels[gozer.LabelNodeState], p.Labels[gozer.LabelHold] = string(gozer.NodeHold), "look"
	p.Annotations = map[string]string{gozer.AnnotationHoldReason: "fails only here", gozer.AnnotationHoldUntil: "2026-01-02T12:00:00Z"}
}

func TestStateOf(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*corev1.Pod)
		want   gozer.NodeState
	}{
		"warm":            {nil, gozer.NodeReady},
		"starts":          {func(p *corev1.Pod) { p.Status = corev1.PodStatus{} }, gozer.NodeBuilding},
		"made for":        {func(p *corev1.Pod) { of("b")(p); p.Status = corev1.PodStatus{} }, gozer.NodeBuilding},
		"in use":          {of("b"), gozer.NodeInUse},
		"ended":           {func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }, gozer.NodeFailed},
		"being deleted":   {func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: noon} }, gozer.NodeDeleting},
		"held":            {func(p *corev1.Pod) { of("b")(p); p.Labels[gozer.LabelNodeState] = "hold" }, gozer.NodeHold},
		"held, and ended": {func(p *corev1.Pod) { p.Labels[gozer.LabelNodeState] = "hold"; p.Status.Phase = corev1.PodFailed }, gozer.NodeFailed},
	} {
		t.Run(name, func(t *testing.T) {
			p := pod("n", tc.change)
			if got := StateOf(&p); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

func facts() Facts {
	build := func(name, job, result string) gozer.Build {
		b := gozer.Build{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: name}}
		b.Spec.Job.Name, b.Status.Result = job, result
		b.Spec.Change = gozer.ChangeRef{Project: gozer.ProjectRef{Name: "acme/api"}, Number: 7}
		return b
	}
	request := func(name string, priority int32, age time.Duration, st gozer.NodeRequestStatus) gozer.NodeRequest {
		return gozer.NodeRequest{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: name, CreationTimestamp: metav1.NewTime(noon.Add(-age))},
			Spec: gozer.NodeRequestSpec{Build: strings.TrimSuffix(name, "-1"), Priority: priority, Nodes: []gozer.NodeSpec{{Label: "debian-12"}},
				Alternatives: []gozer.NodeAlternative{{Nodes: []gozer.NodeSpec{{Label: "fedora"}, {Label: "arch"}}}}}, Status: st}
	}
	return Facts{
		Pods:   []corev1.Pod{pod("z-n0", of("z")), pod("warm", nil), pod("b-n0", of("b")), pod("gone-n0", of("gone")), pod("kept-n0", kept)},
		Builds: []gozer.Build{build("b", "unit", ""), build("z", "lint", "FAILURE"), build("w", "docs\x1b", "")},
		Requests: []gozer.NodeRequest{
			request("b-1", 200, time.Minute, gozer.NodeRequestStatus{State: gozer.NodesFulfilled, Nodes: []gozer.NodeStatus{{Name: "x", Label: "Debian/12", Pod: "b-n0"}}}),
			request("z-1", 200, time.Minute, gozer.NodeRequestStatus{State: gozer.NodesReleased}),
			request("w-1", 300, time.Hour, gozer.NodeRequestStatus{State: gozer.NodesRequested, Alternative: 1, Message: "pool default has 2 of at most 2 nodes in use"}),
		},
		Now: noon,
	}
}

func TestNodes(t *testing.T) {
	var out strings.Builder
	if err := WriteNodes(&out, Nodes(facts())); err != nil {
		t.Fatal(err)
	}
	want := `
NODE     TENANT  LABEL      POOL     STATE   BUILD  JOB   CHANGE      AGE    MESSAGE
b-n0     acme    Debian/12  default  in-use  b      unit  acme/api#7  1m30s
gone-n0  acme    debian-12  default  in-use  gone                     1m30s
kept-n0  acme    debian-12  default  hold    z      lint  acme/api#7  1m30s  until 2026-01-02 12:00Z held by look: fails only here
warm     acme    debian-12  default  ready                            1m30s
z-n0     acme    debian-12  default  used    z      lint  acme/api#7  1m30s
`
	if diff := cmp.Diff(tidy(want), tidy(out.String())); diff != "" {
		t.Error(diff)
	}
}

func TestRequests(t *testing.T) {
	var out strings.Builder
	if err := WriteRequests(&out, Requests(facts())); err != nil {
		t.Fatal(err)
	}
	want := `
REQUEST  TENANT  STATE      LABELS       PRIORITY  JOB   CHANGE      AGE   MESSAGE
b-1      acme    Fulfilled  debian-12    200       unit  acme/api#7  1m0s
w-1      acme    Requested  fedora,arch  300       docs  acme/api#7  1h0m  pool default has 2 of at most 2 nodes in use
`
	if diff := cmp.Diff(tidy(want), tidy(out.String())); diff != "" {
		t.Error(diff)
	}
}

// tidy leaves out how many spaces there are.
func tidy(text string) []string {
	var out []string
	for line := range strings.Lines(strings.TrimSpace(text)) {
		out = append(out, strings.Join(strings.Fields(line), " "))
	}
	return out
}
