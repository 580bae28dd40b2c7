package spec

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func load(t testing.TB) *Spec {
	t.Helper()
	s, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPathsAreFound(t *testing.T) {
	s := load(t)
	for path, want := range map[string]string{
		"/repos/a/b":                               "/repos/{owner}/{repo}",
		"/repos/a/b/pulls/comments":                "/repos/{owner}/{repo}/pulls/comments",
		"/repos/a/b/pulls/7":                       "/repos/{owner}/{repo}/pulls/{pull_number}",
		"/repos/a/b/branches/feature/x":            "/repos/{owner}/{repo}/branches/{branch}",
		"/repos/a/b/branches/feature/x/protection": "/repos/{owner}/{repo}/branches/{branch}/protection",
		"/repos/a/b/git/matching-refs/heads/a":     "/repos/{owner}/{repo}/git/matching-refs/{ref}",
		"/repos/a/b/commits/heads/a/status":        "/repos/{owner}/{repo}/commits/{ref}/status",
	} {
		o, _, err := s.Find("GET", path)
		if err != nil || o.Template != want {
			t.Errorf("%s is %v (%v), want %s", path, o, err, want)
		}
	}
	_, values, err := s.Find("GET", "/repos/a/b/branches/feature%2Fx")
	if err != nil || values["branch"] != "feature/x" || values["owner"] != "a" {
		t.Errorf("values %v, %v", values, err)
	}
	if _, _, err := s.Find("GET", "/repos/a/b/nonsense"); err == nil {
		t.Error("a path was found that GitHub has not")
	}
}

func TestRequestsAreChecked(t *testing.T) {
	s := load(t)
	merge, _, err := s.Find("PUT", "/repos/a/b/pulls/7/merge")
	if err != nil {
		t.Fatal(err)
	}
	check, _, err := s.Find("POST", "/repos/a/b/check-runs")
	if err != nil {
		t.Fatal(err)
	}
	for body, tc := range map[string]struct {
		o    *Operation
		want string
	}{
		`{"sha":"1","merge_method":"squash"}`: {merge, ""},
		``:                                    {merge, ""},
		`{"method":"squash"}`:                 {merge, "method"},
		`{"merge_method":"fast"}`:             {merge, "merge_method"},
		`{"sha":1}`:                           {merge, "sha"},
		`{`:                                   {merge, "parsing"},
		`{"name":"a","head_sha":"b","status":"completed","conclusion":"success","output":{"title":"t","summary":"s"}}`: {check, ""},
		`{"name":"a","head_sha":"b","output":{"title":"t","summary":"s","markdown":""}}`:                               {check, "markdown"},
	} {
		_, wrong := tc.o.CheckBody([]byte(body))
		if got := strings.Join(wrong, "; "); tc.want == "" && got != "" || !strings.Contains(got, tc.want) {
			t.Errorf("%s: %q, want %q", body, got, tc.want)
		}
	}
	list, _, err := s.Find("GET", "/repos/a/b/pulls")
	if err != nil {
		t.Fatal(err)
	}
	if wrong := list.CheckQuery(url.Values{"state": {"all"}, "per_page": {"100"}, "page": {"2"}}); wrong != nil {
		t.Error(wrong)
	}
	for _, q := range []url.Values{{"status": {"all"}}, {"state": {"merged"}}, {"per_page": {"many"}}} {
		if wrong := list.CheckQuery(q); len(wrong) != 1 {
			t.Errorf("%v: %v", q, wrong)
		}
	}
}

func TestAnswersAreCompletedAndChecked(t *testing.T) {
	o, _, err := load(t).Find("GET", "/repos/a/b/pulls/7")
	if err != nil {
		t.Fatal(err)
	}
	b, err := o.Complete(200, Object{"number": 7, "state": "open"})
	if err != nil {
		t.Fatal(err)
	}
	var got Object
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if base, _ := got["base"].(Object); got["number"] != 7.0 || base["repo"] == nil {
		t.Errorf("%s", b)
	}
	if _, err := o.Complete(200, Object{"number": "seven"}); err == nil {
		t.Error("an answer that GitHub would not give")
	}
}

// GitHub's examples pass its schemas: so the check is a check. Many are older
// than the schemas, so what is missing may be.
func TestWebhookExamplesAreValid(t *testing.T) {
	s := load(t)
	b, err := os.ReadFile(filepath.Join(s.dir, "webhook-examples.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		Name     string   `json:"name"`
		Examples []Object `json:"examples"`
	}
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	wanted := []string{"branch_protection_rule", "check_run", "check_suite", "create", "delete", "installation",
		"installation_repositories", "issue_comment", "pull_request", "pull_request_review", "push", "status"}
	valid := map[string]int{}
	for _, e := range all {
		for _, example := range e.Examples {
			action, _ := example["action"].(string)
			if s.webhooks[e.Name+"$event"] != nil {
				action = ""
			}
			if _, err := s.CompleteWebhook(e.Name, action, example); err == nil {
				valid[e.Name]++
			}
		}
	}
	for _, name := range wanted {
		if valid[name] == 0 {
			t.Errorf("no example of %s is valid", name)
		}
	}
	if err := s.CheckWebhook("push", "", []byte(`{"ref":"refs/heads/main"}`)); err == nil {
		t.Error("a push without commits is valid")
	}
}

func TestGraphQLSchemaLoads(t *testing.T) {
	schema, err := load(t).GraphQL()
	if err != nil {
		t.Fatal(err)
	}
	if schema.Types["PullRequest"].Fields.ForName("mergeStateStatus") == nil {
		t.Error("a pull request has no mergeStateStatus")
	}
}

func TestMissingDescriptionsSayWhatToDo(t *testing.T) {
	if _, err := read(t.TempDir()); err == nil || !strings.Contains(err.Error(), "make github-descriptions") {
		t.Error(err)
	}
}

func BenchmarkLoad(b *testing.B) {
	dir := load(b).dir
	for b.Loop() {
		if _, err := read(dir); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoadGraphQL(b *testing.B) {
	s := load(b)
	for b.Loop() {
		if _, err := s.loadGraphQL(); err != nil {
			b.Fatal(err)
		}
	}
}
