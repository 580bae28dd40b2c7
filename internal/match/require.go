package match

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gozer-dev/gozer/internal/model"
)

// Requirement is what a change of a connection must have, or must not have.
type Requirement struct {
	Connection                           string
	Open, Merged, Draft, CurrentPatchset *bool
	// FirstContributionApproved asks whether a newcomer's change was approved by
	// somebody who may write; what others propose counts as approved.
	FirstContributionApproved *bool
	Reviews                   []Review
	// Labels must all be there, or none of them; of Statuses any one must, or none.
	Labels, Statuses []string
}

// Review matches one reviewer's verdict.
type Review struct {
	Type, Username, Email, Permission string
	// OlderThan and NewerThan bound how long ago it was given; 0 does not.
	OlderThan, NewerThan time.Duration
}

// moment is what a requirement looks at: the change as it is now, and the event
// that is about one of its patchsets.
type moment struct {
	change model.Change
	event  model.TriggerEvent
	now    time.Time
}

// Allowed says whether the change may enter: all requirements of its
// connection are fulfilled and nothing rejects it. If not, the reason says why.
// The event tells which patchset it was about; it may be the zero value.
func Allowed(require, reject []Requirement, c model.Change, e model.TriggerEvent, now time.Time) (reason string, ok bool) {
	at := moment{c, e, now}
	for _, r := range require {
		if r.Connection != c.Project.Connection {
			continue
		}
		if why := r.missing(at); why != "" {
			return "it " + why, false
		}
	}
	for _, r := range reject {
		if r.Connection != c.Project.Connection {
			continue
		}
		if why := r.present(at); why != "" {
			return "it " + why + ", which the pipeline rejects", false
		}
	}
	return "", true
}

// missing says what a change lacks of a requirement.
func (r Requirement) missing(at moment) string {
	for _, s := range r.states(at) {
		if s.want != nil && *s.want != s.is {
			return not(s.is) + s.name
		}
	}
	for _, want := range r.Reviews {
		if !slices.ContainsFunc(at.change.Approvals, func(a model.Approval) bool { return want.matches(a, at.now) }) {
			return "has no review that is " + want.String() + want.almost(at)
		}
	}
	if len(r.Statuses) > 0 && !slices.ContainsFunc(at.change.Statuses, r.hasStatus) {
		return "has no status " + strings.Join(r.Statuses, " or ") + ofStatuses(at.change.Statuses, r.Statuses)
	}
	for _, l := range r.Labels {
		if !slices.Contains(at.change.Labels, l) {
			return fmt.Sprintf("has no label %q", l)
		}
	}
	return ""
}

// present says what a change has of a rejection.
func (r Requirement) present(at moment) string {
	for _, s := range r.states(at) {
		if s.want != nil && *s.want == s.is {
			return not(s.is) + s.name
		}
	}
	for _, bad := range r.Reviews {
		if slices.ContainsFunc(at.change.Approvals, func(a model.Approval) bool { return bad.matches(a, at.now) }) {
			return "has a review that is " + bad.String()
		}
	}
	if n := slices.IndexFunc(at.change.Statuses, r.hasStatus); n >= 0 {
		return "has the status " + at.change.Statuses[n]
	}
	for _, l := range r.Labels {
		if slices.Contains(at.change.Labels, l) {
			return fmt.Sprintf("has the label %q", l)
		}
	}
	return ""
}

// hasStatus says whether a status of the change is one of those that are asked
// about; none is when none are.
func (r Requirement) hasStatus(status string) bool {
	return len(r.Statuses) > 0 && anyRegexp(r.Statuses, status, whole)
}

// ofStatuses tells of the statuses that are there those that differ from what is
// wanted only in their state: whoever waits for one sees how far it is.
func ofStatuses(there, wanted []string) string {
	var near []string
	for _, s := range there {
		context, _ := withoutState(s)
		if slices.ContainsFunc(wanted, func(w string) bool {
			other, ok := withoutState(w)
			return ok && anyRegexp([]string{other}, context, whole)
		}) {
			near = append(near, s)
		}
	}
	if len(near) == 0 {
		return ""
	}
	return "; it has " + strings.Join(near, ", ")
}

// withoutState is a status up to its last colon: a context may have some of its own.
func withoutState(status string) (context string, ok bool) {
	n := strings.LastIndex(status, ":")
	if n < 0 {
		return status, false
	}
	return status[:n], true
}

type state struct {
	name string
	want *bool
	is   bool
}

func (r Requirement) states(at moment) []state {
	c, e := at.change, at.event
	return []state{
		{"open", r.Open, c.Open},
		{"merged", r.Merged, c.Merged},
		{"a draft", r.Draft, c.Draft},
		{"at the patchset that the event was about", r.CurrentPatchset, e.Patchset == "" || e.Patchset == c.Patchset},
		{"approved by somebody with write permission, as a first contribution must be", r.FirstContributionApproved, !c.FirstContribution || slices.ContainsFunc(c.Approvals, byWriter)},
	}
}

// byWriter says whether it is an approval of somebody who may write.
func byWriter(a model.Approval) bool {
	return Review{Type: "approved", Permission: "write"}.matches(a, a.SubmittedAt)
}

func not(is bool) string {
	if is {
		return "is "
	}
	return "is not "
}

// permissions from weakest to strongest.
var permissions = []string{"read", "write", "admin"}

func (r Review) matches(a model.Approval, now time.Time) bool {
	return r.given(a) && (r.OlderThan == 0 && r.NewerThan == 0 || !a.SubmittedAt.IsZero() && r.ofAge(now.Sub(a.SubmittedAt)))
}

// given says whether a review fits but for its age.
func (r Review) given(a model.Approval) bool {
	return (r.Type == "" || r.Type == a.Type) &&
		(r.Username == "" || anyRegexp([]string{r.Username}, a.By, whole)) &&
		(r.Email == "" || anyRegexp([]string{r.Email}, a.Email, anywhere)) &&
		slices.Index(permissions, a.Permission) >= slices.Index(permissions, r.Permission)
}

func (r Review) ofAge(age time.Duration) bool {
	return (r.OlderThan == 0 || age > r.OlderThan) && (r.NewerThan == 0 || age <= r.NewerThan)
}

// almost tells of a review that fits but for its age: how old it is, and when it
// will fit, if ever.
func (r Review) almost(at moment) string {
	for _, a := range at.change.Approvals {
		if !r.given(a) || a.SubmittedAt.IsZero() {
			continue
		}
		text := fmt.Sprintf("; that of %s is %s old", a.By, period(at.now.Sub(a.SubmittedAt)))
		if when := a.SubmittedAt.Add(r.OlderThan); r.OlderThan != 0 && when.After(at.now) && (r.NewerThan == 0 || r.NewerThan > r.OlderThan) {
			text += ", and old enough at " + when.UTC().Format(time.RFC3339)
		}
		return text
	}
	return ""
}

func (r Review) String() string {
	var parts []string
	if r.Type != "" {
		parts = append(parts, strings.ReplaceAll(r.Type, "_", " "))
	}
	if r.Username != "" {
		parts = append(parts, "by "+r.Username)
	}
	if r.Email != "" {
		parts = append(parts, "by somebody whose e-mail address has "+r.Email)
	}
	if r.Permission != "" {
		parts = append(parts, "by somebody with "+r.Permission+" permission")
	}
	if r.OlderThan != 0 {
		parts = append(parts, "more than "+period(r.OlderThan)+" old")
	}
	if r.NewerThan != 0 {
		parts = append(parts, "at most "+period(r.NewerThan)+" old")
	}
	if len(parts) == 0 {
		return "of any kind"
	}
	return strings.Join(parts, " ")
}

// period in words that are not longer than they need be: "2d", "1h30m".
func period(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= day && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	text := d.Round(time.Second).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
