package configlang

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

var githubReview = &schema{what: "a review", rules: map[string]rule{
	"username": pattern, "email": pattern, "older-than": age, "newer-than": age,
	"type":       text,
	"permission": one("read", "write", "admin"),
}}

var githubRequirement = &schema{what: "the requirement", rules: map[string]rule{
	"status": patterns, "review": inners(githubReview), "open": flag, "merged": flag, "current-patchset": flag, "draft": flag, "label": texts, "first-contribution-approved": flag}}

var githubEvents = []string{"pull_request", "pull_request_review", "push", "check_run"}

// githubTrigger accepts what older versions of Zuul did, and warns where the
// attributes do not fit the event.
func githubTrigger() *schema {
	return &schema{
		what: "the trigger", required: []string{"event"},
		rules: map[string]rule{
			"event": some(githubEvents...), "action": texts, "branch": exprs, "ref": exprs, "comment": exprs, "label": texts, "unlabel": texts,
			"state": texts, "require-status": patterns, "require": inner(githubRequirement), "reject": inner(githubRequirement), "status": patterns, "check": patterns,
		},
		after: githubTriggerWarnings,
	}
}

func githubTriggerWarnings(p *parser, n *yaml.Node, v Values, _ string) {
	if v["require-status"] != nil {
		p.warn(NameGithubRequireStatus, posOf(n), "require-status", "", "The 'require-status' trigger attribute\nis deprecated.  Use 'require' instead.")
	}
	if v["unlabel"] != nil {
		p.warn(NameGithubUnlabel, posOf(n), "unlabel", "", "The 'unlabel' trigger attribute\nis deprecated.  Use 'label' instead.")
	}
	events, _ := v["event"].([]string)
	if listed(n, "event") {
		p.warn(NameGithubEventList, posOf(n), "event", "", "Specifying the 'event' trigger attribute\nas a list is deprecated.  Use a single item instead.")
	} else if len(events) == 1 {
		if why := githubMisfit(n, v, events[0]); why != "" {
			p.warn(NameGithubTriggerWarning, posOf(n), "trigger", "", "The trigger configuration as supplied has an error: %s", why)
		}
	}
	if actions, _ := v["action"].([]string); len(actions) == 1 && actions[0] == "requested" && !listed(n, "action") {
		v["action"] = []string{"rerequested"}
		p.warn(NameGithubRequested, posOf(n), "action", "", "The 'requested' value for the 'action'\ntrigger attribute is deprecated.  Use 'rerequested' instead.")
	}
}

func listed(n *yaml.Node, key string) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return kindOf(n.Content[i+1]) == kindSequence
		}
	}
	return false
}

// githubFit says which attributes an event has, and the values of some.
type githubFit map[string][]string

var githubFits = map[string]githubFit{
	"pull_request":           {"branch": nil, "action": {"opened", "changed", "closed", "reopened"}},
	"pull_request/comment":   {"branch": nil, "action": nil, "comment": nil},
	"pull_request/labeled":   {"branch": nil, "action": {"labeled", "unlabeled"}, "label": nil},
	"pull_request/status":    {"branch": nil, "action": nil, "status": nil},
	"pull_request_review":    {"branch": nil, "action": {"submitted", "dismissed"}, "state": {"approved", "commented", "changes_requested", "dismissed", "pending"}},
	"push":                   {"ref": nil},
	"check_run":              {"action": {"rerequested", "completed"}, "check": nil},
	"pull_request/unlabeled": {"branch": nil, "action": {"labeled", "unlabeled"}, "label": nil},
}

// githubMisfit says what does not go with the event, or "".
func githubMisfit(n *yaml.Node, v Values, event string) string {
	fit := githubFits[event]
	if actions, _ := v["action"].([]string); len(actions) == 1 && !listed(n, "action") {
		if special := githubFits[event+"/"+actions[0]]; special != nil {
			fit = special
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i].Value
		values, known := fit[key]
		switch {
		case key == "event" || key == "require" || key == "reject":
		case !known:
			return fmt.Sprintf("%q does not go with the event %s", key, event)
		case values != nil:
			got, _ := v[key].([]string)
			for _, g := range got {
				if !slices.Contains(values, g) {
					return fmt.Sprintf("%q is not possible for %q of %s; it is one of %s", brief(g), key, event, strings.Join(values, ", "))
				}
			}
		}
	}
	return ""
}

func githubReporter() *schema {
	return &schema{
		what: "the reporter",
		rules: map[string]rule{
			"status": one("pending", "success", "failure"), "status-url": text, "comment": flag, "merge": flag, "label": texts, "unlabel": texts,
			"review": one("approve", "request-changes", "comment"), "review-body": text,
			"check": one("in_progress", "success", "failure", "cancelled", "skipped", "neutral"),
		},
		after: func(p *parser, n *yaml.Node, v Values, _ string) {
			if v["status-url"] != nil {
				p.warn(NameGithubStatusURL, posOf(n), "", "remove it", "The 'status-url' reporter attribute is deprecated.")
			}
		},
	}
}

// giteaTrigger is GitHub's, without its old forms: an action that the event does not have is an error.
var giteaTrigger = &schema{
	what: "the trigger", required: []string{"event"},
	rules: map[string]rule{
		"event": one("pull_request", "pull_request_review", "push"), "action": texts, "branch": exprs, "comment": exprs,
		"state": texts, "label": texts, "ref": exprs,
	},
	after: func(p *parser, n *yaml.Node, v Values, _ string) {
		event, _ := v["event"].(string)
		actions, _ := v["action"].([]string)
		known := map[string][]string{
			"pull_request":        {"opened", "changed", "closed", "reopened", "comment", "labeled", "unlabeled"},
			"pull_request_review": {"submitted"},
		}[event]
		has := "it has none"
		if len(known) > 0 {
			has = "it has: " + strings.Join(known, ", ")
		}
		for _, a := range actions {
			if !slices.Contains(known, a) {
				p.fail(posOf(n), didYouMean(a, known), "the event %s has no action %q; %s", event, brief(a), has)
			}
		}
	},
}

var giteaReporter = &schema{what: "the reporter", empty: true, rules: map[string]rule{
	"status": one("pending", "success", "failure"), "comment": flag, "merge": flag}}
