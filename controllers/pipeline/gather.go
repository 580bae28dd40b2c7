package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/configsource"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/depends"
	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/model"
)

// scope is what one reconcile knows.
type scope struct {
	tenant    *gozer.Tenant
	layout    *configsource.Config
	pipelines []gozer.Pipeline
	projects  []configsource.Project
	// items of the tenant that have no result yet, with those enqueued by this reconcile.
	items []gozer.QueueItem
	// done are the items whose changes were merged.
	done []gozer.QueueItem
	// merged are the commits that the gates made.
	merged map[string]bool
	// past are the events that are to be looked at again.
	past []past
	// now is when it was gathered.
	now time.Time
}

func (r *Reconciler) gather(ctx context.Context, t *gozer.Tenant) (*scope, error) {
	s := &scope{tenant: t, now: r.Now()}
	l, err := r.Loader.Layout(ctx, t, t.Status.Layout.Heads, nil)
	if err != nil {
		return nil, err
	}
	s.layout = l
	if s.projects, err = r.Loader.Projects(ctx, t); err != nil {
		return nil, err
	}
	var pipelines gozer.PipelineList
	if err := r.List(ctx, &pipelines, client.InNamespace(t.Namespace)); err != nil {
		return nil, err
	}
	s.pipelines = pipelines.Items
	slices.SortFunc(s.pipelines, func(a, b gozer.Pipeline) int { return cmp.Compare(a.Name, b.Name) })
	var items gozer.QueueItemList
	if err := r.Live.List(ctx, &items, client.InNamespace(t.Namespace)); err != nil {
		return nil, err
	}
	s.merged = map[string]bool{}
	for i := range items.Items {
		if m := items.Items[i].Status.Merged; m != nil {
			s.merged[m.Commit] = true
			s.done = append(s.done, items.Items[i])
		}
	}
	s.items = slices.DeleteFunc(items.Items, func(i gozer.QueueItem) bool {
		return i.Status.Result != "" || i.DeletionTimestamp != nil
	})
	return s, nil
}

// project finds a repository of the tenant. Hosts do not tell names apart by case,
// and a tenant may write them otherwise than its host.
func (s *scope) project(connection, name string) (model.Project, bool) {
	i := slices.IndexFunc(s.projects, func(p configsource.Project) bool {
		return p.Connection == connection && strings.EqualFold(p.Name, name)
	})
	if i < 0 {
		return model.Project{}, false
	}
	return s.projects[i].Project, true
}

// itemsOf are the unfinished items of a change.
func (s *scope) itemsOf(key model.ChangeKey) []*gozer.QueueItem {
	var out []*gozer.QueueItem
	for i := range s.items {
		if patchsetIn(&s.items[i], key) != "" {
			out = append(out, &s.items[i])
		}
	}
	return out
}

// patchsetIn is the version of a change that an item has; empty if it has none.
func patchsetIn(i *gozer.QueueItem, key model.ChangeKey) string {
	for _, c := range i.Spec.Changes {
		if c.Number != 0 && c.Number == key.Number && c.Project.Hostname+"/"+c.Project.Name == key.Project {
			return c.Patchset
		}
	}
	return ""
}

// liveItem finds the change's live item in a pipeline.
func (s *scope) liveItem(pipeline string, c model.Change) *gozer.QueueItem {
	if c.Number == 0 {
		return nil // the same commit again is another push
	}
	for _, i := range s.itemsOf(c.Key()) {
		if i.Spec.Pipeline == pipeline && i.Spec.Live && patchsetIn(i, c.Key()) == c.Patchset && i.Annotations[gozer.AnnotationDequeue] == "" {
			return i
		}
	}
	return nil
}

// present finds what an event would bring into a pipeline and is there already.
func (s *scope) present(pipeline string, c model.Change, ev model.TriggerEvent) *gozer.QueueItem {
	if ev.Event != model.Timer {
		return s.liveItem(pipeline, c)
	}
	// A branch that still runs, or waits, when its time comes again: once is enough.
	ref := convert.ChangeRef(c, "")
	n := slices.IndexFunc(s.items, func(i gozer.QueueItem) bool {
		own := i.Spec.Changes[0]
		return i.Spec.Pipeline == pipeline && i.Spec.Live && i.Annotations[gozer.AnnotationDequeue] == "" &&
			own.Number == 0 && own.Project == ref.Project && own.Ref == ref.Ref && own.Patchset == ref.Patchset
	})
	if n < 0 {
		return nil
	}
	return &s.items[n]
}

// maxGraph bounds how many changes are read for one: Depends-On lines are strangers' input.
const maxGraph = 100

// graph reads what a change depends on, directly and through others.
func (r *Reconciler) graph(ctx context.Context, s *scope, root model.Change) (depends.Graph, error) {
	g := depends.Graph{}
	todo := []model.Change{root}
	for len(todo) > 0 {
		c := todo[0]
		todo = todo[1:]
		if _, seen := g[c.Key()]; seen {
			continue
		}
		node := depends.Change{Change: c}
		lines := depends.Lines(c.Message)
		if len(lines) > maxGraph || len(g) >= maxGraph {
			return nil, refusal(fmt.Sprintf("it depends on more than %d changes", maxGraph))
		}
		for _, url := range lines {
			need, ok, err := r.changeByURL(ctx, s, url)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
			if slices.Contains(node.Needs, need.Key()) {
				continue // two ways to write one URL
			}
			node.Needs = append(node.Needs, need.Key())
			todo = append(todo, need)
		}
		g[c.Key()] = node
	}
	return g, nil
}

// changeByURL finds the change that a Depends-On line names on one of the
// tenant's connections. Lines that name something else are ignored.
func (r *Reconciler) changeByURL(ctx context.Context, s *scope, url string) (model.Change, bool, error) {
	n, err := r.named(ctx, s, url)
	switch {
	case err != nil || n.host == nil:
		return model.Change{}, false, err
	case !n.known:
		return model.Change{}, false, refusal(fmt.Sprintf("it depends on %s, whose project is not in the tenant", url))
	}
	c, err := n.host.Change(ctx, n.project, n.number)
	if errors.Is(err, drivers.ErrNotFound) {
		return model.Change{}, false, refusal(fmt.Sprintf("it depends on %s, which does not exist", url))
	}
	return c, err == nil, err
}

// named is what a Depends-On line names.
type named struct {
	// host is nil when it is of none of the tenant's connections.
	host    drivers.Host
	project model.Project
	number  int64
	// known says that the project is in the tenant.
	known bool
}

func (r *Reconciler) named(ctx context.Context, s *scope, url string) (named, error) {
	for _, source := range s.tenant.Spec.Sources {
		host, err := r.Hosts.Host(ctx, source.Connection)
		if err != nil {
			return named{}, err
		}
		name, number, ok := host.ParseURL(url)
		if !ok {
			continue
		}
		p, known := s.project(source.Connection, name)
		return named{host: host, project: p, number: number, known: known}, nil
	}
	return named{}, nil
}

// refusal is a no for the author of the change, unlike an error that is worth another try.
type refusal string

func (r refusal) Error() string { return string(r) }
