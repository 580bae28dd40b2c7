package pipeline

import (
	"context"
	"errors"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/configsource"
	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/model"
)

// host answers every question with the same error, and counts them.
type host struct {
	drivers.Host
	err   error
	asked int
}

func (h *host) Change(context.Context, model.Project, int64) (model.Change, error) {
	h.asked++
	return model.Change{}, h.err
}

type registry map[string]*host

func (r registry) Host(_ context.Context, connection string) (drivers.Host, error) {
	return r[connection], nil
}

// TestSlowHost: a host that does not answer is asked once at a time, and the events
// of another do not wait for it.
func TestSlowHost(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := gozer.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	hosts := registry{"slow": {err: context.DeadlineExceeded}, "quick": {err: drivers.ErrNotFound}}
	var events []gozer.TriggerEvent
	for _, connection := range []string{"slow", "quick", "slow", "quick", "slow"} {
		e := gozer.TriggerEvent{ObjectMeta: metav1.ObjectMeta{Namespace: "gozer", Name: string(rune('a' + len(events)))}}
		e.Spec = gozer.TriggerEventSpec{Connection: connection, Event: "pull_request", Project: "acme/api", Number: 1, ReceivedAt: metav1.NewMicroTime(now)}
		events = append(events, e)
	}
	builder := fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&gozer.TriggerEvent{})
	for i := range events {
		builder = builder.WithObjects(&events[i])
	}
	c := builder.Build()
	var list gozer.TriggerEventList
	if err := c.List(t.Context(), &list); err != nil {
		t.Fatal(err)
	}
	r := &Reconciler{Client: c, Live: c, Hosts: hosts, Namespace: "gozer", Now: func() time.Time { return now }}
	s := &scope{tenant: &gozer.Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "acme"}}, now: now}
	for _, connection := range []string{"slow", "quick"} {
		s.projects = append(s.projects, configsource.Project{Project: model.Project{Connection: connection, Hostname: connection, Name: "acme/api"}})
	}
	_, err := r.dealAll(t.Context(), s, list.Items)
	if !errors.Is(err, context.DeadlineExceeded) || hosts["slow"].asked != 1 || hosts["quick"].asked != 2 {
		t.Errorf("%v; asked the slow one %d times, the quick one %d times", err, hosts["slow"].asked, hosts["quick"].asked)
	}
	if err := c.List(t.Context(), &list); err != nil {
		t.Fatal(err)
	}
	for i := range list.Items {
		if e := &list.Items[i]; DealtWith(e, "acme") != (e.Spec.Connection == "quick") {
			t.Errorf("%s of %s: dealt with: %v", e.Name, e.Spec.Connection, DealtWith(e, "acme"))
		}
	}
}

// TestTenantsTellAtOnce: tenants that deal with one event at the same time, and see
// it as it was before, all leave on it what they made of it.
func TestTenantsTellAtOnce(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := gozer.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	e := &gozer.TriggerEvent{ObjectMeta: metav1.ObjectMeta{Namespace: "gozer", Name: "e"}}
	c := fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(e).WithObjects(e).Build()
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(e), e); err != nil {
		t.Fatal(err)
	}
	r := &Reconciler{Client: c, Live: c}
	tenants := []string{"acme", "lab", "shop", "site"}
	var all errgroup.Group
	for _, name := range tenants {
		all.Go(func() error {
			return r.write(t.Context(), e.DeepCopy(), gozer.EventOutcome{Tenant: name})
		})
	}
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(e), e); err != nil {
		t.Fatal(err)
	}
	for _, name := range tenants {
		if !DealtWith(e, name) {
			t.Errorf("what %s made of it is lost: %+v", name, e.Status.Tenants)
		}
	}
}
