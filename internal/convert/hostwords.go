package convert

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/match"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/report"
)

// hosts are the drivers whose events and reports there are. Those that are true
// tell of statuses, of first contributions, and of a reviewer's address and a review's age.
var hosts = map[string]bool{"gitea": false, "github": true}

func isHost(driver string) bool {
	_, ok := hosts[driver]
	return ok
}

func triggers(in []configlang.Conf) (out []gozer.Trigger, left []string) {
	for _, c := range in {
		if c.Driver == model.Timer {
			out = append(out, gozer.Trigger{Connection: c.Connection, Event: model.Timer, Times: texts(c.Values, "time"), Dereference: c.Values["dereference"] == true})
			if c.Values["debug"] == true {
				left = append(left, "debug of a timer"+notHere)
			}
			continue
		}
		events := texts(c.Values, "event")
		if !isHost(c.Driver) {
			left = append(left, fmt.Sprintf("the trigger of %s (%s, event %s)%s", c.Connection, c.Driver, strings.Join(events, ", "), notHere))
			continue
		}
		t, why := trigger(c)
		if why != "" {
			left = append(left, fmt.Sprintf("a trigger of %s with %s%s", c.Connection, why, notHere))
			continue
		}
		for _, e := range events {
			t.Event = e
			out = append(out, t)
		}
	}
	return out, left
}

// trigger of a host but for its event; why names what cannot be done.
func trigger(c configlang.Conf) (t gozer.Trigger, why string) {
	v := c.Values
	t = gozer.Trigger{Connection: c.Connection, Actions: texts(v, "action"), States: texts(v, "state"), Labels: texts(v, "label"),
		Statuses: texts(v, "status"), Checks: texts(v, "check")}
	var ok [3]bool
	t.Branches, ok[0] = patterns(c, "branch")
	t.Comments, ok[1] = patterns(c, "comment")
	t.Refs, ok[2] = patterns(c, "ref")
	if ok != [3]bool{true, true, true} {
		return t, "a negated expression"
	}
	if gone := texts(v, "unlabel"); gone != nil {
		// The old way to write it. An event is about a label that came, or one that went.
		if t.Labels != nil || t.Actions != nil && !slices.Contains(t.Actions, "unlabeled") {
			return t, "unlabel, and an action or label that never comes with it,"
		}
		t.Actions, t.Labels = []string{"unlabeled"}, gone
	}
	if why = triggerRequirements(&t, v); why != "" {
		return t, why
	}
	return t, ""
}

func triggerRequirements(t *gozer.Trigger, v configlang.Values) (why string) {
	for attr, to := range map[string]**gozer.ChangeRequirement{"require": &t.Require, "reject": &t.Reject} {
		its, ok := v[attr].(configlang.Values)
		if !ok {
			continue
		}
		q, no := requirement(its, true)
		if no != "" {
			return no
		}
		*to = &q
	}
	old := texts(v, "require-status") // of before there was require
	switch {
	case old == nil:
	case t.Require == nil:
		t.Require = &gozer.ChangeRequirement{Statuses: old}
	case t.Require.Statuses == nil:
		t.Require.Statuses = old
	default:
		return "both require-status and a status in require"
	}
	return ""
}

// texts are the strings of an attribute.
func texts(values configlang.Values, attr string) []string {
	switch v := values[attr].(type) {
	case []string:
		return v
	case string:
		return []string{v}
	}
	return nil
}

// patterns are the expressions of an attribute; not ok if one is negated.
func patterns(c configlang.Conf, attr string) (out []string, ok bool) {
	list, _ := c.Values[attr].([]configlang.Matcher)
	for _, m := range list {
		if m.Negate {
			return nil, false
		}
		out = append(out, m.Regex.Pattern())
	}
	return out, true
}

func reporters(occasion string, in []configlang.Conf) (out []gozer.ReportAction, left []string) {
	for _, c := range in {
		if !isHost(c.Driver) {
			if c.Driver != "sql" { // history is kept without being asked for
				left = append(left, fmt.Sprintf("the %s reporter of %s (%s)%s", occasion, c.Connection, c.Driver, notHere))
			}
			continue
		}
		r := gozer.ReportAction{Connection: c.Connection, Labels: texts(c.Values, "label"), Unlabels: texts(c.Values, "unlabel")}
		r.Status, _ = c.Values["status"].(string)
		r.Check, _ = c.Values["check"].(string)
		r.Review, _ = c.Values["review"].(string)
		r.ReviewBody, _ = c.Values["review-body"].(string)
		r.ReviewBody = Cut(r.ReviewBody, maxMessage)
		r.Comment, _ = c.Values["comment"].(bool)
		r.Merge, _ = c.Values["merge"].(bool)
		out = append(out, r)
	}
	return out, left
}

// requirements must all have an effect: without one, something could merge that must not.
func requirements(in []configlang.Conf) (out []gozer.Requirement, refused string) {
	for _, c := range in {
		if !isHost(c.Driver) {
			return nil, fmt.Sprintf("a requirement of %s (%s)%s", c.Connection, c.Driver, notHere)
		}
		q, no := requirement(c.Values, hosts[c.Driver])
		if no != "" {
			return nil, no + notHere
		}
		out = append(out, gozer.Requirement{Connection: c.Connection, ChangeRequirement: q})
	}
	return out, ""
}

// requirement of a host that tells all of it, or only some; no names what it does not.
func requirement(v configlang.Values, all bool) (q gozer.ChangeRequirement, no string) {
	q = gozer.ChangeRequirement{Labels: texts(v, "label"), Statuses: texts(v, "status"), Open: flag(v, "open"), Merged: flag(v, "merged"),
		Draft: flag(v, "draft"), CurrentPatchset: flag(v, "current-patchset"), FirstContributionApproved: flag(v, "first-contribution-approved")}
	if q.FirstContributionApproved != nil && !all {
		return q, "the requirement first-contribution-approved"
	}
	if v["status"] != nil && !all {
		return q, "the requirement of a status"
	}
	reviews, _ := v["review"].([]configlang.Values)
	for _, x := range reviews {
		for _, attr := range []string{"email", "older-than", "newer-than"} {
			if x[attr] != nil && !all {
				return q, "the requirement " + attr + " of a review"
			}
		}
		r := gozer.ReviewRequirement{}
		r.Type, _ = x["type"].(string)
		r.Username, _ = x["username"].(string)
		r.Email, _ = x["email"].(string)
		r.Permission, _ = x["permission"].(string)
		var ok [2]bool
		r.OlderThan, ok[0] = age(x, "older-than")
		r.NewerThan, ok[1] = age(x, "newer-than")
		if ok != [2]bool{true, true} {
			return q, "a negative age of a review"
		}
		q.Reviews = append(q.Reviews, r)
	}
	return q, ""
}

// units of ages.
var units = map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}

// maxAge is more than any review has, and not more than the API server understands.
const maxAge = 5200 * 7 * 24 * time.Hour

// age that a review is to have; not ok if it is negative.
func age(v configlang.Values, attr string) (*metav1.Duration, bool) {
	text, ok := v[attr].(string)
	text = strings.TrimSpace(text)
	if !ok || text == "" {
		return nil, true
	}
	number := strings.ReplaceAll(strings.TrimSpace(text[:len(text)-1]), "_", "")
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		n = math.MaxInt64 // the language allows digits only: there are too many
	}
	if strings.HasPrefix(number, "-") {
		return nil, n == 0
	}
	unit := units[text[len(text)-1]]
	return &metav1.Duration{Duration: time.Duration(min(n, int64(maxAge/unit))) * unit}, true
}

func flag(v configlang.Values, attr string) *bool {
	if b, ok := v[attr].(bool); ok {
		return &b
	}
	return nil
}

// Triggers of a pipeline.
func Triggers(in []gozer.Trigger) []match.Trigger {
	var out []match.Trigger
	for _, t := range in {
		m := match.Trigger{Connection: t.Connection, Event: t.Event, Actions: t.Actions,
			Branches: t.Branches, Refs: t.Refs, Comments: t.Comments, States: t.States, Labels: t.Labels, Statuses: t.Statuses, Checks: t.Checks}
		if t.Require != nil {
			m.Require = new(changeRequirement(t.Connection, *t.Require))
		}
		if t.Reject != nil {
			m.Reject = new(changeRequirement(t.Connection, *t.Reject))
		}
		out = append(out, m)
	}
	return out
}

// Requirements of a pipeline.
func Requirements(in []gozer.Requirement) []match.Requirement {
	var out []match.Requirement
	for _, r := range in {
		out = append(out, changeRequirement(r.Connection, r.ChangeRequirement))
	}
	return out
}

func changeRequirement(connection string, r gozer.ChangeRequirement) match.Requirement {
	q := match.Requirement{Connection: connection, Open: r.Open, Merged: r.Merged, Draft: r.Draft, CurrentPatchset: r.CurrentPatchset,
		FirstContributionApproved: r.FirstContributionApproved,
		Labels:                    r.Labels, Statuses: r.Statuses}
	for _, v := range r.Reviews {
		q.Reviews = append(q.Reviews, match.Review{Type: v.Type, Username: v.Username, Email: v.Email, Permission: v.Permission,
			OlderThan: or(v.OlderThan, metav1.Duration{}).Duration, NewerThan: or(v.NewerThan, metav1.Duration{}).Duration})
	}
	return q
}

// OwnContexts are the contexts of the statuses and checks that a pipeline sets
// itself before it merges, by connection.
func OwnContexts(tenant, pipeline string, r gozer.Reporters) map[string][]string {
	out := map[string][]string{}
	for _, a := range slices.Concat(r.Start, r.Success) {
		if a.Status != "" || a.Check != "" {
			out[a.Connection] = []string{report.Context(tenant, pipeline)}
		}
	}
	return out
}
