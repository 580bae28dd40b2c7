package github

import (
	"crypto/sha1" //nolint:gosec // old servers sign with it
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/testkit/fakegithub/spec"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func hook(event, delivery string) http.Header {
	return http.Header{"X-Github-Event": {event}, "X-Github-Delivery": {delivery}}
}

// TestExamples: every payload that GitHub published is decoded, or ignored with a reason.
func TestExamples(t *testing.T) {
	s, err := spec.Load()
	if err != nil {
		t.Fatal(err)
	}
	examples, err := s.Examples()
	if err != nil {
		t.Fatal(err)
	}
	if len(examples) < 329 {
		t.Errorf("only %d examples", len(examples))
	}
	decoded := map[string]int{}
	for n, x := range examples {
		events, ignored, err := Webhooks{}.Decode(hook(x.Event, "d"), x.Payload, noon)
		if err != nil || (len(events) == 0) == (ignored == "") {
			t.Errorf("example %d of %s: %v, %q, %v", n, x.Event, events, ignored, err)
		}
		for _, e := range events {
			decoded[e.Event+"/"+e.Action]++
			if e.Project == "" || e.Number == 0 && e.Event != "push" && e.Patchset == "" || !e.ReceivedAt.Equal(noon) {
				t.Errorf("example %d of %s: %+v", n, x.Event, e)
			}
		}
	}
	for _, want := range []string{
		"push/", "pull_request/opened", "pull_request/changed", "pull_request/closed", "pull_request/reopened", "pull_request/edited", "pull_request/labeled",
		"pull_request/unlabeled", "pull_request/comment", "pull_request/status", "pull_request_review/submitted", "pull_request_review/dismissed",
		"check_run/completed", "check_run/rerequested",
	} {
		if decoded[want] == 0 {
			t.Errorf("no example of %s; there are %v", want, decoded)
		}
	}
}

const pullText = `"pull_request":{"number":7,"head":{"sha":"abc"},"base":{"ref":"main","repo":{"url":"R"}}}`

func TestDecode(t *testing.T) {
	const tail = `,"repository":{"full_name":"acme/api","url":"R"},"sender":{"login":"ann"}}`
	on := model.TriggerEvent{Project: "acme/api", Account: "ann", ReceivedAt: noon, Event: "pull_request", Number: 7, Patchset: "abc", Branch: "main"}
	event := func(change func(*model.TriggerEvent)) []model.TriggerEvent {
		e := on
		change(&e)
		return []model.TriggerEvent{e}
	}
	action := func(a string) []model.TriggerEvent {
		return event(func(e *model.TriggerEvent) { e.Action = a })
	}
	comment := event(func(e *model.TriggerEvent) {
		e.Action, e.Comment, e.Patchset, e.Branch = "comment", "recheck", "", ""
	})
	review := func(action, state string) []model.TriggerEvent {
		return event(func(e *model.TriggerEvent) {
			e.Event, e.Action, e.State, e.Comment = "pull_request_review", action, state, "fine"
		})
	}
	push := func(ref, branch, before, after string) []model.TriggerEvent {
		return []model.TriggerEvent{{Project: "acme/api", Account: "ann", ReceivedAt: noon, Event: "push", Ref: ref, Branch: branch, OldRev: before, NewRev: after}}
	}
	check := func(number int64, branch, text string) model.TriggerEvent {
		return model.TriggerEvent{Project: "acme/api", Account: "ann", ReceivedAt: noon, Event: "check_run", Action: "completed", Patchset: "abc",
			Number: number, Branch: branch, Check: text}
	}
	for name, tc := range map[string]struct {
		kind, body string
		want       []model.TriggerEvent
		ignored    string
		err        string
	}{
		"opened":              {"pull_request", `{"action":"opened",` + pullText, action("opened"), "", ""},
		"pushed to":           {"pull_request", `{"action":"synchronize",` + pullText, action("changed"), "", ""},
		"ready":               {"pull_request", `{"action":"ready_for_review",` + pullText, action("changed"), "", ""},
		"a draft again":       {"pull_request", `{"action":"converted_to_draft",` + pullText, action("edited"), "", ""},
		"edited":              {"pull_request", `{"action":"edited",` + pullText, action("edited"), "", ""},
		"labelled":            {"pull_request", `{"action":"labeled","label":{"name":"go"},` + pullText, event(func(e *model.TriggerEvent) { e.Action, e.Label = "labeled", "go" }), "", ""},
		"assigned":            {"pull_request", `{"action":"assigned",` + pullText, nil, "the action assigned of a pull request", ""},
		"no number":           {"pull_request", `{"action":"opened","pull_request":{}`, nil, "no number", ""},
		"approved":            {"pull_request_review", `{"action":"submitted","review":{"id":5,"state":"APPROVED","body":"fine"},` + pullText, review("submitted", "approved"), "", ""},
		"dismissed":           {"pull_request_review", `{"action":"dismissed","review":{"id":5,"state":"dismissed","body":"fine"},` + pullText, review("dismissed", "dismissed"), "", ""},
		"review edited":       {"pull_request_review", `{"action":"edited","review":{"id":5,"state":"approved"},` + pullText, nil, "the action edited of a review", ""},
		"our review":          {"pull_request_review", `{"action":"submitted","review":{"state":"approved","body":"<!-- gozer: x -->"},` + pullText, nil, "report of Gozer", ""},
		"comment":             {"issue_comment", `{"action":"created","issue":{"number":7,"pull_request":{"url":"x"}},"comment":{"id":3,"body":"recheck"}`, comment, "", ""},
		"comment on a line":   {"pull_request_review_comment", `{"action":"created","comment":{"id":3,"body":"recheck"},` + pullText, event(func(e *model.TriggerEvent) { e.Action, e.Comment = "comment", "recheck" }), "", ""},
		"comment on an issue": {"issue_comment", `{"action":"created","issue":{"number":7,"pull_request":null},"comment":{"body":"recheck"}`, nil, "not a new comment", ""},
		"comment edited":      {"issue_comment", `{"action":"edited","issue":{"number":7,"pull_request":{}},"comment":{"body":"recheck"}`, nil, "not a new comment", ""},
		"our comment":         {"issue_comment", `{"action":"created","issue":{"number":7,"pull_request":{}},"comment":{"body":"recheck <!-- gozer: x -->"}`, nil, "report of Gozer", ""},
		"push":                {"push", `{"ref":"refs/heads/main","before":"a","after":"b"`, push("refs/heads/main", "main", "a", "b"), "", ""},
		"tag":                 {"push", `{"ref":"refs/tags/v1","before":"a","after":"b"`, push("refs/tags/v1", "", "a", "b"), "", ""},
		"tag gone":            {"push", `{"ref":"refs/tags/v1","before":"a","after":"` + drivers.NoCommit + `"`, nil, "the deletion of a tag", ""},
		"another ref":         {"push", `{"ref":"refs/notes/x","after":"b"`, nil, "only pushes of branches and tags", ""},
		"branch gone":         {"delete", `{"ref":"x","ref_type":"branch"`, nil, "a push tells of it", ""},
		"status": {"status", `{"sha":"abc","context":"ci/lint","state":"success"`, event(func(e *model.TriggerEvent) {
			e.Action, e.Status, e.Number, e.Branch = "status", "ann:ci/lint:success", 0, ""
		}), "", ""},
		"status pending":     {"status", `{"sha":"abc","context":"ci/lint","state":"pending"`, nil, "pending still", ""},
		"check":              {"check_run", `{"action":"completed","check_run":{"name":"lint","conclusion":"success","head_sha":"abc","app":{"slug":"ci"},"pull_requests":[{"number":7,"head":{"sha":"abc"},"base":{"ref":"main","repo":{"url":"R"}}},{"number":8,"head":{"sha":"abc"},"base":{"ref":"old","repo":{"url":"R"}}},{"number":9,"head":{"sha":"abc"},"base":{"ref":"main","repo":{"url":"another"}}}]}`, []model.TriggerEvent{check(7, "main", "ci:lint:success"), check(8, "old", "ci:lint:success")}, "", ""},
		"check of a fork":    {"check_run", `{"action":"completed","check_run":{"name":"lint","conclusion":"failure","head_sha":"abc","app":{"slug":"ci"},"pull_requests":[]}`, []model.TriggerEvent{check(0, "", "ci:lint:failure")}, "", ""},
		"check begun":        {"check_run", `{"action":"created","check_run":{"head_sha":"abc"}`, nil, "the action created of a check", ""},
		"all checks again":   {"check_suite", `{"action":"rerequested","check_suite":{"head_sha":"abc","conclusion":"failure","app":{"slug":"gozer"}}`, []model.TriggerEvent{{Project: "acme/api", Account: "ann", ReceivedAt: noon, Event: "check_run", Action: "rerequested", Patchset: "abc", Check: "gozer:*:failure"}}, "", ""},
		"a suite ends":       {"check_suite", `{"action":"completed","check_suite":{"head_sha":"abc"}`, nil, "its check runs tell of it", ""},
		"another's button":   {"check_run", `{"action":"requested_action","requested_action":{"identifier":"abort"},"check_run":{"head_sha":"abc","app":{"slug":"other"}}`, nil, "none of Gozer's", ""},
		"another button":     {"check_run", `{"action":"requested_action","requested_action":{"identifier":"fix"},"check_run":{"head_sha":"abc","app":{"slug":"gozer"}}`, nil, "the action requested_action of a check", ""},
		"installed":          {"installation", `{"action":"created"`, nil, "installations are read", ""},
		"a star":             {"star", `{"action":"created"`, nil, "events of kind star", ""},
		"no JSON":            {"push", `x`, nil, "", "not JSON"},
		"no JSON of no kind": {"star", `x`, nil, "", "not JSON"},
		"no kind":            {"", `{"ref":"x"`, nil, "", "names no event"},
	} {
		t.Run(name, func(t *testing.T) {
			got, ignored, err := Webhooks{}.Decode(hook(tc.kind, "d"), []byte(tc.body+tail), noon)
			if diff := cmp.Diff(tc.want, got); diff != "" || !strings.Contains(ignored, tc.ignored) || (ignored == "") != (tc.ignored == "") {
				t.Errorf("%s\nignored %q, want %q", diff, ignored, tc.ignored)
			}
			if (err != nil) != (tc.err != "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("error %v, want %q", err, tc.err)
			}
		})
	}
}

// TestOwn: what Gozer sets itself would ask GitHub for its pull requests each time.
func TestOwn(t *testing.T) {
	w := Webhooks{Own: "gozer[bot]", App: "42"}
	for body, want := range map[string]string{
		`{"sha":"abc","context":"a/b","state":"success","repository":{"full_name":"a/b"},"sender":{"login":"gozer[bot]"}}`: "Gozer set it itself",
		`{"sha":"abc","context":"a/b","state":"success","repository":{"full_name":"a/b"},"sender":{"login":"other"}}`:      "",
		`{"sha":"abc","context":"a/b","state":"success","repository":{"full_name":"none"},"sender":{"login":"other"}}`:     "it names no repository",
	} {
		if _, ignored, err := w.Decode(hook("status", "d"), []byte(body), noon); ignored != want || err != nil {
			t.Errorf("%s: %q, %v", body, ignored, err)
		}
	}
	abort := `{"action":"requested_action","requested_action":{"identifier":"abort"},"check_run":{"name":"acme/gate","status":"in_progress","head_sha":"abc","app":{"id":42,"slug":"gozer"}},"repository":{"full_name":"a/b"},"sender":{"login":"ann"}}`
	if events, ignored, err := w.Decode(hook("check_run", "d"), []byte(abort), noon); len(events) != 1 || events[0].Action != "abort" || events[0].Check != "gozer:acme/gate:in_progress" {
		t.Errorf("the button of our check: %v %q %v", events, ignored, err)
	}
	ended := `{"action":"completed","check_run":{"name":"acme/gate","conclusion":"success","head_sha":"abc","app":{"id":42,"slug":"gozer"}},"repository":{"full_name":"a/b"},"sender":{"login":"gozer[bot]"}}`
	if _, ignored, err := w.Decode(hook("check_run", "d"), []byte(ended), noon); ignored != "Gozer set it itself" || err != nil {
		t.Errorf("our check: %q %v", ignored, err)
	}
	again := `{"action":"rerequested","check_run":{"head_sha":"abc"},"repository":{"full_name":"a/b"},"sender":{"login":"gozer[bot]"}}`
	if events, _, _ := w.Decode(hook("check_run", "d"), []byte(again), noon); len(events) != 1 {
		t.Error("who asks for a check again is heard")
	}
}

func TestVerify(t *testing.T) {
	body, secret := []byte(`{"a":1}`), []byte("s3cr3t")
	with256 := "sha256=" + hex.EncodeToString(sign(sha256.New, body, secret))
	with1 := "sha1=" + hex.EncodeToString(sign(sha1.New, body, secret))
	for name, tc := range map[string]struct {
		h       map[string]string
		secret  string
		err     string
		warning bool
	}{
		"SHA-256":          {map[string]string{signature256: with256}, "s3cr3t", "", false},
		"both":             {map[string]string{signature256: with256, signature1: with1}, "s3cr3t", "", false},
		"SHA-1":            {map[string]string{signature1: with1}, "s3cr3t", "", true},
		"forged beside it": {map[string]string{signature256: "sha256=00", signature1: with1}, "s3cr3t", "does not match", false},
		"other secret":     {map[string]string{signature256: with256}, "other", "does not match", false},
		"none":             {nil, "s3cr3t", "not signed", false},
		"no hex":           {map[string]string{signature256: "sha256=xx"}, "s3cr3t", "not signed", false},
		"no secret":        {map[string]string{signature256: with256}, "", "no secret", false},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.Header{}
			for k, v := range tc.h {
				h.Set(k, v)
			}
			err := Webhooks{}.Verify(h, body, []byte(tc.secret))
			if (err != nil) != (tc.err != "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%v, want %q", err, tc.err)
			}
			if warning := (Webhooks{}).Warning(h); (warning != "") != tc.warning {
				t.Errorf("warning %q", warning)
			}
		})
	}
}

// TestIdentity: what tells the same has one identity; what does not has not.
func TestIdentity(t *testing.T) {
	id := func(kind, delivery, body string) string {
		return Webhooks{}.Identity(hook(kind, delivery), []byte(body))
	}
	review := `{"action":"submitted","review":{"id":5,"state":"approved"},"x":%d}`
	pushed := `{"ref":"refs/heads/main","before":"a","after":%q,"repository":{"full_name":"acme/api"}}`
	opened := `{"action":"opened",` + pullText + `}`
	tag := `{"ref":"refs/tags/v1","before":"0","after":"a","repository":{"full_name":"acme/api","pushed_at":%d}}`
	for name, same := range map[string][2]string{
		"a review, sent again":   {id("pull_request_review", "1", fmt.Sprintf(review, 1)), id("pull_request_review", "2", fmt.Sprintf(review, 2))},
		"a review, polled":       {id("pull_request_review", "1", fmt.Sprintf(review, 1)), reviewIdentity(5, "submitted")},
		"a comment, polled":      {id("issue_comment", "1", `{"action":"created","comment":{"id":3}}`), commentIdentity("issue_comment", 3, "created")},
		"a push, polled":         {id("push", "1", fmt.Sprintf(pushed, "b")), pushIdentity("acme/api", "refs/heads/main", "a", "b")},
		"a delivery, sent again": {id("pull_request", "1", opened), id("pull_request", "1", opened)},
		"a tag, sent again":      {id("push", "1", fmt.Sprintf(tag, 7)), id("push", "2", fmt.Sprintf(tag, 7))},
	} {
		if same[0] != same[1] {
			t.Errorf("%s: %q and %q", name, same[0], same[1])
		}
	}
	seen := map[string]bool{}
	for _, other := range []string{
		id("pull_request", "1", opened), id("pull_request", "2", opened), id("push", "1", fmt.Sprintf(pushed, "b")), id("push", "1", fmt.Sprintf(pushed, "c")),
		id("pull_request_review", "1", `{"action":"dismissed","review":{"id":5}}`), id("pull_request_review", "1", `{"action":"submitted","review":{"id":5}}`),
		id("pull_request_review_comment", "1", `{"action":"created","comment":{"id":5}}`), id("issue_comment", "1", `{"action":"created","comment":{"id":5}}`),
		id("push", "1", fmt.Sprintf(tag, 7)), id("push", "2", fmt.Sprintf(tag, 8)), // it was deleted in between
		id("pull_request", "", opened), id("pull_request", "", opened+" "), // who forwards them left the id out
	} {
		if seen[other] {
			t.Errorf("%q twice", other)
		}
		seen[other] = true
	}
}

// FuzzDecode: strangers' bytes never bring it down, and what it lets in is bounded.
func FuzzDecode(f *testing.F) {
	s, err := spec.Load()
	if err != nil {
		f.Fatal(err)
	}
	examples, err := s.Examples()
	if err != nil {
		f.Fatal(err)
	}
	for _, x := range examples {
		f.Add(x.Event, []byte(x.Payload))
	}
	f.Fuzz(func(t *testing.T, event string, body []byte) {
		h := hook(event, "d")
		events, ignored, err := Webhooks{Own: "x"}.Decode(h, body, noon)
		if err == nil && (len(events) == 0) == (ignored == "") {
			t.Errorf("neither events nor a reason: %v %q", events, ignored)
		}
		for _, e := range events {
			if len(e.Comment) > drivers.MaxComment || len(e.Status) > maxName || len(e.Check) > maxName || len(e.Label) > maxName || !drivers.IsProject(e.Project) || len(events) > maxPulls {
				t.Errorf("%+v", e)
			}
		}
		if Webhooks.Identity(Webhooks{}, h, body) == "" {
			t.Error("no identity")
		}
		if json.Valid(body) && err != nil && event != "" && kinds[event] == nil {
			t.Errorf("JSON of an event that does not matter: %v", err)
		}
	})
}
