package connection

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/history"
	"github.com/gozer-dev/gozer/internal/hosts"
	"github.com/gozer-dev/gozer/internal/intake"
	"github.com/gozer-dev/gozer/internal/model"
)

const defaultPollInterval = 5 * time.Minute

func pollInterval(c *gozer.Connection) time.Duration {
	if c.Spec.PollInterval != nil {
		return max(c.Spec.PollInterval.Duration, time.Minute)
	}
	return defaultPollInterval
}

// catchUp takes in what happened and no webhook told.
func (r *Reconciler) catchUp(ctx context.Context, c *gozer.Connection, host drivers.Host) error {
	poller, ok := host.(drivers.Poller)
	if !ok {
		return nil
	}
	since := r.Now()
	if c.Status.CompleteUntil != nil {
		since = c.Status.CompleteUntil.Time
	}
	projects, err := r.projects(ctx, c)
	if err != nil || len(projects) == 0 {
		return err
	}
	t := &taking{r: r, c: c, projects: projects, since: since, names: map[string][]int64{}}
	until, err := poller.Missed(ctx, projects, since, func(e drivers.MissedEvent) error { return t.take(ctx, e) })
	// Not before all that it found is stored.
	c.Status.CompleteUntil = stamp(until)
	return err
}

// projects of a connection, of all tenants. What is wrong with a tenant does not
// make its events go unseen.
func (r *Reconciler) projects(ctx context.Context, c *gozer.Connection) ([]model.Project, error) {
	var tenants gozer.TenantList
	if err := r.List(ctx, &tenants); err != nil {
		return nil, err
	}
	var out []model.Project
	for i := range tenants.Items {
		if !hosts.Allows(c, tenants.Items[i].Namespace) {
			continue
		}
		spec := convert.TenantValue(&tenants.Items[i])
		for _, m := range spec.Projects() {
			p := model.Project{Connection: c.Name, Hostname: hosts.HostnameOf(c), Name: m.Project.Name}
			if m.Connection == c.Name && !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	return out, nil
}

// taking stores what one poll finds.
type taking struct {
	r        *Reconciler
	c        *gozer.Connection
	projects []model.Project
	since    time.Time
	known    *known
	// names that were found, and the changes that they were found for: one webhook
	// may tell of several.
	names map[string][]int64
}

// take stores an event that no webhook told. It counts as received now: what was
// known before goes before it.
func (t *taking) take(ctx context.Context, e drivers.MissedEvent) error {
	if t.known == nil { // read after the poll, it has what webhooks told meanwhile
		k, err := t.r.known(ctx, t.c.Name)
		if err != nil {
			return err
		}
		t.known = &k
	}
	index := slices.Index(t.names[e.Name], e.Number)
	if index < 0 {
		index = len(t.names[e.Name])
		t.names[e.Name] = append(t.names[e.Name], e.Number)
	}
	if told, err := t.told(ctx, e); told || err != nil {
		return err
	}
	e.Connection, e.Name, e.ReceivedAt = t.c.Name, intake.EventName(t.c.Name, e.TriggerEvent, e.Name, index), t.r.Now()
	log := logf.FromContext(ctx).WithValues("event", e.Name, "kind", e.Event, "action", e.Action, "project", e.Project, "number", e.Number)
	err := t.r.Create(ctx, convert.TriggerEventObject(t.r.Namespace, e.TriggerEvent, ""))
	switch {
	case apierrors.IsAlreadyExists(err):
		return nil
	case apierrors.IsInvalid(err):
		// It never can be stored: that must not keep all others from being.
		log.Error(err, "What no webhook told cannot be an event")
		return nil
	case err != nil:
		return fmt.Errorf("TriggerEvent %s: %w", e.Name, err)
	}
	t.known.events = append(t.known.events, stored{e.TriggerEvent, true})
	log.Info("Took in what no webhook told")
	return nil
}

// stored is an event that is known already.
type stored struct {
	model.TriggerEvent
	// found by a poll; a webhook told it otherwise.
	found bool
}

// known are the events of a connection that are stored, and the versions of
// changes that are being tested.
type known struct {
	events []stored
	heads  map[head]bool
}

type head struct {
	project  string
	number   int64
	patchset string
}

func (r *Reconciler) known(ctx context.Context, connection string) (known, error) {
	out := known{heads: map[head]bool{}}
	var events gozer.TriggerEventList
	if err := r.List(ctx, &events, client.InNamespace(r.Namespace)); err != nil {
		return out, err
	}
	for i := range events.Items {
		if e := &events.Items[i]; e.Spec.Connection == connection {
			out.events = append(out.events, stored{convert.TriggerEvent(e), e.Spec.Delivery == ""})
		}
	}
	slices.SortStableFunc(out.events, func(a, b stored) int { return a.ReceivedAt.Compare(b.ReceivedAt) })
	var items gozer.QueueItemList
	if err := r.List(ctx, &items, client.UnsafeDisableDeepCopy); err != nil {
		return out, err
	}
	for i := range items.Items {
		for _, ref := range items.Items[i].Spec.Changes {
			if ref.Project.Connection == connection {
				out.heads[headOf(ref.Project.Name, ref.Number, ref.Patchset)] = true
			}
		}
	}
	return out, nil
}

// told says whether an event is known already. That a version was tested long ago,
// only the history knows: a poll after a restart must not have it tested again.
func (t *taking) told(ctx context.Context, e drivers.MissedEvent) (bool, error) {
	if t.known.tells(e, t.since) {
		return true, nil
	}
	if e.Exact || e.Event != "pull_request" || e.Action != "opened" && e.Action != "changed" {
		return false, nil
	}
	n := slices.IndexFunc(t.projects, func(p model.Project) bool { return strings.EqualFold(p.Name, e.Project) })
	if n < 0 {
		return false, nil
	}
	builds, err := t.r.History.Builds(ctx, history.Filter{Project: t.projects[n].Canonical(), Change: e.Number})
	if err != nil {
		return false, fmt.Errorf("history of %s#%d: %w", e.Project, e.Number, err)
	}
	return slices.ContainsFunc(builds, func(b history.Build) bool { return b.Patchset == e.Patchset }), nil
}

// headOf a change: a tenant may write names otherwise than the host.
func headOf(project string, number int64, patchset string) head {
	return head{strings.ToLower(project), number, patchset}
}

// aboutNow is how far apart the clocks of a host and of who takes its webhooks may be.
const aboutNow = time.Minute

// tells says whether it is known already what a poll found since a time. What has
// the name of its webhook is known by that, but for what an earlier poll found by
// comparing.
func (k known) tells(e drivers.MissedEvent, since time.Time) bool {
	same := func(x stored) bool {
		return x.Event == e.Event && strings.EqualFold(x.Project, e.Project) && x.Number == e.Number
	}
	late := func(x stored) bool { return !x.ReceivedAt.Before(since.Add(-aboutNow)) }
	one := func(tells func(x stored) bool) bool {
		return slices.ContainsFunc(k.events, func(x stored) bool { return same(x) && (x.found || !e.Exact) && tells(x) })
	}
	switch e.Event + " " + e.Action {
	case "push ":
		return one(func(x stored) bool { return x.Ref == e.Ref && x.NewRev == e.NewRev })
	case "pull_request opened", "pull_request changed":
		return !e.Exact && k.heads[headOf(e.Project, e.Number, e.Patchset)] ||
			one(func(x stored) bool { return comes[x.Action] && x.Patchset == e.Patchset })
	case "pull_request edited":
		return one(func(x stored) bool { return x.Action == e.Action && late(x) })
	case "pull_request labeled", "pull_request unlabeled":
		return one(func(x stored) bool { return x.Action == e.Action && x.Label == e.Label && late(x) })
	case "pull_request closed":
		// It may have come again since it was closed before.
		closed := false
		for _, x := range k.events {
			if same(x) && (comes[x.Action] || x.Action == "closed") {
				closed = x.Action == "closed"
			}
		}
		return closed && !e.Exact
	}
	return false
}

// comes are the actions after which a change is there to be tested.
var comes = map[string]bool{"opened": true, "changed": true, "reopened": true}
