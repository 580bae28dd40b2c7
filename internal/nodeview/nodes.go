package nodeview

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	corev1 "k8s.io/api/core/v1"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/podspec"
	"github.com/gozer-dev/gozer/internal/statusview"
)

// Facts are what is shown, of one tenant or of all.
type Facts struct {
	Pods     []corev1.Pod
	Requests []gozer.NodeRequest
	Builds   []gozer.Build
	Now      time.Time
}

// Node is a node Pod.
type Node struct {
	Name   string          `json:"name"`
	Tenant string          `json:"tenant"`
	Label  string          `json:"label"`
	Pool   string          `json:"pool"`
	State  gozer.NodeState `json:"state"`
	// Message says why it does not start, or why it failed.
	Message string `json:"message,omitempty"`
	// Request, Build, Job and Change that have it; none for a warm one.
	Request string `json:"request,omitempty"`
	Build   string `json:"build,omitempty"`
	Job     string `json:"job,omitempty"`
	Change  string `json:"change,omitempty"`
	Address string `json:"address,omitempty"`
	// Hold that keeps it, why, and until when.
	Hold       string     `json:"hold,omitempty"`
	HoldReason string     `json:"holdReason,omitempty"`
	HoldUntil  *time.Time `json:"holdUntil,omitempty"`
	Created    time.Time  `json:"created"`
	// Age in seconds.
	Age int64 `json:"age"`
}

// Nodes of the facts, by tenant, pool and label; the oldest first.
func Nodes(f Facts) []Node {
	requests, builds := map[string]*gozer.NodeRequest{}, map[string]*gozer.Build{}
	for i := range f.Requests {
		requests[f.Requests[i].Namespace+"/"+f.Requests[i].Name] = &f.Requests[i]
	}
	for i := range f.Builds {
		builds[f.Builds[i].Namespace+"/"+f.Builds[i].Name] = &f.Builds[i]
	}
	out := []Node{}
	for i := range f.Pods {
		p := &f.Pods[i]
		n := ofPod(p, f.Now)
		n.belongs(p, requests[p.Namespace+"/"+n.Request], builds[p.Namespace+"/"+n.Build])
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b Node) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Label, b.Label), a.Created.Compare(b.Created), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func ofPod(p *corev1.Pod, now time.Time) Node {
	n := Node{
		Name: p.Name, Tenant: p.Namespace, Label: p.Labels[gozer.LabelNodeLabel], Pool: p.Labels[gozer.LabelPool],
		State: StateOf(p), Message: podspec.OfNode(p).Message, Request: p.Labels[gozer.LabelNodeRequest], Build: p.Labels[gozer.LabelBuild],
		Address: p.Status.PodIP, Created: p.CreationTimestamp.Time, Age: int64(now.Sub(p.CreationTimestamp.Time).Seconds()),
		Hold: p.Labels[gozer.LabelHold], HoldReason: p.Annotations[gozer.AnnotationHoldReason],
	}
	if until, err := time.Parse(time.RFC3339, p.Annotations[gozer.AnnotationHoldUntil]); err == nil {
		n.HoldUntil = &until
	}
	return n
}

// belongs notes for what a node is. Its request has the label's own name, which
// the Pod has only as far as it fits there.
func (n *Node) belongs(p *corev1.Pod, q *gozer.NodeRequest, b *gozer.Build) {
	if q != nil {
		for _, of := range q.Status.Nodes {
			if of.Pod == p.Name {
				n.Label = of.Label
			}
		}
		if q.Status.State == gozer.NodesReleased && n.State == gozer.NodeInUse {
			n.State = gozer.NodeUsed
		}
	}
	if b == nil {
		return
	}
	n.Job, n.Change = b.Spec.Job.Name, convert.ChangeName(b.Spec.Change)
	if b.Status.Result != "" && n.State == gozer.NodeInUse {
		n.State = gozer.NodeUsed
	}
}

// WriteNodes writes a table.
func WriteNodes(out io.Writer, all []Node) error {
	return table(out, "NODE\tTENANT\tLABEL\tPOOL\tSTATE\tBUILD\tJOB\tCHANGE\tAGE\tMESSAGE", func(row func(...string)) {
		for _, n := range all {
			row(n.Name, n.Tenant, n.Label, n.Pool, string(n.State), n.Build, n.Job, n.Change, age(n.Age), n.told())
		}
	})
}

// told is what the last column says.
func (n Node) told() string {
	if n.Hold == "" {
		return n.Message
	}
	text := "held by " + n.Hold + ": " + n.HoldReason
	if n.HoldUntil != nil {
		text = "until " + n.HoldUntil.UTC().Format("2006-01-02 15:04Z") + " " + text
	}
	return text
}

func age(seconds int64) string { return statusview.Span(time.Duration(seconds) * time.Second) }

// table of cells that strangers may have written.
func table(out io.Writer, header string, rows func(row func(...string))) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if _, err := fmt.Fprintln(w, header); err != nil {
		return err
	}
	rows(func(cells ...string) {
		for i := range cells {
			cells[i] = statusview.Clean(cells[i])
		}
		fmt.Fprintln(w, strings.TrimRight(strings.Join(cells, "\t"), "\t")) //nolint:errcheck // Flush tells
	})
	return w.Flush()
}
