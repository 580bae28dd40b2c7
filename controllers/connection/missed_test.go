package connection

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/history"
	"github.com/gozer-dev/gozer/internal/intake"
	"github.com/gozer-dev/gozer/internal/model"
)

const namespace = "gozer"

// host is a code host that has a few things to tell.
type host struct {
	drivers.Host
	whoami error
	// missed is what it knows of and until when; asked since when it was asked, and
	// of what.
	missed   []drivers.MissedEvent
	until    time.Time
	failed   error
	since    []time.Time
	projects []model.Project
	health   drivers.Health
	unwell   error
}

func (h *host) Whoami(context.Context) (account, version string, err error) {
	return "gozer[bot]", "github.com", h.whoami
}

func (h *host) Missed(_ context.Context, projects []model.Project, since time.Time, found func(drivers.MissedEvent) error) (time.Time, error) {
	h.since, h.projects = append(h.since, since), projects
	for _, e := range h.missed {
		if err := found(e); err != nil {
			return since, err
		}
	}
	return h.until, h.failed
}

func (h *host) Health(context.Context) (drivers.Health, error) { return h.health, h.unwell }

type registry struct{ one *host }

func (h registry) Host(context.Context, string) (drivers.Host, error) { return h.one, nil }

type builds []history.Build

func (b builds) Builds(_ context.Context, f history.Filter) ([]history.Build, error) {
	var out []history.Build
	for _, x := range b {
		if x.Change == f.Change && f.Project == "code.example/acme/api" {
			out = append(out, x)
		}
	}
	return out, nil
}

type world struct {
	*testing.T
	client client.Client
	host   *host
	r      *Reconciler
	now    time.Time
	// create refuses to create TriggerEvents when it says so.
	create func(e *gozer.TriggerEvent) error
}

func newWorld(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	s := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(s), gozer.AddToScheme(s)); err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, host: &host{}, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	w.host.until = w.now
	objects = append(objects,
		&gozer.Connection{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "github"}, Spec: gozer.ConnectionSpec{Driver: "github", URL: "https://code.example", SecretName: "x"}},
		tenant("acme", "github", "acme/api"))
	w.client = fake.NewClientBuilder().WithScheme(s).WithObjects(objects...).WithStatusSubresource(&gozer.Connection{}).
		WithInterceptorFuncs(interceptor.Funcs{Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if e, ok := o.(*gozer.TriggerEvent); ok && w.create != nil {
				if err := w.create(e); err != nil {
					return err
				}
			}
			return c.Create(ctx, o, opts...)
		}}).Build()
	w.r = &Reconciler{Client: w.client, Hosts: registry{w.host}, History: builds{}, Namespace: namespace, Now: func() time.Time { return w.now }}
	return w
}

func tenant(name, connection, project string) *gozer.Tenant {
	t := &gozer.Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: name}}
	t.Spec.Sources = []gozer.TenantSource{{Connection: connection, UntrustedProjects: []gozer.TenantProject{{Name: project}}}}
	return t
}

// reconcile once, and give what the connection has to say of it.
func (w *world) reconcile() gozer.ConnectionStatus {
	w.Helper()
	if _, err := w.r.Reconcile(w.Context(), ctrl.Request{NamespacedName: client.ObjectKey{Namespace: namespace, Name: "github"}}); err != nil {
		w.Fatal(err)
	}
	var c gozer.Connection
	if err := w.client.Get(w.Context(), client.ObjectKey{Namespace: namespace, Name: "github"}, &c); err != nil {
		w.Fatal(err)
	}
	return c.Status
}

// stored events: what they tell, and of which change.
func (w *world) stored() []string {
	w.Helper()
	var list gozer.TriggerEventList
	if err := w.client.List(w.Context(), &list); err != nil {
		w.Fatal(err)
	}
	var out []string
	for _, e := range list.Items {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s#%d %s%s", e.Spec.Event, e.Spec.Action, e.Spec.Number, e.Spec.Label, e.Spec.Ref)))
	}
	slices.Sort(out)
	return out
}

func pull(action string, number int64) model.TriggerEvent {
	return model.TriggerEvent{Name: fmt.Sprintf("polled %s %d", action, number), Event: "pull_request", Action: action, Project: "acme/api", Number: number, Patchset: "p1"}
}

func exact(e model.TriggerEvent) drivers.MissedEvent {
	return drivers.MissedEvent{TriggerEvent: e, Exact: true}
}

func compared(e model.TriggerEvent) drivers.MissedEvent { return drivers.MissedEvent{TriggerEvent: e} }

// webhook stores what a webhook told.
func (w *world) webhook(e model.TriggerEvent, ago time.Duration) {
	w.Helper()
	e.Connection, e.ReceivedAt = "github", w.now.Add(-ago)
	e.Name = intake.EventName("github", e, e.Name, 0)
	if err := w.client.Create(w.Context(), convert.TriggerEventObject(namespace, e, "guid-"+e.Name)); err != nil {
		w.Fatal(err)
	}
}

// TestCatchUp: what a poll finds is stored once, and then it is known until when
// all is.
func TestCatchUp(t *testing.T) {
	w := newWorld(t)
	began := w.now
	w.reconcile()
	w.now, w.host.until = w.now.Add(5*time.Minute), w.now.Add(4*time.Minute)
	comment := model.TriggerEvent{Name: "issue_comment 3 created", Event: "pull_request", Action: "comment", Project: "acme/api", Number: 2}
	check := model.TriggerEvent{Name: "delivery 9", Event: "check_run", Action: "completed", Project: "acme/api", Number: 1}
	check2 := check
	check2.Number = 2
	// A delivery that did not arrive and a poll find the same comment; one check is of two changes.
	w.host.missed = []drivers.MissedEvent{compared(pull("opened", 1)), exact(comment), exact(comment), exact(check), exact(check2)}
	want := []string{"check_run completed#1", "check_run completed#2", "pull_request comment#2", "pull_request opened#1"}
	for range 2 {
		status := w.reconcile()
		if diff := cmp.Diff(want, w.stored()); diff != "" {
			t.Error(diff)
		}
		if got := status.CompleteUntil; got == nil || !got.Time.Equal(w.host.until) {
			t.Errorf("complete until %v, not %v", got, w.host.until)
		}
	}
	if since := []time.Time{began, began, w.host.until}; !slices.EqualFunc(since, w.host.since, time.Time.Equal) {
		t.Errorf("asked since %v, not %v", w.host.since, since)
	}
}

// TestNotStored: an error in the middle loses nothing, and what never can be stored
// keeps nothing else from being.
func TestNotStored(t *testing.T) {
	w := newWorld(t)
	w.reconcile()
	began := w.now
	w.now, w.host.until = w.now.Add(5*time.Minute), w.now.Add(4*time.Minute)
	w.host.missed = []drivers.MissedEvent{compared(pull("opened", 1)), compared(pull("opened", 2)), compared(pull("opened", 3))}
	w.create = func(e *gozer.TriggerEvent) error {
		if e.Spec.Number == 2 {
			return errors.New("the API server is away")
		}
		return nil
	}
	status := w.reconcile()
	if !status.CompleteUntil.Time.Equal(began) || !strings.Contains(status.LastError, "is away") {
		t.Errorf("complete until %v: %s", status.CompleteUntil, status.LastError)
	}
	w.create = func(e *gozer.TriggerEvent) error {
		if e.Spec.Number == 2 {
			return apierrors.NewInvalid(schema.GroupKind{Kind: "TriggerEvent"}, e.Name, nil)
		}
		return nil
	}
	status = w.reconcile()
	if diff := cmp.Diff([]string{"pull_request opened#1", "pull_request opened#3"}, w.stored()); diff != "" || !status.CompleteUntil.Time.Equal(w.host.until) {
		t.Errorf("complete until %v %s", status.CompleteUntil, diff)
	}
}

// TestTold: what a webhook told is not taken again; what is another thing is.
func TestTold(t *testing.T) {
	labeled := func(action, label string) model.TriggerEvent {
		e := pull(action, 1)
		e.Label = label
		return e
	}
	push := model.TriggerEvent{Name: "push x", Event: "push", Project: "acme/api", Ref: "refs/heads/main", NewRev: "n1"}
	moved := push
	moved.Name, moved.NewRev = "push y", "n2"
	newer := pull("changed", 1)
	newer.Patchset = "p2"
	web := pull("opened", 1)
	web.Project = "acme/web"
	upper := pull("opened", 1)
	upper.Project = "Acme/API"
	edited := pull("edited", 1)
	edited.Name = "delivery 7"
	for name, tc := range map[string]struct {
		told  []model.TriggerEvent
		ago   time.Duration
		found drivers.MissedEvent
		taken bool
	}{
		"opened":                       {[]model.TriggerEvent{pull("opened", 1)}, time.Hour, compared(pull("opened", 1)), false},
		"reopened":                     {[]model.TriggerEvent{pull("reopened", 1)}, time.Hour, compared(pull("opened", 1)), false},
		"opened, written otherwise":    {[]model.TriggerEvent{upper}, time.Hour, compared(pull("opened", 1)), false},
		"opened, another":              {[]model.TriggerEvent{pull("opened", 2)}, 0, compared(pull("opened", 1)), true},
		"opened, another project":      {[]model.TriggerEvent{web}, 0, compared(pull("opened", 1)), true},
		"new commits":                  {[]model.TriggerEvent{pull("opened", 1)}, 0, compared(newer), true},
		"new commits, told":            {[]model.TriggerEvent{newer}, 0, compared(newer), false},
		"a label":                      {[]model.TriggerEvent{labeled("labeled", "gate")}, 4 * time.Minute, compared(labeled("labeled", "gate")), false},
		"a label, long ago":            {[]model.TriggerEvent{labeled("labeled", "gate")}, time.Hour, compared(labeled("labeled", "gate")), true},
		"another label":                {[]model.TriggerEvent{labeled("labeled", "ok")}, 0, compared(labeled("labeled", "gate")), true},
		"a label taken away":           {[]model.TriggerEvent{labeled("labeled", "gate")}, 0, compared(labeled("unlabeled", "gate")), true},
		"edited":                       {[]model.TriggerEvent{pull("edited", 1)}, time.Minute, compared(pull("edited", 1)), false},
		"edited long ago":              {[]model.TriggerEvent{pull("edited", 1)}, time.Hour, compared(pull("edited", 1)), true},
		"edited again, not arrived":    {[]model.TriggerEvent{pull("edited", 1)}, time.Minute, exact(edited), true},
		"closed":                       {[]model.TriggerEvent{pull("opened", 1), pull("closed", 1)}, time.Hour, compared(pull("closed", 1)), false},
		"closed after it came again":   {[]model.TriggerEvent{pull("closed", 1), pull("reopened", 1)}, time.Minute, compared(pull("closed", 1)), true},
		"a push":                       {[]model.TriggerEvent{push}, time.Hour, compared(push), false},
		"another push":                 {[]model.TriggerEvent{push}, 0, compared(moved), true},
		"a comment is known by a name": {[]model.TriggerEvent{pull("comment", 1)}, 0, exact(pull("comment", 2)), true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.reconcile()
			w.now = w.now.Add(5 * time.Minute)
			for n, e := range tc.told {
				e.Name = fmt.Sprintf("delivery of a webhook %d", n)
				w.webhook(e, tc.ago-time.Duration(n)*time.Second)
			}
			before := len(w.stored())
			w.host.missed = []drivers.MissedEvent{tc.found}
			w.reconcile()
			if got := len(w.stored()) > before; got != tc.taken {
				t.Errorf("taken: %v", got)
			}
		})
	}
}

// TestFoundTwice: what did not arrive and was found by comparing, too, is one event,
// whichever comes first.
func TestFoundTwice(t *testing.T) {
	delivered := pull("opened", 1)
	delivered.Name = "delivery 8"
	for _, found := range [][]drivers.MissedEvent{{exact(delivered), compared(pull("opened", 1))}, {compared(pull("opened", 1)), exact(delivered)}} {
		w := newWorld(t)
		w.host.missed = found
		w.reconcile()
		if got := w.stored(); len(got) != 1 {
			t.Errorf("%v: %v", found, got)
		}
	}
}

// TestTestedBefore: a poll after a restart, which knows nothing, does not have
// tested again what is being tested or was.
func TestTestedBefore(t *testing.T) {
	item := &gozer.QueueItem{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "i"}}
	item.Spec.Changes = []gozer.ChangeRef{{Project: gozer.ProjectRef{Connection: "github", Hostname: "code.example", Name: "acme/api"}, Number: 1, Patchset: "p1"}}
	w := newWorld(t, item)
	w.r.History = builds{{Change: 2, Patchset: "p1"}, {Change: 3, Patchset: "p0"}}
	w.host.missed = []drivers.MissedEvent{compared(pull("opened", 1)), compared(pull("opened", 2)), compared(pull("opened", 3))}
	w.reconcile()
	if diff := cmp.Diff([]string{"pull_request opened#3"}, w.stored()); diff != "" {
		t.Error(diff)
	}
}

// TestProjects: a poll asks for the projects of all tenants that may use the
// connection, whatever else is wrong with them.
func TestProjects(t *testing.T) {
	broken := tenant("broken", "github", "acme/web")
	broken.Spec.Sources = append(broken.Spec.Sources, gozer.TenantSource{Connection: "nowhere", UntrustedProjects: []gozer.TenantProject{{Name: "x/y"}}})
	w := newWorld(t, broken, tenant("same", "github", "acme/api"), tenant("stranger", "github", "secret/api"), tenant("other", "gitea", "acme/docs"))
	var c gozer.Connection
	if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "github"}, &c); err != nil {
		t.Fatal(err)
	}
	c.Spec.AllowedTenants = []string{"acme", "broken", "same", "other"}
	if err := w.client.Update(t.Context(), &c); err != nil {
		t.Fatal(err)
	}
	w.reconcile()
	want := []model.Project{{Connection: "github", Hostname: "code.example", Name: "acme/api"}, {Connection: "github", Hostname: "code.example", Name: "acme/web"}}
	if diff := cmp.Diff(want, w.host.projects); diff != "" {
		t.Error(diff)
	}
}

// TestHealth: how the host treats us is told, above all when it treats us badly.
func TestHealth(t *testing.T) {
	w := newWorld(t)
	w.host.health = drivers.Health{MissingPermissions: []string{"checks: write (acme)"}, Remaining: 7, Limit: 5000, Reset: w.now.Add(time.Hour), LastError: "bad gateway", LastErrorAt: w.now}
	w.webhook(pull("opened", 1), time.Minute)
	s := w.reconcile()
	if len(s.MissingPermissions) != 1 || s.RateLimit == nil || s.RateLimit.Remaining != 7 || s.LastError != "bad gateway" || s.BlockedUntil != nil || s.Account != "gozer[bot]" {
		t.Errorf("%+v", s)
	}
	if s.LastEvent == nil || !s.LastEvent.Time.Equal(w.now.Add(-time.Minute)) {
		t.Errorf("last event %v", s.LastEvent)
	}
	asked := len(w.host.since)
	blocked := w.now.Add(10 * time.Minute)
	w.host.whoami, w.host.unwell = fmt.Errorf("GitHub wants no more requests: %w", drivers.ErrLimited), errors.New("neither now")
	w.host.health = drivers.Health{Blocked: blocked}
	s = w.reconcile()
	if s.BlockedUntil == nil || !s.BlockedUntil.Time.Equal(blocked) || len(s.MissingPermissions) != 1 || len(w.host.since) != asked ||
		!strings.Contains(s.LastError, "no more requests") || s.Conditions[0].Status != metav1.ConditionTrue || s.Conditions[0].Reason != "Limited" {
		t.Errorf("%+v", s)
	}
	w.host.whoami = errors.New("bad credentials")
	if s = w.reconcile(); s.Conditions[0].Status != metav1.ConditionFalse || s.Conditions[0].Reason != "NotReachable" {
		t.Errorf("%+v", s)
	}
	// What fails while it is read is told, and the rest goes on.
	w.host.whoami, w.host.unwell, w.host.failed = nil, nil, errors.New("what changed in acme/web: bad gateway")
	w.host.health = drivers.Health{}
	if s = w.reconcile(); !strings.Contains(s.LastError, "acme/web") || s.BlockedUntil != nil || s.CompleteUntil == nil {
		t.Errorf("%+v", s)
	}
}
