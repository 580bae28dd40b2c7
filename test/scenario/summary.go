package scenario

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/model"
)

// Summary is a world at rest, as far as it can be seen from outside and is the
// same whatever the order in which things happened. Changes have the names that
// stories give them: "api#1", its second version "api#1,2".
type Summary struct {
	// Queues that have items, by name.
	Queues []Queue
	// Builds that run, sorted: "gate: unit api#1 on web#1 api#1", in the exact merge order. One
	// that changes of a cycle share has the name of one of them.
	Builds []string
	// Merged by the gate, by queue: "gate integrated: api#1, web#1 + web#2".
	Merged []string
	// Branches as they are: "api main: push2 api#1".
	Branches []string
	// Results of items, sorted: "gate api#1 SUCCESS".
	Results []string
	// Comments on changes, sorted: "api#1: FAILURE, unit FAILURE"; see Told.
	Comments []string
}

// Queue is one that has items.
type Queue struct {
	// Name is that of the pipeline and of the queue.
	Name string
	// Window of a queue that merges.
	Window int32
	Items  []Place
}

// Place of an item.
type Place struct {
	// Item is its changes, Ahead those of the item that it is tested on.
	Item, Ahead string
	Live        bool
	State       gozer.ItemState
}

var (
	mark  = regexp.MustCompile(`<!-- gozer: \S+ (\S*) -->`)
	aRow  = regexp.MustCompile(`(?m)^\| (.+?) \| (.+?) \|`)
	bold  = strings.NewReplacer("**", "")
	inRow = []string{"job", "---"}
)

// Told is what a comment says: the result, and that of every job. The words
// around it, links and times differ from world to world.
func Told(change, comment string) string {
	result := "no report"
	if m := mark.FindStringSubmatch(comment); m != nil {
		result = m[1]
	}
	out := []string{result}
	for _, m := range aRow.FindAllStringSubmatch(comment, -1) {
		if !slices.Contains(inRow, m[1]) {
			out = append(out, m[1]+" "+bold.Replace(m[2]))
		}
	}
	return change + ": " + strings.Join(out, ", ")
}

// Running is a line of Summary.Builds.
func Running(pipeline, job, change string, state []string) string {
	on := "the branch"
	if len(state) > 0 {
		on = strings.Join(state, " ")
	}
	return fmt.Sprintf("%s: %s %s on %s", pipeline, job, change, on)
}

func (w *world) buildLine(b *build) string {
	set := w.decides(b)
	return Running(set.pipeline, b.job, rev(w.store.items[set.item].changes[b.change]), w.contents(b))
}

// summary of the world at rest.
func (w *world) summary() Summary {
	var s Summary
	for _, q := range w.queuesInOrder() {
		if len(q.entries) > 0 {
			s.Queues = append(s.Queues, w.queueSummary(q))
		}
	}
	for _, b := range w.store.builds {
		if b.running() {
			s.Builds = append(s.Builds, w.buildLine(b))
		}
	}
	order := map[string][]string{}
	for _, m := range w.merges {
		order[m.queue] = append(order[m.queue], m.item)
	}
	for queue, items := range order {
		s.Merged = append(s.Merged, MergedIn(queue, items))
	}
	for _, at := range w.host.branches {
		s.Branches = append(s.Branches, BranchLine(at, w.host.tips[at]))
	}
	for _, i := range w.store.itemList {
		if i.live && i.result != "" {
			s.Results = append(s.Results, fmt.Sprintf("%s %s %s", i.pipeline, i.title(), i.result))
		}
	}
	for change, comments := range w.host.comments {
		for _, text := range comments {
			s.Comments = append(s.Comments, Told(change, text))
		}
	}
	return s.Sorted()
}

// Sorted has everything in its order, except what is an order.
func (s Summary) Sorted() Summary {
	slices.SortFunc(s.Queues, func(a, b Queue) int { return strings.Compare(a.Name, b.Name) })
	for _, list := range [][]string{s.Builds, s.Merged, s.Branches, s.Results, s.Comments} {
		slices.Sort(list)
	}
	return s
}

// MergedIn is a line of Summary.Merged.
func MergedIn(queue string, items []string) string { return queue + ": " + strings.Join(items, ", ") }

// BranchLine is a line of Summary.Branches.
func BranchLine(at model.BranchRef, steps []string) string {
	return strings.TrimSpace(fmt.Sprintf("%s %s: %s", at.Project.Name, at.Branch, strings.Join(steps, " ")))
}

func (w *world) queueSummary(q *queue) Queue {
	out := Queue{Name: q.pipeline + " " + q.label}
	if q.manager == gozer.ManagerDependent {
		out.Window = q.window
	}
	for _, e := range q.entries {
		i, f := w.store.items[e.item], w.facts(w.store.items[e.item], e.Epoch)
		p := Place{Item: i.title(), Live: i.live}
		if ahead := w.store.items[e.Ahead]; ahead != nil {
			p.Ahead = ahead.title()
		}
		switch {
		case e.Halted || f.Problem != model.ItemUndecided || f.Failing:
			p.State = gozer.ItemFailing
		case !e.Active:
			p.State = gozer.ItemWaiting
		case f.Complete:
			p.State = gozer.ItemReady
		default:
			p.State = gozer.ItemRunning
		}
		out.Items = append(out.Items, p)
	}
	return out
}
