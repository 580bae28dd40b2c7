package nodeview

import (
	"cmp"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/convert"
)

// Request is a NodeRequest that nobody has released yet.
type Request struct {
	Name   string                 `json:"name"`
	Tenant string                 `json:"tenant"`
	State  gozer.NodeRequestState `json:"state"`
	// Labels that are asked for now.
	Labels   []string `json:"labels"`
	Priority int32    `json:"priority"`
	Build    string   `json:"build"`
	Job      string   `json:"job,omitempty"`
	Change   string   `json:"change,omitempty"`
	// Message says what it waits for, or why it failed.
	Message string    `json:"message,omitempty"`
	Created time.Time `json:"created"`
	// Age in seconds.
	Age int64 `json:"age"`
}

// Requests of the facts that are not over, as they are served: by priority, the
// oldest first.
func Requests(f Facts) []Request {
	builds := map[string]*gozer.Build{}
	for i := range f.Builds {
		builds[f.Builds[i].Namespace+"/"+f.Builds[i].Name] = &f.Builds[i]
	}
	out := []Request{}
	for i := range f.Requests {
		q := &f.Requests[i]
		if q.Status.State == gozer.NodesReleased {
			continue
		}
		r := Request{
			Name: q.Name, Tenant: q.Namespace, State: cmp.Or(q.Status.State, gozer.NodesRequested), Labels: []string{}, Priority: q.Spec.Priority,
			Build: q.Spec.Build, Message: q.Status.Message, Created: q.CreationTimestamp.Time, Age: int64(f.Now.Sub(q.CreationTimestamp.Time).Seconds()),
		}
		for _, n := range convert.NodesAskedFor(q) {
			r.Labels = append(r.Labels, n.Label)
		}
		if b := builds[q.Namespace+"/"+q.Spec.Build]; b != nil {
			r.Job, r.Change = b.Spec.Job.Name, convert.ChangeName(b.Spec.Change)
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Request) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), a.Created.Compare(b.Created), cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// WriteRequests writes a table.
func WriteRequests(out io.Writer, all []Request) error {
	return table(out, "REQUEST\tTENANT\tSTATE\tLABELS\tPRIORITY\tJOB\tCHANGE\tAGE\tMESSAGE", func(row func(...string)) {
		for _, r := range all {
			row(r.Name, r.Tenant, string(r.State), strings.Join(r.Labels, ","), strconv.Itoa(int(r.Priority)), r.Job, r.Change, age(r.Age), r.Message)
		}
	})
}
