//go:build emulator

package github

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/model"
)

// TestEmulator tries the driver on a GitHub that others wrote, in what that is
// faithful in: our own fake, which all other tests use, has our own idea of GitHub.
func TestEmulator(t *testing.T) {
	w := newEmulated(t)
	t.Run("App authentication", w.authentication)
	t.Run("wrong key", w.wrongKey)
	t.Run("reviews", w.reviews)
	t.Run("reviews of our own", w.ownReview)
	t.Run("check runs", w.checkRuns)
	t.Run("signed webhooks", w.webhooks)
	t.Run("webhooks of others", w.forged)
}

// emulated is an emulator with an App, its installations, and a receiver of webhooks.
type emulated struct {
	*emulator
	*receiver
	key []byte
}

// The App, which may do all in acme, little in umbrella, and is not in globex.
const (
	appID   = 4711
	appSlug = "gozer-gate"
)

var appEvents = []string{"pull_request", "pull_request_review", "pull_request_review_comment", "issue_comment", "push", "check_run"}

func newEmulated(t *testing.T) *emulated {
	t.Helper()
	w := &emulated{receiver: newReceiver(t), key: newKey(t)}
	few := map[string]string{"metadata": "read", "contents": "write", "pull_requests": "write", "issues": "write", "statuses": "write", "checks": "read"}
	tokens, users := map[string]any{}, []any{}
	// Whoever shows a token that it does not know is the first of the users to the
	// emulator: that is to be somebody who may nothing.
	for _, who := range []string{"mallory", "ann", "bob", "carol"} {
		users, tokens[tokenOf(who)] = append(users, map[string]any{"login": who}), map[string]any{"login": who}
	}
	var orgs, repos []any
	for _, owner := range []string{"acme", "umbrella", "globex"} {
		orgs = append(orgs, map[string]any{"login": owner, "members": []any{map[string]any{"login": "bob", "role": "admin"}, map[string]any{"login": "carol"}}})
	}
	for _, name := range []string{"acme/reviews", "acme/checks", "acme/hooks", "acme/private", "umbrella/web", "globex/web"} {
		owner, repo, _ := strings.Cut(name, "/")
		repos = append(repos, map[string]any{"owner": owner, "name": repo, "private": repo == "private"})
	}
	w.emulator = startEmulator(t, map[string]any{"tokens": tokens, "github": map[string]any{
		"users": users, "orgs": orgs, "repos": repos,
		"apps": []any{map[string]any{
			"app_id": appID, "slug": appSlug, "name": "Gozer", "private_key": string(w.key), "permissions": needed, "events": appEvents,
			"webhook_url": w.hookURL("App"), "webhook_secret": hookSecret,
			"installations": []any{
				map[string]any{"installation_id": 7, "account": "acme"},
				map[string]any{"installation_id": 8, "account": "umbrella", "permissions": few},
			},
		}},
	}})
	return w
}

// connect makes a client of the App, as after a restart.
func (w *emulated) connect(t *testing.T, app string, key []byte) *Client {
	t.Helper()
	c, err := New(Config{URL: "https://" + webHost, AppID: app, PrivateKey: key, Transport: w.emulator})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (w *emulated) app(t *testing.T) *Client {
	t.Helper()
	return w.connect(t, fmt.Sprint(appID), w.key)
}

func emulatedProject(name string) model.Project {
	return model.Project{Connection: "github", Hostname: webHost, Name: name}
}

// open has bob push a commit to a branch, and ann open a pull request for it.
func (w *emulated) open(t *testing.T, repo, title string) (number int64, head string) {
	t.Helper()
	at := "/repos/" + repo
	var main struct {
		Commit struct{ SHA string }
	}
	w.do(t, "bob", http.MethodGet, at+"/branches/main", nil, &main)
	w.do(t, "bob", http.MethodPost, at+"/git/refs", map[string]any{"ref": "refs/heads/" + title, "sha": main.Commit.SHA}, nil)
	w.do(t, "bob", http.MethodPut, at+"/contents/"+title, map[string]any{"message": title, "content": "MQo=", "branch": title}, nil)
	var pr struct {
		Number int64
		Head   struct{ SHA string }
	}
	author := "ann"
	if strings.HasSuffix(repo, "/private") {
		author = "bob" // who alone sees it
	}
	w.do(t, author, http.MethodPost, at+"/pulls", map[string]any{"title": title, "body": "text", "head": title, "base": "main"}, &pr)
	if pr.Number < 1 || len(pr.Head.SHA) != 40 || pr.Head.SHA == main.Commit.SHA {
		t.Fatalf("the emulator opened %+v", pr)
	}
	return pr.Number, pr.Head.SHA
}

func (w *emulated) change(t *testing.T, c *Client, repo string, number int64) model.Change {
	t.Helper()
	ch, err := c.Change(t.Context(), emulatedProject(repo), number)
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

// issuedToken is what the emulator tells of a token that it gave to an App.
type issuedToken struct {
	Account     struct{ Login string }
	Permissions map[string]string
	Status      string
}

func (w *emulated) issued(t *testing.T) []issuedToken {
	t.Helper()
	var out struct {
		Tokens []issuedToken `json:"installation_tokens"`
	}
	w.do(t, "nobody", http.MethodGet, "/_emulate/installation-tokens", nil, &out)
	return out.Tokens
}

// authentication: the App signs, finds its installation, gets one token for all that
// it does there, and is told what it may not.
func (w *emulated) authentication(t *testing.T) {
	c := w.app(t)
	if login, version, err := c.Whoami(t.Context()); err != nil || login != appSlug+"[bot]" || version != webHost {
		t.Errorf("the App is %q at %q, %v", login, version, err)
	}
	before := len(w.issued(t))
	// Nobody without a token that is good reads this repository.
	number, head := w.open(t, "acme/private", "A")
	for range 2 {
		if ch := w.change(t, c, "acme/private", number); ch.Head != head {
			t.Errorf("read with the installation's token: %+v", ch)
		}
	}
	for range 2 {
		remote, err := c.Remote(t.Context(), emulatedProject("acme/private"))
		if err != nil || !strings.HasPrefix(remote.Password, "ghs_") || remote.URL != "https://github.com/acme/private.git" {
			t.Errorf("to clone from: %+v, %v", remote, err)
		}
	}
	issued := w.issued(t)[before:]
	if want := []issuedToken{{Account: struct{ Login string }{"acme"}, Permissions: needed, Status: "active"}}; !cmp.Equal(want, issued) {
		t.Errorf("tokens that were asked for: %s", cmp.Diff(want, issued))
	}
	if _, err := c.Change(t.Context(), emulatedProject("globex/web"), 1); !errors.Is(err, drivers.ErrNotFound) || !strings.Contains(err.Error(), "not installed") {
		t.Errorf("where it is not installed: %v", err)
	}
	h, err := c.Health(t.Context())
	lacks := []string{"administration: read (umbrella)", "checks: write (umbrella)"}
	if err != nil || !slices.Equal(h.MissingPermissions, lacks) || h.Limit != 5000 || h.Remaining >= 5000 || h.Remaining < 1 || h.Reset.IsZero() || h.LastError != "" {
		t.Errorf("health: %+v, %v; want it to lack %q", h, err, lacks)
	}
}

// wrongKey: it is said what is wrong, wherever the key is first needed.
func (w *emulated) wrongKey(t *testing.T) {
	wrong := newKey(t)
	for name, c := range map[string]*Client{"another App's key": w.connect(t, fmt.Sprint(appID), wrong), "no such App": w.connect(t, "99", w.key)} {
		says := func(what string, err error, words string) {
			t.Helper()
			if err == nil || !strings.Contains(err.Error(), words) || !strings.Contains(err.Error(), "401") {
				t.Errorf("%s: %s: %v; want %q and GitHub's answer", name, what, err, words)
			}
		}
		_, _, err := c.Whoami(t.Context())
		says("who it is", err, "GitHub does not accept the credentials")
		h, err := c.Health(t.Context())
		says("health", err, "GitHub does not accept the credentials")
		if !strings.Contains(h.LastError, "401") || h.LastErrorAt.IsZero() {
			t.Errorf("%s: health: %+v", name, h)
		}
		// GitHub refuses already to say where the App is installed. The emulator says so
		// to anybody, and then gives no token.
		_, err = c.Remote(t.Context(), emulatedProject("acme/reviews"))
		says("a token", err, "GitHub gives no token for the installation of acme (7)")
		_, err = c.Change(t.Context(), emulatedProject("acme/reviews"), 1)
		says("a change", err, "GitHub gives no token for the installation of acme (7)")
	}
}

// review gives one through the emulator's API.
func (w *emulated) review(t *testing.T, who, repo string, number int64, event string) (id int64) {
	t.Helper()
	var out struct{ ID int64 }
	w.do(t, who, http.MethodPost, fmt.Sprintf("/repos/%s/pulls/%d/reviews", repo, number), map[string]any{"event": event, "body": "so " + who + " says"}, &out)
	return out.ID
}

// reviews: a change is read with its approvals. The emulator has no GraphQL, so all
// is read by REST.
func (w *emulated) reviews(t *testing.T) {
	const repo = "acme/reviews"
	c := w.app(t)
	number, head := w.open(t, repo, "A")
	want := model.Change{
		Project: emulatedProject(repo), Number: number, Patchset: head, Head: head, Ref: fmt.Sprintf("refs/pull/%d/head", number), Branch: "main",
		URL: fmt.Sprintf("https://github.com/%s/pull/%d", repo, number), Title: "A", Message: "text", Author: "ann", Open: true, FirstContribution: true,
		Verdict: &model.Verdict{},
	}
	check := func(when string, approvals ...model.Approval) {
		t.Helper()
		want.Approvals = approvals
		got := w.change(t, c, repo, number)
		for _, a := range got.Approvals {
			if d := time.Since(a.SubmittedAt); d < -time.Minute || d > time.Hour {
				t.Errorf("%s: %s reviewed at %s", when, a.By, a.SubmittedAt)
			}
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(model.Approval{}, "SubmittedAt")); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", when, diff)
		}
	}
	check("opened")

	// Members of an organization are all its administrators to the emulator. A
	// stranger's approval is read, and is one of somebody who may only read.
	bob, carol := model.Approval{By: "bob", Type: "approved", Permission: "admin"}, model.Approval{By: "carol", Type: "changes_requested", Permission: "admin"}
	mallory := model.Approval{By: "mallory", Type: "approved", Permission: "read"}
	w.review(t, "bob", repo, number, "APPROVE")
	w.review(t, "mallory", repo, number, "APPROVE")
	w.review(t, "bob", repo, number, "COMMENT")
	check("approved, and commented on after that", bob, mallory)

	id := w.review(t, "carol", repo, number, "REQUEST_CHANGES")
	want.Verdict.Blocked = []string{"a reviewer requested changes"}
	check("changes requested", bob, carol, mallory)

	w.do(t, "bob", http.MethodPut, fmt.Sprintf("/repos/%s/pulls/%d/reviews/%d/dismissals", repo, number, id), map[string]any{"message": "never mind"}, nil)
	want.Verdict.Blocked = nil
	check("dismissed", bob, mallory)

	w.do(t, "bob", http.MethodPut, "/repos/"+repo+"/branches/main/protection", map[string]any{
		"required_pull_request_reviews": map[string]any{"required_approving_review_count": 2},
	}, nil)
	want.Verdict.Blocked = []string{"it has not the approving reviews that the branch main requires (2)"}
	check("two are required, and a stranger's is none", bob, mallory)

	w.review(t, "carol", repo, number, "APPROVE")
	carol.Type, want.Verdict.Blocked = "approved", nil
	check("two are there", bob, carol, mallory)
}

// ownReview: what Gozer says by a review is there once, by its App, on the head that
// was tested.
func (w *emulated) ownReview(t *testing.T) {
	const repo = "acme/reviews"
	number, _ := w.open(t, repo, "B")
	ch := w.change(t, w.app(t), repo, number)
	// The emulator's pull requests stay where they are when commits are pushed, and so
	// do its reviews, unless they name their commit.
	var pushed struct {
		Commit struct{ SHA string }
	}
	w.do(t, "bob", http.MethodPut, "/repos/"+repo+"/contents/later", map[string]any{"message": "later", "content": "MQo=", "branch": "B"}, &pushed)
	ch.Head = pushed.Commit.SHA
	for range 2 {
		if err := w.app(t).Review(t.Context(), ch, "<!-- gozer: item-1 SUCCESS -->", drivers.ReviewApprove, "It passed."); err != nil {
			t.Fatal(err)
		}
	}
	var got []struct {
		User   struct{ Login string }
		Body   string
		State  string
		Commit string `json:"commit_id"`
	}
	w.do(t, "ann", http.MethodGet, fmt.Sprintf("/repos/%s/pulls/%d/reviews", repo, number), nil, &got)
	if len(got) != 1 || got[0].User.Login != appSlug+"[bot]" || got[0].State != "APPROVED" || got[0].Commit != ch.Head || !strings.HasPrefix(got[0].Body, "It passed.") {
		t.Errorf("reviews: %+v; want one of %s[bot] on %s", got, appSlug, ch.Head)
	}
}

// emulatedCheck is a check run as the emulator tells it.
type emulatedCheck struct {
	ID          int64
	Name        string
	Status      string
	Conclusion  string
	HeadSHA     string     `json:"head_sha"`
	ExternalID  string     `json:"external_id"`
	DetailsURL  string     `json:"details_url"`
	StartedAt   *time.Time `json:"started_at"`
	CompletedAt *time.Time `json:"completed_at"`
	Output      struct {
		Title, Summary string
		Annotations    int `json:"annotations_count"`
	}
}

func (w *emulated) checks(t *testing.T, repo, head string) []emulatedCheck {
	t.Helper()
	var out struct {
		Runs []emulatedCheck `json:"check_runs"`
	}
	w.do(t, "ann", http.MethodGet, "/repos/"+repo+"/commits/"+head+"/check-runs?filter=all", nil, &out)
	return out.Runs
}

// checkRuns: a check is made, ended by a process that knows nothing of it, and read
// again as a part of the change.
//
// The emulator takes no "identifier" of a check's actions, as GitHub does, so nothing
// is said of the button here; and it puts the annotations of a request, or none, in
// the place of earlier ones, where GitHub adds them: all are in the last request.
func (w *emulated) checkRuns(t *testing.T) {
	const repo = "acme/checks"
	number, head := w.open(t, repo, "A")
	c := w.app(t)
	ch := w.change(t, c, repo, number)
	began := time.Now().Truncate(time.Second)
	k := drivers.Check{Name: "acme/check", State: "in_progress", Title: "runs", Summary: "two jobs", URL: "https://gozer.example.com/x", ID: "item-1", StartedAt: began}
	for _, c := range []*Client{c, w.app(t)} { // told again by another process, as after a death
		if err := c.SetCheck(t.Context(), ch, k); err != nil {
			t.Fatal(err)
		}
	}
	want := emulatedCheck{Name: k.Name, Status: "in_progress", HeadSHA: head, ExternalID: k.ID, DetailsURL: k.URL, StartedAt: &began}
	want.Output.Title, want.Output.Summary = k.Title, k.Summary
	anyID := cmpopts.IgnoreFields(emulatedCheck{}, "ID")
	made := w.checks(t, repo, head)
	if diff := cmp.Diff([]emulatedCheck{want}, made, anyID, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("made: (-want +got)\n%s", diff)
	}

	c = w.app(t)
	ended := began.Add(time.Minute)
	k.State, k.Title, k.Summary, k.EndedAt = "failure", "1 of 2 failed", "| job | result |", ended
	k.Annotations = []drivers.Annotation{{Path: "a.go", Line: 3, EndLine: 5, Level: "failure", Message: "wrong"}, {Path: "b.go", Line: 7, Level: "warning", Message: "odd"}}
	if err := c.SetCheck(t.Context(), ch, k); err != nil {
		t.Fatal(err)
	}
	want.Status, want.Conclusion, want.CompletedAt = "completed", "failure", &ended
	want.Output.Title, want.Output.Summary, want.Output.Annotations = k.Title, k.Summary, 2
	got := w.checks(t, repo, head)
	if diff := cmp.Diff([]emulatedCheck{want}, got, anyID); diff != "" || got[0].ID != made[0].ID {
		t.Errorf("ended: check %d, then: (-want +got)\n%s", made[0].ID, diff)
	}
	w.checkAnnotations(t, repo, made[0].ID)
	// The emulator does not tell which App made a check, so nothing stands before the name.
	if now := w.change(t, c, repo, number); !slices.Equal(now.Statuses, []string{":acme/check:failure"}) {
		t.Errorf("the change has %q", now.Statuses)
	}
	var no *drivers.RefusedError
	if err := c.SetCheck(t.Context(), ch, drivers.Check{Name: "acme/check", State: "no such", ID: "item-2"}); !errors.As(err, &no) || !strings.Contains(no.Reason, "Invalid conclusion") {
		t.Errorf("what GitHub does not take: %v", err)
	}
}

// checkAnnotations reads those of a check. GitHub gives a list; the emulator, an object
// that has it.
func (w *emulated) checkAnnotations(t *testing.T, repo string, id int64) {
	t.Helper()
	type annotation struct {
		Path    string
		From    int    `json:"start_line"`
		To      int    `json:"end_line"`
		Level   string `json:"annotation_level"`
		Message string
	}
	var got struct {
		List []annotation `json:"check_annotations"`
	}
	w.do(t, "ann", http.MethodGet, fmt.Sprintf("/repos/%s/check-runs/%d/annotations", repo, id), nil, &got)
	if diff := cmp.Diff([]annotation{{"a.go", 3, 5, "failure", "wrong"}, {"b.go", 7, 7, "warning", "odd"}}, got.List); diff != "" {
		t.Errorf("annotations: (-want +got)\n%s", diff)
	}
}
