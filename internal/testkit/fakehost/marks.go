package fakehost

import (
	"context"
	"slices"
	"strings"

	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/model"
)

// marks are what not every host has: checks, reviews that are given, labels that
// are set, and a verdict on merging.
type marks struct {
	// driver that the host says it is; empty for gitea.
	driver string
	// checks by change, then in the order in which they were set.
	checks  map[string][]drivers.Check
	reviews map[string][]Review
	// required contexts of every branch; nil when the host gives no verdicts.
	required []string
	// unknown says how often the verdict on a change is not known yet; negative is always.
	unknown map[string]int
}

func newMarks() marks {
	return marks{checks: map[string][]drivers.Check{}, reviews: map[string][]Review{}, unknown: map[string]int{}}
}

// Review is one that was given.
type Review struct {
	Verdict drivers.ReviewVerdict
	Body    string
	Head    string
}

var (
	_ drivers.Checker  = (*Host)(nil)
	_ drivers.Reviewer = (*Host)(nil)
	_ drivers.Labeler  = (*Host)(nil)
)

// Speak as a driver: it says what pipelines may ask for.
func (h *Host) Speak(driver string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.marks.driver = driver
}

// Require contexts of statuses or checks for merging: from now on every change has
// a verdict, and is refused without them.
func (h *Host) Require(contexts ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.marks.required = append([]string{}, contexts...)
}

// Puzzle makes the verdict on a change unknown for so many readings; for ever, if negative.
func (h *Host) Puzzle(repo string, number int64, readings int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.marks.unknown[key(repo, number)] = readings
}

// marked adds statuses and the verdict to a change that is read.
func (h *Host) marked(c model.Change) model.Change {
	k := key(c.Project.Name, c.Number)
	c.Statuses = slices.Concat(c.Statuses, h.statusesOf(k))
	slices.Sort(c.Statuses)
	if h.marks.required == nil || c.Verdict != nil {
		return c
	}
	c.Verdict = &model.Verdict{Missing: h.missing(c)}
	n := h.marks.unknown[k]
	c.Verdict.Unknown = n != 0
	if n > 0 {
		h.marks.unknown[k] = n - 1
	}
	return c
}

// missing contexts of a change, as it is read.
func (h *Host) missing(c model.Change) []string {
	return slices.DeleteFunc(slices.Clone(h.marks.required), func(context string) bool {
		return slices.ContainsFunc(c.Statuses, func(s string) bool { return strings.HasSuffix(s, ":"+context+":success") })
	})
}

// statusesOf a change that were set here, the latest of each context.
func (h *Host) statusesOf(k string) []string {
	latest := map[string]string{}
	for _, s := range h.statuses[k] {
		latest["gozer:"+s.Context] = s.State
	}
	for _, x := range h.marks.checks[k] {
		latest["app:"+x.Name] = x.State
	}
	var out []string
	for context, state := range latest {
		out = append(out, context+":"+state)
	}
	return out
}

// SetCheck implements drivers.Checker.
func (h *Host) SetCheck(_ context.Context, c model.Change, k drivers.Check) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.refuse("SetCheck"); err != nil {
		return err
	}
	to := key(c.Project.Name, c.Number)
	h.marks.checks[to] = append(h.marks.checks[to], k)
	return nil
}

// Checks of a change, in the order in which they were set.
func (h *Host) Checks(repo string, number int64) []drivers.Check {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.marks.checks[key(repo, number)])
}

// Review implements drivers.Reviewer. OnCall is asked about it twice: as "Review
// given" when it was, and only the answer may still go lost.
func (h *Host) Review(_ context.Context, c model.Change, marker string, verdict drivers.ReviewVerdict, body string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.refuse("Review"); err != nil {
		return err
	}
	k := key(c.Project.Name, c.Number)
	if !slices.ContainsFunc(h.marks.reviews[k], func(r Review) bool { return strings.Contains(r.Body, marker) }) {
		h.marks.reviews[k] = append(h.marks.reviews[k], Review{verdict, body, c.Head})
	}
	return h.refuse("Review given")
}

// Reviews that were given to a change.
func (h *Host) Reviews(repo string, number int64) []Review {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.marks.reviews[key(repo, number)])
}

// SetLabels implements drivers.Labeler.
func (h *Host) SetLabels(_ context.Context, c model.Change, add, remove []string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.refuse("SetLabels"); err != nil {
		return err
	}
	now := h.changes[key(c.Project.Name, c.Number)]
	if now == nil {
		return drivers.ErrNotFound
	}
	labels := slices.DeleteFunc(slices.Concat(now.Labels, add), func(l string) bool { return slices.Contains(remove, l) })
	slices.Sort(labels)
	now.Labels = slices.Compact(labels)
	return nil
}
