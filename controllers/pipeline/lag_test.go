package pipeline

import (
	"context"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/configsource"
	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/model"
)

// behind is a host that is polled, and shows what was before its webhook.
type behind struct {
	drivers.Host
	drivers.Poller
	change model.Change
	err    error
}

func (b behind) Change(context.Context, model.Project, int64) (model.Change, error) {
	return b.change, b.err
}

// TestLag: what a host does not show yet is asked for again, for a while; a host
// that always shows what it told of is believed at once.
func TestLag(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	old := model.Change{Patchset: "old", Open: true}
	merged := model.Change{Patchset: "old", Merged: true}
	for name, tc := range map[string]struct {
		change    model.Change
		err       error
		age       time.Duration
		patchset  string
		notSpread bool
		waits     bool
	}{
		"not there yet":                  {err: drivers.ErrNotFound, waits: true},
		"never there":                    {err: drivers.ErrNotFound, age: settling + time.Second},
		"at the version before":          {change: old, patchset: "new", waits: true},
		"at another version for long":    {change: old, patchset: "new", age: settling + time.Second},
		"at the version":                 {change: old, patchset: "old"},
		"the event names none":           {change: old},
		"merged since":                   {change: merged, patchset: "new"},
		"a host that answers for itself": {err: drivers.ErrNotFound, notSpread: true},
	} {
		var host drivers.Host = behind{change: tc.change, err: tc.err}
		if tc.notSpread {
			host = struct{ drivers.Host }{host}
		}
		s := &scope{now: now.Add(tc.age)}
		got := s.lags(host, tc.change, tc.err, model.TriggerEvent{ReceivedAt: now, Patchset: tc.patchset})
		if (got != "") != tc.waits {
			t.Errorf("%s: %q, want to wait: %v", name, got, tc.waits)
		}
	}
}

// TestLagIsNotDealtWith: an event that waits for its host is not done with, and is
// looked at again soon.
func TestLagIsNotDealtWith(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	e := gozer.TriggerEvent{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Spec: gozer.TriggerEventSpec{Connection: "github", Event: "pull_request", Action: "opened",
		Project: "acme/api", Number: 1, ReceivedAt: metav1.NewMicroTime(now)}}
	r := &Reconciler{Hosts: only{behind{err: drivers.ErrNotFound}}, Now: func() time.Time { return now }}
	s := &scope{tenant: &gozer.Tenant{}, now: now, projects: []configsource.Project{{Project: model.Project{Connection: "github", Name: "acme/api"}}}}
	result, err := r.dealAll(t.Context(), s, []gozer.TriggerEvent{e})
	if err != nil || result.RequeueAfter != askAgain {
		t.Errorf("%v, %v", result, err)
	}
}

// only is a registry of one host.
type only struct{ host drivers.Host }

func (o only) Host(context.Context, string) (drivers.Host, error) { return o.host, nil }
