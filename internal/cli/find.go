package cli

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/statusview"
)

// target is what a person named: a change, its URL, or an item.
type target struct {
	text       string
	connection string
	project    string
	number     int64
}

var (
	changeName = regexp.MustCompile(`^(?:([a-z0-9][a-z0-9.-]*):)?([A-Za-z0-9_.][A-Za-z0-9_./+~-]*)#([0-9]+)$`)
	changeURL  = regexp.MustCompile(`^https?://[^/]+/(.+?)/(?:-/)?(?:pulls?|merge_requests)/([0-9]+)(?:[/?#].*)?$`)
)

func parseTarget(text string) target {
	t := target{text: text}
	if m := changeName.FindStringSubmatch(text); m != nil {
		t.connection, t.project = m[1], m[2]
		t.number, _ = strconv.ParseInt(m[3], 10, 64)
	} else if m := changeURL.FindStringSubmatch(text); m != nil {
		t.project = m[1]
		t.number, _ = strconv.ParseInt(m[2], 10, 64)
	}
	return t
}

func (t target) isChange() bool { return t.number > 0 }

func (t target) name() string { return fmt.Sprintf("%s#%d", t.project, t.number) }

// is says whether an item is meant.
func (t target) is(i gozer.QueueItem) bool {
	if i.Name == t.text || i.Spec.Changes[0].Number == 0 && convert.ChangeName(i.Spec.Changes[0]) == t.text {
		return true
	}
	return t.isChange() && slices.ContainsFunc(i.Spec.Changes, func(c gozer.ChangeRef) bool {
		same := c.Project.Name == t.project || strings.HasSuffix(c.Project.Name, "/"+t.project) || strings.HasSuffix(t.project, "/"+c.Project.Name)
		return same && c.Number == t.number && (t.connection == "" || t.connection == c.Project.Connection)
	})
}

// facts reads the tenant.
func (e *env) facts(ctx context.Context, r client.Reader) (statusview.Facts, error) {
	f := statusview.Facts{Tenant: e.namespace, Now: e.now()}
	var queues gozer.ChangeQueueList
	var items gozer.QueueItemList
	var sets gozer.BuildSetList
	var builds gozer.BuildList
	var requests gozer.NodeRequestList
	for _, l := range []client.ObjectList{&queues, &items, &sets, &builds, &requests} {
		if err := r.List(ctx, l, client.InNamespace(e.namespace)); err != nil {
			return f, e.explainError(err)
		}
	}
	f.Queues, f.Items, f.BuildSets, f.Builds, f.NodeRequests = queues.Items, items.Items, sets.Items, builds.Items, requests.Items
	return f, nil
}

// explainError says what a person can do about an error of the API server.
func (e *env) explainError(err error) error {
	switch {
	case apierrors.IsForbidden(err):
		return fmt.Errorf("you may not read the tenant %s: %w; ask for a role in that namespace, or choose another with -n", e.namespace, err)
	case apierrors.IsNotFound(err):
		return fmt.Errorf("the cluster does not know Gozer's kinds: %w; is it the right --context, and is Gozer installed?", err)
	}
	return err
}

// itemsOf lists what was meant: those in a queue first, then the newest.
func itemsOf(items []gozer.QueueItem, t target, pipeline string) []gozer.QueueItem {
	var out []gozer.QueueItem
	for _, i := range items {
		if t.is(i) && (pipeline == "" || i.Spec.Pipeline == pipeline) {
			out = append(out, i)
		}
	}
	slices.SortStableFunc(out, func(a, b gozer.QueueItem) int {
		return cmp.Or(rank(a)-rank(b), b.Spec.EnqueuedAt.Compare(a.Spec.EnqueuedAt.Time), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func rank(i gozer.QueueItem) int {
	switch {
	case i.Status.Result == "" && i.Spec.Live:
		return 0
	case i.Status.Result == "":
		return 1
	case i.Spec.Live:
		return 2
	}
	return 3
}

// near lists names that a misspelt one may mean, at most three.
func near(word string, names []string) []string {
	type scored struct {
		name string
		d    int
	}
	var out []scored
	for _, n := range names {
		d := distance(word, n)
		if strings.Contains(n, word) || strings.Contains(word, n) && len(n) > 2 {
			d = 0
		}
		if d <= max(2, len(word)/4) {
			out = append(out, scored{n, d})
		}
	}
	slices.SortStableFunc(out, func(a, b scored) int { return cmp.Or(a.d-b.d, cmp.Compare(a.name, b.name)) })
	var best []string
	for _, s := range out[:min(3, len(out))] {
		best = append(best, s.name)
	}
	return slices.Compact(best)
}

// didYouMean is the end of an error about an unknown name.
func didYouMean(word string, names []string) string {
	if n := near(word, names); len(n) > 0 {
		return "; did you mean " + strings.Join(n, " or ") + "?"
	}
	return ""
}

// distance is the number of letters to add, drop or change between two words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
