package gitea

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/report"
)

// headers of a webhook: the event and its type, as Gitea derives one from the other.
func headers(event, kind string) http.Header {
	h := http.Header{}
	h.Set("X-Gitea-Delivery", "f6266f16-1bf3-46a5-9ea4-602e06ead473")
	h.Set("X-Gitea-Event", event)
	h.Set("X-Gitea-Event-Type", kind)
	h.Set("X-GitHub-Event", event)
	return h
}

func payloadOf(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", file+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

const head = "5cb1d3a8f2a3b0f4b4ae6c0a7e4cd0d9d3d0a111"

// event of the pull request of the test data.
func event(kind, action string, change func(*model.TriggerEvent)) []model.TriggerEvent {
	e := model.TriggerEvent{Event: kind, Action: action, Project: "acme/api", Number: 12, Patchset: head, Branch: "main", Account: "ann", ReceivedAt: noon}
	if change != nil {
		change(&e)
	}
	return []model.TriggerEvent{e}
}

func TestDecode(t *testing.T) {
	push := func(ref, branch, before, after string) []model.TriggerEvent {
		return []model.TriggerEvent{{Event: "push", Project: "acme/api", Ref: ref, Branch: branch, OldRev: before, NewRev: after, Account: "ann", ReceivedAt: noon}}
	}
	labels := append(event("pull_request", "labeled", func(e *model.TriggerEvent) { e.Label = "bug" }), event("pull_request", "labeled", func(e *model.TriggerEvent) { e.Label = "gate" })...)
	byBob := func(state, comment string) func(*model.TriggerEvent) {
		return func(e *model.TriggerEvent) { e.Account, e.State, e.Comment = "bob", state, comment }
	}
	for file, tc := range map[string]struct {
		event, kind string
		want        []model.TriggerEvent
		ignored     string
	}{
		"pull_opened":       {"pull_request", "pull_request", event("pull_request", "opened", nil), ""},
		"pull_synchronized": {"pull_request", "pull_request_sync", event("pull_request", "changed", nil), ""},
		"pull_closed":       {"pull_request", "pull_request", event("pull_request", "closed", nil), ""},
		"pull_reopened":     {"pull_request", "pull_request", event("pull_request", "reopened", nil), ""},
		"pull_edited":       {"pull_request", "pull_request", event("pull_request", "edited", nil), ""},
		"pull_assigned":     {"pull_request", "pull_request_assign", nil, "the action assigned of a pull request"},
		"label_updated":     {"pull_request", "pull_request_label", labels, ""},
		"label_cleared":     {"pull_request", "pull_request_label", event("pull_request", "unlabeled", nil), ""},
		"label_changes": {"pull_request", "pull_request_label", append(event("pull_request", "labeled", func(e *model.TriggerEvent) { e.Label = "gate" }),
			event("pull_request", "unlabeled", func(e *model.TriggerEvent) { e.Label = "wip" })...), ""},
		"review_approved":  {"pull_request_approved", "pull_request_review_approved", event("pull_request_review", "submitted", byBob("approved", "Good.")), ""},
		"review_rejected":  {"pull_request_rejected", "pull_request_review_rejected", event("pull_request_review", "submitted", byBob("changes_requested", "No.")), ""},
		"review_comment":   {"pull_request_comment", "pull_request_review_comment", event("pull_request_review", "submitted", byBob("commented", "Hm.")), ""},
		"review_own":       {"pull_request_comment", "pull_request_review_comment", nil, "it is a report of Gozer"},
		"review_requested": {"pull_request", "pull_request_review_request", nil, "the action review_requested of a pull request"},
		"comment_pull":     {"issue_comment", "pull_request_comment", event("pull_request", "comment", func(e *model.TriggerEvent) { e.Comment = "recheck" }), ""},
		"comment_issue":    {"issue_comment", "issue_comment", nil, "it is not a new comment on a pull request"},
		"comment_edited":   {"issue_comment", "pull_request_comment", nil, "it is not a new comment on a pull request"},
		"comment_own":      {"issue_comment", "pull_request_comment", nil, "it is a report of Gozer"},
		"push_branch":      {"push", "push", push("refs/heads/feature/x", "feature/x", "28e1879d029cb852e4844d9c718537df08844e03", "bffeb74224043ba2feb48d137756c8a9331c449a"), ""},
		"push_tag":         {"push", "push", push("refs/tags/v1", "", "28e1879d029cb852e4844d9c718537df08844e03", "bffeb74224043ba2feb48d137756c8a9331c449a"), ""},
		"branch_deleted":   {"delete", "delete", push("refs/heads/feature/x", "feature/x", "", drivers.NoCommit), ""},
		"tag_deleted":      {"delete", "delete", nil, "the deletion of a tag"},
		"issue_opened":     {"issues", "issues", nil, "events of kind issues"},
	} {
		t.Run(file, func(t *testing.T) {
			got, ignored, err := Webhooks{}.Decode(headers(tc.event, tc.kind), payloadOf(t, file), noon)
			if err != nil || ignored != tc.ignored {
				t.Errorf("ignored %q, %v, want %q", ignored, err, tc.ignored)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestOwnReportsAreIgnored: the marker is the one that reports have.
func TestOwnReportsAreIgnored(t *testing.T) {
	if m := report.Marker("bs-1", model.ItemFailure); !strings.HasPrefix(m, drivers.OwnMarker) {
		t.Errorf("reports are marked %q", m)
	}
}

func TestDecodeOfWhatIsWrong(t *testing.T) {
	for name, tc := range map[string]struct {
		event, body, ignored, err string
	}{
		"no JSON":            {"push", "payload=%7B%7D", "", "application/json"},
		"no event":           {"", "{}", "", "names no event"},
		"no repository":      {"push", "{}", "it names no repository", ""},
		"no owner":           {"push", `{"repository":{"full_name":"/x"}}`, "it names no repository", ""},
		"too many slashes":   {"push", `{"repository":{"full_name":"a/b/c"}}`, "it names no repository", ""},
		"no pull request":    {"pull_request", `{"action":"opened","repository":{"full_name":"a/b"}}`, "events of kind pull_request", ""},
		"no number":          {"pull_request", `{"action":"opened","pull_request":{},"repository":{"full_name":"a/b"}}`, "the pull request has no number", ""},
		"no number, review":  {"pull_request_approved", `{"action":"reviewed","review":{"type":"pull_request_review_approved"},"pull_request":{},"repository":{"full_name":"a/b"}}`, "the pull request has no number", ""},
		"no number, comment": {"issue_comment", `{"action":"created","is_pull":true,"comment":{"body":"x"},"repository":{"full_name":"a/b"}}`, "the pull request has no number", ""},
		"no branch":          {"push", `{"ref":"refs/heads/","repository":{"full_name":"a/b"}}`, "only pushes of branches and tags are looked at, not refs/heads/", ""},
		"null":               {"push", `null`, "it names no repository", ""},
		"unknown review":     {"pull_request_approved", `{"action":"reviewed","review":{"type":"x"},"pull_request":{"number":1},"repository":{"full_name":"a/b"}}`, "a review of type x", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, ignored, err := Webhooks{}.Decode(headers(tc.event, tc.event), []byte(tc.body), noon)
			if len(got) > 0 || ignored != tc.ignored || (err != nil) != (tc.err != "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%v, %q, %v", got, ignored, err)
			}
		})
	}
}

func TestForgejosHeaders(t *testing.T) {
	h := http.Header{}
	h.Set("X-Forgejo-Event", "push")
	h.Set("X-Forgejo-Delivery", "d")
	if got, _, err := (Webhooks{}).Decode(h, payloadOf(t, "push_branch"), noon); len(got) != 1 || err != nil || (Webhooks{}).Delivery(h) != "d" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestLongCommentsAreCut(t *testing.T) {
	body := strings.ReplaceAll(string(payloadOf(t, "comment_pull")), `"recheck"`, `"x`+strings.Repeat("é", drivers.MaxComment)+`"`)
	got, _, err := Webhooks{}.Decode(headers("issue_comment", "pull_request_comment"), []byte(body), noon)
	if err != nil || len(got) != 1 {
		t.Fatal(err)
	}
	if c := got[0].Comment; len(c) > drivers.MaxComment || len(c) < drivers.MaxComment-1 || !utf8.ValidString(c) {
		t.Errorf("%d bytes", len(c))
	}
}

func sign(secret, body string) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(body))
	return hex.EncodeToString(m.Sum(nil))
}

func TestVerify(t *testing.T) {
	const body = `{"a":1}`
	for name, tc := range map[string]struct {
		header, value, secret, want string
	}{
		"right":            {"X-Gitea-Signature", sign("s", body), "s", ""},
		"Forgejo":          {"X-Forgejo-Signature", sign("s", body), "s", ""},
		"another secret":   {"X-Gitea-Signature", sign("t", body), "s", "does not match"},
		"another body":     {"X-Gitea-Signature", sign("s", body+" "), "s", "does not match"},
		"cut":              {"X-Gitea-Signature", sign("s", body)[:32], "s", "does not match"},
		"missing":          {"", "", "s", "not signed"},
		"empty":            {"X-Gitea-Signature", "", "s", "not signed"},
		"no hex":           {"X-Gitea-Signature", "sha256=" + sign("s", body), "s", "not signed"},
		"no secret at all": {"X-Gitea-Signature", sign("", body), "", "no secret"},
		"GitHub's alone":   {"X-Hub-Signature-256", "sha256=" + sign("s", body), "s", "not signed"},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.Header{}
			if tc.header != "" {
				h.Set(tc.header, tc.value)
			}
			err := Webhooks{}.Verify(h, []byte(body), []byte(tc.secret))
			if (err != nil) != (tc.want != "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// FuzzDecode: whatever is sent, events are ones that can be stored.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		f.Fatalf("no test data: %v", err)
	}
	for _, file := range files {
		data := payloadOf(f, strings.TrimSuffix(filepath.Base(file), ".json"))
		for _, event := range []string{"push", "pull_request", "pull_request_approved", "pull_request_comment", "issue_comment", "delete"} {
			f.Add(event, data)
		}
	}
	f.Fuzz(func(t *testing.T, event string, body []byte) {
		got, ignored, err := Webhooks{}.Decode(headers(event, ""), body, time.Unix(0, 0))
		if err == nil && (len(got) == 0) == (ignored == "") {
			t.Errorf("%d events, ignored %q", len(got), ignored)
		}
		for _, e := range got {
			switch {
			case e.Event != "push" && e.Event != "pull_request" && e.Event != "pull_request_review",
				strings.Count(e.Project, "/") != 1,
				e.Event == "push" && (e.Branch == "" && !strings.HasPrefix(e.Ref, "refs/tags/") || e.Number != 0),
				e.Event != "push" && e.Number < 1,
				len(e.Comment) > drivers.MaxComment, !utf8.ValidString(e.Comment), strings.Contains(e.Comment, drivers.OwnMarker):
				t.Errorf("event %+v", e)
			}
		}
	})
}
