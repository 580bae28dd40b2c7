package github

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // old Enterprise servers sign with nothing else
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/model"
)

// Webhooks decodes GitHub's webhooks.
type Webhooks struct {
	// Own is the account that Gozer acts as, and App the id or client id of its App:
	// what it does itself is no news.
	Own, App string
}

var (
	_ drivers.Decoder    = Webhooks{}
	_ drivers.Identifier = Webhooks{}
)

var errSignature = errors.New("the signature does not match; is the webhook's secret the one in the Connection's Secret?")

const (
	signature256 = "X-Hub-Signature-256"
	signature1   = "X-Hub-Signature"
)

// Verify checks the HMAC of the body.
func (Webhooks) Verify(h http.Header, body, secret []byte) error {
	if len(secret) == 0 {
		return errors.New("there is no secret to verify the webhook with")
	}
	given, digest := h.Get(signature256), sha256.New
	if given == "" {
		given, digest = h.Get(signature1), sha1.New
	}
	_, sum, _ := strings.Cut(given, "=")
	want, err := hex.DecodeString(sum)
	if err != nil || len(want) == 0 {
		return errors.New("the webhook is not signed; set a secret on it")
	}
	if !hmac.Equal(want, sign(digest, body, secret)) {
		return errSignature
	}
	return nil
}

func sign(digest func() hash.Hash, body, secret []byte) []byte {
	m := hmac.New(digest, secret)
	m.Write(body)
	return m.Sum(nil)
}

// Warning says what is wrong with a webhook that is accepted all the same.
func (Webhooks) Warning(h http.Header) string {
	if h.Get(signature256) == "" && h.Get(signature1) != "" {
		return "the webhook is signed with SHA-1 only; update the Enterprise server, or what forwards the webhooks, so that X-Hub-Signature-256 arrives"
	}
	return ""
}

// Delivery is the GUID, which redeliveries keep.
func (Webhooks) Delivery(h http.Header) string { return h.Get("X-GitHub-Delivery") }

type sender struct {
	Login string `json:"login"`
}

type pullPayload struct {
	Number int64 `json:"number"`
	Head   struct {
		SHA string `json:"sha"`
	} `json:"head"`
	Base struct {
		Ref  string `json:"ref"`
		Repo struct {
			URL string `json:"url"`
		} `json:"repo"`
	} `json:"base"`
}

type appPayload struct {
	ID       int64  `json:"id"`
	ClientID string `json:"client_id"`
	Slug     string `json:"slug"`
}

type checkPayload struct {
	Name         string        `json:"name"`
	Status       string        `json:"status"`
	Conclusion   string        `json:"conclusion"`
	HeadSHA      string        `json:"head_sha"`
	ExternalID   string        `json:"external_id"`
	App          *appPayload   `json:"app"`
	PullRequests []pullPayload `json:"pull_requests"`
}

// payload is what is read of any webhook.
type payload struct {
	Action      string       `json:"action"`
	PullRequest *pullPayload `json:"pull_request"`
	Issue       *struct {
		Number      int64           `json:"number"`
		PullRequest json.RawMessage `json:"pull_request"`
	} `json:"issue"`
	Comment *struct {
		ID   int64  `json:"id"`
		Body string `json:"body"`
	} `json:"comment"`
	Review *struct {
		ID    int64  `json:"id"`
		State string `json:"state"`
		Body  string `json:"body"`
	} `json:"review"`
	Label *struct {
		Name string `json:"name"`
	} `json:"label"`
	Before   string        `json:"before"`
	After    string        `json:"after"`
	Ref      string        `json:"ref"`
	CheckRun *checkPayload `json:"check_run"`
	// RequestedAction is a button of a check that somebody pressed.
	RequestedAction *struct {
		Identifier string `json:"identifier"`
	} `json:"requested_action"`
	CheckSuite *checkPayload `json:"check_suite"`
	// Of a status.
	SHA     string `json:"sha"`
	Context string `json:"context"`
	State   string `json:"state"`

	Repository *struct {
		FullName string `json:"full_name"`
		URL      string `json:"url"`
		// PushedAt is a number of seconds in pushes, and a text elsewhere.
		PushedAt json.RawMessage `json:"pushed_at"`
	} `json:"repository"`
	Sender *sender `json:"sender"`
}

// read the kind of a webhook, and as much of its body as any kind needs. Kinds
// that are of no interest may have other types under the same names: they are not read.
func read(h http.Header, body []byte) (kind string, p payload, err error) {
	if kind = h.Get("X-GitHub-Event"); kind == "" {
		return "", p, errors.New("the webhook names no event: is it GitHub that sends it?")
	}
	if _, ok := kinds[kind]; !ok {
		if !json.Valid(body) {
			return "", p, errors.New("the webhook's body is not JSON; set its content type to application/json")
		}
		return kind, p, nil
	}
	if err := json.Unmarshal(body, &p); err != nil {
		return "", p, fmt.Errorf("the webhook's body is not JSON of the event %s: %w; set its content type to application/json", kind, err)
	}
	return kind, p, nil
}

// kinds of webhooks that say something, and how each is read.
var kinds = map[string]func(e *model.TriggerEvent, p payload) (ignored string){
	"pull_request":                fillPull,
	"pull_request_review":         fillReview,
	"pull_request_review_comment": fillComment,
	"issue_comment":               fillComment,
	"push":                        fillPush,
	"status":                      fillStatus,
	"check_run":                   fillCheck,
	"check_suite":                 fillSuite,
}

// told are kinds that another webhook tells better.
var told = map[string]string{
	"create":                 "a push tells of it",
	"delete":                 "a push tells of it",
	"branch_protection_rule": "rules are read when they are asked for",
	"repository_ruleset":     "rules are read when they are asked for",
	"installation":           "installations are read when they are asked for", "installation_repositories": "installations are read when they are asked for",
	"ping": "GitHub asks whether somebody listens",
}

// Decode reads one webhook.
func (w Webhooks) Decode(h http.Header, body []byte, received time.Time) ([]model.TriggerEvent, string, error) {
	kind, p, err := read(h, body)
	if err != nil {
		return nil, "", err
	}
	fill, ok := kinds[kind]
	switch {
	case !ok && told[kind] != "":
		return nil, told[kind], nil
	case !ok:
		return nil, "events of kind " + kind, nil
	case p.Repository == nil || !drivers.IsProject(p.Repository.FullName):
		return nil, "it names no repository", nil
	}
	e := model.TriggerEvent{Project: p.Repository.FullName, ReceivedAt: received}
	if p.Sender != nil {
		e.Account = p.Sender.Login
	}
	if pr := p.PullRequest; pr != nil {
		e.Number, e.Patchset, e.Branch = pr.Number, pr.Head.SHA, pr.Base.Ref
	}
	if ignored := fill(&e, p); ignored != "" {
		return nil, ignored, nil
	}
	if w.Own != "" && e.Account == w.Own && kind == "status" {
		return nil, "Gozer set it itself", nil
	}
	if k := cmp.Or(p.CheckRun, p.CheckSuite); e.Event == "check_run" {
		switch own := k.of(w.App); {
		case own && e.Action == "completed":
			return nil, "Gozer set it itself", nil
		case !own && e.Action == drivers.ActionAbort:
			return nil, "the check is none of Gozer's", nil
		}
		return checkEvents(e, p, k), "", nil
	}
	return []model.TriggerEvent{e}, "", nil
}

// Identity is the same for webhooks that tell the same, and for what a poll finds.
func (w Webhooks) Identity(h http.Header, body []byte) string {
	kind, p, err := read(h, body)
	switch {
	case err != nil:
	case p.Review != nil && kind == "pull_request_review":
		return reviewIdentity(p.Review.ID, p.Action)
	case p.Comment != nil && kind != "pull_request_review":
		return commentIdentity(kind, p.Comment.ID, p.Action)
	case kind == "push" && p.Repository != nil:
		name := pushIdentity(p.Repository.FullName, p.Ref, p.Before, p.After)
		if _, isTag := model.TagOfRef(p.Ref); isTag {
			// A tag that was deleted is made again at the same commit; no poll tells of tags.
			name += " " + string(p.Repository.PushedAt)
		}
		return name
	case w.Delivery(h) == "": // what forwards webhooks may drop it: not all are the same for that
		return "body " + string(body)
	}
	return "delivery " + w.Delivery(h)
}

func reviewIdentity(id int64, action string) string { return fmt.Sprintf("review %d %s", id, action) }

func commentIdentity(kind string, id int64, action string) string {
	return fmt.Sprintf("%s %d %s", kind, id, action)
}

func pushIdentity(project, ref, before, after string) string {
	return fmt.Sprintf("push %s %s %s %s", project, ref, before, after)
}

// pullActions are GitHub's actions of a pull request in the common words. What
// makes a draft ready changes what may become of it as a push does.
var pullActions = map[string]string{
	"opened": "opened", "synchronize": "changed", "reopened": "reopened", "closed": "closed", "edited": "edited",
	"labeled": "labeled", "unlabeled": "unlabeled", "ready_for_review": "changed", "converted_to_draft": "edited",
}

func fillPull(e *model.TriggerEvent, p payload) (ignored string) {
	action, ok := pullActions[p.Action]
	switch {
	case p.PullRequest == nil || e.Number < 1:
		return "the pull request has no number"
	case !ok:
		return "the action " + drivers.Cut(p.Action, maxName) + " of a pull request"
	}
	e.Event, e.Action = "pull_request", action
	if p.Label != nil {
		e.Label = drivers.Cut(p.Label.Name, maxName)
	}
	return ""
}

const maxName = 255

// reviewStates are what a review says in the common words.
var reviewStates = map[string]bool{"approved": true, "changes_requested": true, "commented": true, "dismissed": true}

func fillReview(e *model.TriggerEvent, p payload) (ignored string) {
	if p.Review == nil || p.PullRequest == nil || e.Number < 1 {
		return "the review is of no pull request"
	}
	state := strings.ToLower(p.Review.State)
	switch {
	case p.Action != "submitted" && p.Action != "dismissed":
		return "the action " + drivers.Cut(p.Action, maxName) + " of a review"
	case !reviewStates[state]:
		return "a review that is " + drivers.Cut(state, maxName)
	case strings.Contains(p.Review.Body, drivers.OwnMarker):
		return "it is a report of Gozer"
	}
	e.Event, e.Action, e.State, e.Comment = "pull_request_review", p.Action, state, drivers.Cut(p.Review.Body, drivers.MaxComment)
	return ""
}

func fillComment(e *model.TriggerEvent, p payload) (ignored string) {
	isPull := p.PullRequest != nil || p.Issue != nil && len(p.Issue.PullRequest) > 0 && string(p.Issue.PullRequest) != "null"
	switch {
	case !isPull || p.Action != "created" || p.Comment == nil:
		return "it is not a new comment on a pull request"
	case p.Issue != nil:
		e.Number = p.Issue.Number
	}
	return drivers.FillComment(e, p.Comment.Body)
}

func fillPush(e *model.TriggerEvent, p payload) (ignored string) {
	return drivers.FillPush(e, p.Ref, p.Before, p.After)
}

// fillStatus tells of a commit; the pull requests that have it are found later.
func fillStatus(e *model.TriggerEvent, p payload) (ignored string) {
	switch {
	case p.SHA == "" || p.Context == "":
		return "the status is of no commit"
	case p.State == "pending":
		return "the status is pending still"
	}
	e.Event, e.Action, e.Patchset = "pull_request", "status", p.SHA
	e.Status = drivers.Cut(e.Account+":"+p.Context+":"+p.State, maxName)
	return ""
}

func fillCheck(e *model.TriggerEvent, p payload) (ignored string) {
	k := p.CheckRun
	switch {
	case k == nil || k.HeadSHA == "":
		return "the check is of no commit"
	case p.Action == "requested_action" && p.RequestedAction != nil && p.RequestedAction.Identifier == drivers.ActionAbort:
		p.Action = drivers.ActionAbort
	case p.Action != "completed" && p.Action != "rerequested":
		return "the action " + drivers.Cut(p.Action, maxName) + " of a check"
	}
	e.Event, e.Action, e.Patchset, e.Check = "check_run", p.Action, k.HeadSHA, k.text(k.Name)
	return ""
}

// fillSuite: who asks for all checks again says so of the suite only. The name * is
// all checks of the App.
func fillSuite(e *model.TriggerEvent, p payload) (ignored string) {
	k := p.CheckSuite
	switch {
	case k == nil || k.HeadSHA == "":
		return "the checks are of no commit"
	case p.Action != "rerequested":
		return "its check runs tell of it"
	}
	e.Event, e.Action, e.Patchset, e.Check = "check_run", p.Action, k.HeadSHA, k.text(drivers.AllChecks)
	return ""
}

// of says whether the check was made by the App of that id, or client id.
func (k *checkPayload) of(app string) bool {
	return app != "" && k.App != nil && (strconv.FormatInt(k.App.ID, 10) == app || k.App.ClientID == app)
}

// slug of the App that made the check.
func (k *checkPayload) slug() string {
	if k.App == nil {
		return ""
	}
	return k.App.Slug
}

// text of a check as Zuul has it: "app:name:conclusion".
func (k *checkPayload) text(name string) string {
	return drivers.Cut(k.slug()+":"+name+":"+cmp.Or(k.Conclusion, k.Status), maxName)
}

// maxPulls bounds how many pull requests of one check are looked at.
const maxPulls = 20

// checkEvents are one for each pull request of the repository that GitHub names: it
// names none of forks, which are found by their commit.
func checkEvents(e model.TriggerEvent, p payload, k *checkPayload) []model.TriggerEvent {
	var out []model.TriggerEvent
	for _, pr := range k.PullRequests {
		if pr.Number < 1 || pr.Head.SHA != e.Patchset || len(out) == maxPulls || pr.Base.Repo.URL != p.Repository.URL {
			continue
		}
		one := e
		one.Number, one.Branch = pr.Number, pr.Base.Ref
		out = append(out, one)
	}
	if len(out) == 0 {
		out = append(out, e)
	}
	return out
}
