package statusview

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/convert"
)

// Facts are the objects of one tenant, as they were read.
type Facts struct {
	Tenant       string
	Now          time.Time
	Queues       []gozer.ChangeQueue
	Items        []gozer.QueueItem
	BuildSets    []gozer.BuildSet
	Builds       []gozer.Build
	NodeRequests []gozer.NodeRequest
}

// index finds objects by name.
type index struct {
	Facts
	items     map[string]*gozer.QueueItem
	buildSets map[string]*gozer.BuildSet // by item and epoch
	builds    map[string]*gozer.Build
	requests  map[string]*gozer.NodeRequest
	entries   map[string]gozer.QueueEntry // by item
}

func indexed(f Facts) *index {
	x := &index{
		Facts: f, items: map[string]*gozer.QueueItem{}, buildSets: map[string]*gozer.BuildSet{},
		builds: map[string]*gozer.Build{}, requests: map[string]*gozer.NodeRequest{}, entries: map[string]gozer.QueueEntry{},
	}
	for i := range f.Items {
		x.items[f.Items[i].Name] = &f.Items[i]
	}
	for i := range f.BuildSets {
		x.buildSets[epochKey(f.BuildSets[i].Spec.Item, f.BuildSets[i].Spec.Epoch)] = &f.BuildSets[i]
	}
	for i := range f.Builds {
		x.builds[f.Builds[i].Name] = &f.Builds[i]
	}
	for i := range f.NodeRequests {
		x.requests[f.NodeRequests[i].Name] = &f.NodeRequests[i]
	}
	for _, q := range f.Queues {
		for _, e := range q.Status.Items {
			x.entries[e.Item] = e
		}
	}
	return x
}

func epochKey(item string, epoch int32) string { return fmt.Sprintf("%s/%d", item, epoch) }

// changeOf is the change of an item.
func changeOf(i *gozer.QueueItem) gozer.ChangeRef {
	if len(i.Spec.Changes) == 0 {
		return gozer.ChangeRef{}
	}
	return i.Spec.Changes[0]
}

// ChangeName of an item for people: "acme/api#12".
func ChangeName(i *gozer.QueueItem) string { return clean(convert.ChangeNames(i.Spec.Changes)) }

// name of an item's change, or of the item when it is gone.
func (x *index) name(item string) string {
	if i := x.items[item]; i != nil {
		return ChangeName(i)
	}
	return clean(item)
}

// chain lists the items that an item is tested on, the nearest last.
func (x *index) chain(item string) []string {
	var out []string
	seen := map[string]bool{item: true}
	for at := x.entries[item].Ahead; at != "" && !seen[at]; at = x.entries[at].Ahead {
		seen[at] = true
		out = append(out, at)
	}
	slices.Reverse(out)
	return out
}

// sortedQueues puts shared queues first, then those of single changes by age.
func (x *index) sortedQueues() []gozer.ChangeQueue {
	out := slices.Clone(x.Queues)
	slices.SortStableFunc(out, func(a, b gozer.ChangeQueue) int {
		if a.Spec.Dynamic != b.Spec.Dynamic {
			if b.Spec.Dynamic {
				return -1
			}
			return 1
		}
		byAge := 0
		if a.Spec.Dynamic {
			byAge = a.CreationTimestamp.Compare(b.CreationTimestamp.Time)
		}
		return cmp.Or(cmp.Compare(a.Spec.Pipeline, b.Spec.Pipeline), byAge, cmp.Compare(a.Spec.Queue, b.Spec.Queue), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// clean takes out what would move the cursor, colour the terminal or break a line.
func clean(text string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "?"))), " ")
}

// Clean makes hostile text fit for one line of a terminal.
func Clean(text string) string { return clean(text) }
