package statusview

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/model"
)

// Refusal is what a pipeline said to an event of a change that it did not take.
type Refusal struct {
	Time              time.Time
	Pipeline, Message string
	Event             string
}

// Refusals are what a tenant's pipelines said to the events of a change, or of a
// branch or tag, oldest first.
func Refusals(events []gozer.TriggerEvent, tenant string, c gozer.ChangeRef) []Refusal {
	var out []Refusal
	for _, e := range events {
		if e.Spec.Project != c.Project.Name || e.Spec.Number != c.Number || c.Number == 0 && e.Spec.Ref != c.Ref {
			continue
		}
		name := e.Spec.Event
		if e.Spec.Action != "" {
			name += " " + e.Spec.Action
		}
		for _, t := range e.Status.Tenants {
			if t.Tenant != tenant {
				continue
			}
			for _, p := range t.Pipelines {
				if p.Item == "" {
					out = append(out, Refusal{Time: e.Spec.ReceivedAt.Time, Pipeline: clean(p.Pipeline), Message: clean(p.Message), Event: clean(name)})
				}
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Refusal) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Pipeline, b.Pipeline)) })
	return out
}

// Explain tells the story of one item: where it is, what it waits for, and
// what was decided about it, the newest first.
func Explain(f Facts, item string, refusals []Refusal, s Style) string {
	x := indexed(f)
	it := x.items[item]
	if it == nil {
		return ""
	}
	var b strings.Builder
	b.WriteString(s.paint(bold, x.headline(it)) + "\n")
	if v, ok := x.view(it); ok {
		x.waits(&b, s, it, v)
	} else {
		x.ended(&b, s, it)
	}
	b.WriteString("\n")
	lines := decisions(it)
	for _, r := range refusals {
		switch {
		case r.Pipeline == it.Spec.Pipeline:
			lines = append(lines, storyLine{r.Time, "not taken on " + r.Event + ": " + r.Message})
		case !x.tookSince(it, r):
			lines = append(lines, storyLine{r.Time, r.Pipeline + " did not take it on " + r.Event + ": " + r.Message})
		}
	}
	slices.SortStableFunc(lines, func(a, b storyLine) int { return b.at.Compare(a.at) })
	for _, l := range lines {
		b.WriteString(stamp(s, l.at, f.Now) + "  " + l.text + "\n")
	}
	return b.String()
}

// tookSince says whether the pipeline that refused an item's change has taken it since.
func (x *index) tookSince(it *gozer.QueueItem, r Refusal) bool {
	c := changeOf(it)
	for _, other := range x.items {
		o := changeOf(other)
		same := o.Project == c.Project && o.Number == c.Number && (c.Number != 0 || o.Ref == c.Ref)
		if same && other.Spec.Pipeline == r.Pipeline && !other.Spec.EnqueuedAt.Time.Before(r.Time) {
			return true
		}
	}
	return false
}

// ExplainRefusals tells why a change is in no queue.
func ExplainRefusals(change, tenant string, refusals []Refusal, now time.Time, s Style) string {
	var b strings.Builder
	b.WriteString(s.paint(bold, fmt.Sprintf("%s is in no pipeline of tenant %s.", clean(change), tenant)) + "\n")
	for _, r := range slices.Backward(refusals) {
		fmt.Fprintf(&b, "%s  %s did not take it on %s: %s\n", stamp(s, r.Time, now), r.Pipeline, r.Event, r.Message)
	}
	return b.String()
}

type storyLine struct {
	at   time.Time
	text string
}

func decisions(it *gozer.QueueItem) []storyLine {
	var lines []storyLine
	if len(it.Status.Decisions) == 0 {
		// Its queue has not looked at it yet.
		lines = append(lines, storyLine{it.Spec.EnqueuedAt.Time, strings.TrimSuffix("entered "+it.Spec.Pipeline+": "+clean(it.Spec.Reason), ": ")})
	}
	for _, d := range it.Status.Decisions {
		lines = append(lines, storyLine{d.Time.Time, strings.ToLower(clean(d.Action)) + ": " + clean(d.Message)})
	}
	return lines
}

// stamp is the time of a line; with the date when that is another day.
func stamp(s Style, at, now time.Time) string {
	at = at.In(now.Location())
	layout := time.TimeOnly
	if at.YearDay() != now.YearDay() || at.Year() != now.Year() {
		layout = time.DateTime
	}
	return s.paint(grey, at.Format(layout))
}

// view is the item as status shows it; false when it is in no queue.
func (x *index) view(it *gozer.QueueItem) (Item, bool) {
	e, ok := x.entries[it.Name]
	if !ok || it.Status.Result != "" {
		return Item{}, false
	}
	for _, q := range x.Queues {
		if slices.ContainsFunc(q.Status.Items, func(e gozer.QueueEntry) bool { return e.Item == it.Name }) {
			return x.item(q, e, it), true
		}
	}
	return Item{}, false
}

// headline is "acme/web#8 (patchset 3f2c1d4e5) is 4th of 5 in gate/integrated and is tested on A and B."
func (x *index) headline(it *gozer.QueueItem) string {
	c := changeOf(it)
	head := fmt.Sprintf("%s (patchset %s)", ChangeName(it), model.ShortCommit(clean(c.Patchset)))
	if c.Number == 0 {
		head = fmt.Sprintf("%s (commit %s)", ChangeName(it), model.ShortCommit(clean(c.Head)))
	}
	v, queued := x.view(it)
	switch {
	case it.Status.Merged != nil:
		return head + " was merged by " + it.Spec.Pipeline + " as " + model.ShortCommit(clean(it.Status.Merged.Commit)) + "."
	case it.Status.Result != "":
		return head + " left " + it.Spec.Pipeline + " with " + it.Status.Result + "."
	case !queued:
		return head + " enters " + it.Spec.Pipeline + "."
	}
	place := "in " + it.Spec.Pipeline
	for _, q := range x.Queues {
		for i, e := range q.Status.Items {
			if e.Item == it.Name && !q.Spec.Dynamic {
				place = fmt.Sprintf("%s of %d in %s/%s", ordinal(i+1), len(q.Status.Items), it.Spec.Pipeline, clean(q.Spec.Queue))
			}
		}
	}
	on := "branch " + v.Branch
	if it.Spec.Changes[0].Branch == "" {
		on = "tag " + v.Branch
	}
	if len(v.On) > 0 {
		on = list(v.On)
	}
	return head + " is " + place + " and is tested on " + on + "."
}

func ordinal(n int) string {
	switch {
	case n%100 >= 11 && n%100 <= 13:
	case n%10 == 1:
		return fmt.Sprintf("%dst", n)
	case n%10 == 2:
		return fmt.Sprintf("%dnd", n)
	case n%10 == 3:
		return fmt.Sprintf("%drd", n)
	}
	return fmt.Sprintf("%dth", n)
}

// list is "a, b and c".
func list(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// waits tells what stands between the item and its end, and how its jobs are.
func (x *index) waits(b *strings.Builder, s Style, it *gozer.QueueItem, v Item) {
	if it.Spec.Live && it.Annotations[gozer.AnnotationDequeue] == "" {
		b.WriteString(x.until(it, v) + "\n")
	}
	if v.Note != "" {
		b.WriteString("Now:  " + v.Note + "\n")
	}
	if v.Reset != nil && v.Why != "" {
		fmt.Fprintf(b, "It was tested anew because %s", v.Why)
		if len(v.WasOn) > 0 {
			b.WriteString("  (was on " + short(v.WasOn) + ")")
		}
		b.WriteString("\n")
	}
	x.jobLines(b, s, v.Jobs)
}

// until says what must happen for the item to merge, or why it cannot.
func (x *index) until(it *gozer.QueueItem, v Item) string {
	var wait, bad, until []string
	for _, j := range v.Jobs {
		switch {
		case j.Result == "" && j.Voting:
			wait = append(wait, j.Name)
		case j.Voting && failed(j.Result):
			bad = append(bad, j.Name)
		}
	}
	switch {
	case len(bad) > 0:
		return "It cannot succeed on this state: " + list(bad) + " failed"
	case v.Failing:
		return "It cannot succeed on this state: " + clean(it.Status.Reason)
	case len(v.Jobs) == 0:
		until = append(until, "its jobs pass here")
	case len(wait) == 1:
		until = append(until, wait[0]+" passes here")
	case len(wait) > 1:
		until = append(until, list(wait)+" pass here")
	}
	end := "It is reported when:  "
	if x.merges(it) {
		end = "It merges when:  "
		if n := len(v.On); n > 0 {
			until = append(until, v.On[n-1]+" merges or leaves the queue")
		}
	}
	if len(until) == 0 {
		return "Nothing is in its way any more."
	}
	return end + strings.Join(until, "  ·  ")
}

func (x *index) merges(it *gozer.QueueItem) bool {
	return slices.ContainsFunc(x.Queues, func(q gozer.ChangeQueue) bool {
		return q.Name == it.Spec.Queue && q.Spec.Manager == gozer.ManagerDependent
	})
}

// jobLines tells of each job, with the first line that failed and how to read the log.
func (x *index) jobLines(b *strings.Builder, s Style, jobs []Job) {
	v := View{Time: x.Now}
	for _, j := range jobs {
		c := v.job(s, j)
		b.WriteString("  " + s.paint(c.color, c.text) + "\n")
		if !failed(j.Result) {
			continue
		}
		if j.Failure != "" {
			b.WriteString("    " + j.Failure + "\n")
		}
		if j.Build != "" {
			b.WriteString("    log: gozerctl logs -n " + x.Tenant + " " + j.Build + "\n")
		}
	}
}

// ended tells of an item that left.
func (x *index) ended(b *strings.Builder, s Style, it *gozer.QueueItem) {
	if it.Status.Reason != "" {
		b.WriteString(clean(it.Status.Reason) + "\n")
	}
	if m := it.Status.Merge; m != nil {
		if m.Message != "" {
			for line := range strings.Lines(m.Message) {
				b.WriteString("  " + clean(line) + "\n")
			}
		}
		if bs := x.buildSets[epochKey(it.Name, m.Epoch)]; bs != nil {
			x.jobLines(b, s, x.jobs(bs))
		}
	}
}
