package story

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
)

// Numbers are what a round cost.
type Numbers struct {
	// FirstPod is the time from a change's approval until the first Pod of its
	// gate runs: the median over the changes, and each.
	FirstPod time.Duration
	Each     []time.Duration
	// Writes to the Kubernetes API by the manager, for each change, from the
	// first approval until the gate was empty.
	Writes float64
	// Memory of the manager in the end, in bytes.
	Memory float64
}

// Clock notes when Pods are first seen to run. Kubernetes itself tells whole seconds only.
type Clock struct {
	mu      sync.Mutex
	running map[string]time.Time // by buildset, of the pipeline gate
	writes  float64
}

// StartClock watches until ctx ends, and notes where the manager's count of writes stands.
func (st *Stage) StartClock(ctx context.Context) (*Clock, error) {
	c := &Clock{running: map[string]time.Time{}}
	m, err := st.Metrics(ctx)
	if err != nil {
		return nil, err
	}
	c.writes = m.Writes
	var pods corev1.PodList
	w, err := st.Kube.Watch(ctx, &pods, client.InNamespace(Tenant), client.MatchingLabels{gozer.LabelPipeline: "gate"})
	if err != nil {
		return nil, err
	}
	go func() {
		defer w.Stop()
		for e := range w.ResultChan() {
			if p, ok := e.Object.(*corev1.Pod); ok && p.Status.Phase == corev1.PodRunning {
				c.note(p.Labels[gozer.LabelBuildSet], time.Now())
			}
		}
	}()
	return c, nil
}

func (c *Clock) note(buildSet string, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.running[buildSet]; !ok {
		c.running[buildSet] = at
	}
}

// Numbers of a round that is over.
func (st *Stage) Numbers(ctx context.Context, c *Clock, o *Outcome) (Numbers, error) {
	m, err := st.Metrics(ctx)
	if err != nil {
		return Numbers{}, err
	}
	n := Numbers{Writes: (m.Writes - c.writes) / float64(len(o.Gated)), Memory: m.Memory}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, g := range o.Gated {
		if at, ok := c.running[g.Sets[0].Name]; ok {
			n.Each = append(n.Each, at.Sub(g.Approved))
		}
	}
	if len(n.Each) < len(o.Gated) {
		return n, fmt.Errorf("of %d of %d changes no running Pod was seen", len(o.Gated)-len(n.Each), len(o.Gated))
	}
	sorted := slices.Sorted(slices.Values(n.Each))
	n.FirstPod = sorted[len(sorted)/2]
	return n, nil
}

// Metrics of the manager's process; merges it has only with OnePod.
type Metrics struct{ Writes, Memory, Merges float64 }

const metricsPort = "8082"

// Metrics asks the manager by way of the API server.
func (st *Stage) Metrics(ctx context.Context) (Metrics, error) {
	pod, err := st.ManagerPod(ctx)
	if err != nil {
		return Metrics{}, err
	}
	data, err := st.Clientset.CoreV1().Pods(Namespace).ProxyGet("http", pod.Name, metricsPort, "/metrics", nil).DoRaw(ctx)
	if err != nil {
		return Metrics{}, fmt.Errorf("metrics of %s: %w", pod.Name, err)
	}
	return parseMetrics(string(data)), nil
}

func parseMetrics(text string) Metrics {
	var m Metrics
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		value, err := strconv.ParseFloat(fields[len(fields)-1], 64)
		if err != nil {
			continue
		}
		name, _, _ := strings.Cut(fields[0], "{")
		switch name {
		case "gozer_api_writes_total":
			m.Writes += value
		case "process_resident_memory_bytes":
			m.Memory = value
		case "gozer_merger_merges_total":
			m.Merges = value
		}
	}
	return m
}

// ManagerPod is the manager's Pod that runs.
func (st *Stage) ManagerPod(ctx context.Context) (*corev1.Pod, error) {
	var pods corev1.PodList
	if err := st.Kube.List(ctx, &pods, client.InNamespace(Namespace), client.MatchingLabels{"app.kubernetes.io/component": "manager"}); err != nil {
		return nil, err
	}
	for i := range pods.Items {
		if p := &pods.Items[i]; p.DeletionTimestamp == nil && p.Status.Phase == corev1.PodRunning {
			return p, nil
		}
	}
	return nil, fmt.Errorf("no manager runs in %s", Namespace)
}
