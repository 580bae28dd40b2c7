package gitea

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/model"
)

// Webhooks decodes Gitea's and Forgejo's webhooks.
type Webhooks struct{}

var _ drivers.Decoder = Webhooks{}

var errSignature = errors.New("the signature does not match; is the webhook's secret the one in the Connection's Secret?")

// Verify checks the HMAC-SHA256 of the body.
func (Webhooks) Verify(h http.Header, body, secret []byte) error {
	if len(secret) == 0 {
		return errors.New("there is no secret to verify the webhook with")
	}
	given, err := hex.DecodeString(header(h, "Signature"))
	if err != nil || len(given) == 0 {
		return errors.New("the webhook is not signed; set a secret on it")
	}
	m := hmac.New(sha256.New, secret)
	m.Write(body)
	if !hmac.Equal(given, m.Sum(nil)) {
		return errSignature
	}
	return nil
}

// header reads X-Gitea-… or X-Forgejo-….
func header(h http.Header, name string) string {
	if v := h.Get("X-Gitea-" + name); v != "" {
		return v
	}
	return h.Get("X-Forgejo-" + name)
}

// Delivery is the id of the delivery. A repeated delivery gets a new one.
func (Webhooks) Delivery(h http.Header) string { return header(h, "Delivery") }

// payload is what is read of any webhook.
type payload struct {
	Action      string       `json:"action"`
	Number      int64        `json:"number"`
	PullRequest *pullRequest `json:"pull_request"`
	IsPull      bool         `json:"is_pull"`
	Issue       *struct {
		Number      int64            `json:"number"`
		PullRequest *json.RawMessage `json:"pull_request"`
	} `json:"issue"`
	Comment *struct {
		Body string `json:"body"`
	} `json:"comment"`
	// Changes says what an action changed; Gitea's label webhooks have none.
	Changes *struct {
		Added   []label `json:"added_labels"`
		Removed []label `json:"removed_labels"`
	} `json:"changes"`
	Review *struct {
		Type    string `json:"type"`
		Content string `json:"content"`
	} `json:"review"`
	Ref        string `json:"ref"`
	RefType    string `json:"ref_type"`
	Before     string `json:"before"`
	After      string `json:"after"`
	Repository struct {
		FullName string `json:"full_name"`
	} `json:"repository"`
	Sender struct {
		Login string `json:"login"`
	} `json:"sender"`
}

// pullActions are Gitea's actions of a pull request in the common words.
var pullActions = map[string]string{
	"opened": "opened", "synchronized": "changed", "reopened": "reopened", "closed": "closed", "edited": "edited",
	"label_updated": "labeled", "label_cleared": "unlabeled",
}

// reviewStates are what a review says in the common words.
var reviewStates = map[string]string{
	"pull_request_review_approved": "approved", "pull_request_review_rejected": "changes_requested", "pull_request_review_comment": "commented",
}

// Decode reads one webhook.
//
// The header X-Gitea-Event is coarse and misleading: "issue_comment" is a
// comment on an issue or a pull request, and "pull_request_comment" is a
// review without a verdict. What the body has decides between them.
func (Webhooks) Decode(h http.Header, body []byte, received time.Time) ([]model.TriggerEvent, string, error) {
	var p payload
	if err := json.Unmarshal(body, &p); err != nil {
		return nil, "", fmt.Errorf("the webhook's body is not JSON: %w; set its content type to application/json", err)
	}
	kind := header(h, "Event")
	if kind == "" {
		return nil, "", errors.New("the webhook names no event; send it as Gitea's own type of webhook")
	}
	e := model.TriggerEvent{Project: p.Repository.FullName, Account: p.Sender.Login, ReceivedAt: received}
	if !drivers.IsProject(e.Project) {
		return nil, "it names no repository", nil
	}
	if pr := p.PullRequest; pr != nil {
		e.Number, e.Patchset, e.Branch = pr.Number, pr.Head.SHA, pr.Base.Ref
	}
	if ignored := fill(&e, kind, p); ignored != "" {
		return nil, ignored, nil
	}
	if e.Event == "pull_request" && (e.Action == "labeled" || e.Action == "unlabeled") {
		return labelEvents(e, p), "", nil
	}
	return []model.TriggerEvent{e}, "", nil
}

// fill sets what depends on the kind of event; it says why an event is of no interest.
func fill(e *model.TriggerEvent, kind string, p payload) (ignored string) {
	switch {
	case kind == "push":
		return drivers.FillPush(e, p.Ref, p.Before, p.After)
	case kind == "delete":
		if p.RefType != "branch" {
			return "the deletion of a " + p.RefType
		}
		// The short name, unlike that of a push.
		return drivers.FillPush(e, "refs/heads/"+p.Ref, "", drivers.NoCommit)
	case p.Review != nil && p.PullRequest != nil:
		return fillReview(e, p)
	case kind == "issue_comment" || kind == "pull_request_comment":
		return fillComment(e, p)
	case strings.HasPrefix(kind, "pull_request") && p.PullRequest != nil:
		if p.PullRequest.Number < 1 {
			return "the pull request has no number"
		}
		action, ok := pullActions[p.Action]
		if !ok {
			return "the action " + p.Action + " of a pull request"
		}
		e.Event, e.Action = "pull_request", action
		return ""
	}
	return "events of kind " + kind
}

func fillReview(e *model.TriggerEvent, p payload) (ignored string) {
	state, ok := reviewStates[p.Review.Type]
	switch {
	case !ok:
		return "a review of type " + p.Review.Type
	case p.Action != "reviewed":
		return "the action " + p.Action + " of a review"
	case p.PullRequest.Number < 1:
		return "the pull request has no number"
	case strings.Contains(p.Review.Content, drivers.OwnMarker):
		return "it is a report of Gozer"
	}
	e.Event, e.Action, e.State, e.Comment = "pull_request_review", "submitted", state, drivers.Cut(p.Review.Content, drivers.MaxComment)
	return ""
}

func fillComment(e *model.TriggerEvent, p payload) (ignored string) {
	isPull := p.IsPull || p.PullRequest != nil || p.Issue != nil && p.Issue.PullRequest != nil
	switch {
	case !isPull || p.Action != "created" || p.Comment == nil:
		return "it is not a new comment on a pull request"
	case p.Issue != nil:
		e.Number = p.Issue.Number
	}
	return drivers.FillComment(e, p.Comment.Body)
}

const maxLabels = 100

// labelEvents are one event for each label that was added or removed. Gitea
// does not say which those are: then, as in Zuul, every label that the pull
// request has counts as set anew.
func labelEvents(e model.TriggerEvent, p payload) []model.TriggerEvent {
	var out []model.TriggerEvent
	add := func(action string, labels []label) {
		for _, l := range labels {
			if len(out) < maxLabels {
				one := e
				one.Action, one.Label = action, l.Name
				out = append(out, one)
			}
		}
	}
	if p.Changes != nil {
		add("labeled", p.Changes.Added)
		add("unlabeled", p.Changes.Removed)
	}
	if len(out) == 0 && e.Action == "labeled" {
		add("labeled", p.PullRequest.Labels)
	}
	if len(out) == 0 {
		out = append(out, e)
	}
	return out
}
