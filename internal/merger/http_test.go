package merger

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gozer-dev/gozer/internal/identity"
	"github.com/gozer-dev/gozer/internal/mergeplan"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/token"
)

// served is a merger behind HTTP.
type served struct {
	*Service
	*origin
	root   string // of the mirrors
	client *Client
}

func serve(t *testing.T, r Remotes) *served {
	t.Helper()
	root := t.TempDir()
	s, _ := newService(t, root, r)
	o := serveAgain(t, s)
	return &served{Service: s, origin: o, root: root, client: newClient(t, o.url, o.key)}
}

func newClient(t testing.TB, url string, key token.Key) *Client {
	t.Helper()
	c, err := NewClient(url, is(t, key, identity.Manager))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// serveAgain serves a Service that is there already.
func serveAgain(t *testing.T, s *Service) *origin {
	t.Helper()
	o := listen(t, token.NewKey())
	o.serve(Handler(s, o.key, nil, slog.New(slog.DiscardHandler)))
	return o
}

// gitURL is where a scope reads a project, with a token in it.
func (s *served) gitURL(scope, tok string, p model.Project) string {
	return gitURL(s.url, scope, tok, p)
}

func gitURL(url, scope, tok string, p model.Project) string {
	return strings.Replace(url, "https://", "https://any:"+tok+"@", 1) + "/git/" + scope + "/" + p.Canonical()
}

func TestErrorKindsCrossTheWire(t *testing.T) {
	q := independent(t, 1)
	s := serve(t, q.remotes())
	cut := listen(t, s.key)
	cut.serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		fmt.Fprint(w, "<html>some proxy</html>")
	}))
	for name, tc := range map[string]struct {
		client  *Client
		project model.Project
		branch  string
		want    Kind
		words   string
	}{
		"missing":             {s.client, api, "no", Missing, `no branch "no"`},
		"bad request":         {s.client, api, "..", BadRequest, "ref name"},
		"transient":           {s.client, web, "main", Transient, "how to reach"},
		"another key":         {newClient(t, s.url, token.NewKey()), api, "main", Denied, "same token key"},
		"nobody listens":      {newClient(t, "https://127.0.0.1:1", s.key), api, "main", Transient, "refused"},
		"a proxy in between":  {newClient(t, cut.url, s.key), api, "main", Transient, "502"},
		"the path is unknown": {newClient(t, s.url+"/x", s.key), api, "main", Transient, "404"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tc.client.Tip(t.Context(), tc.project, tc.branch)
			if err == nil || KindOf(err) != tc.want || !strings.Contains(err.Error(), tc.words) {
				t.Errorf("kind %s: %v; want %s with %q", KindOf(err), err, tc.want, tc.words)
			}
		})
	}
}

func TestAPIIsForTheManager(t *testing.T) {
	s := serve(t, remotes{})
	for name, tc := range map[string]struct {
		role, path, body string
		want             int
	}{
		"nobody":                  {"", "/v1/prepare", "{}", http.StatusForbidden},
		"another role":            {"web", "/v1/prepare", "{}", http.StatusForbidden},
		"a merger":                {identity.Merger, "/v1/prepare", "{}", http.StatusForbidden},
		"the manager, no JSON":    {identity.Manager, "/v1/prepare", "x", http.StatusBadRequest},
		"the manager, empty work": {identity.Manager, "/v1/prepare", "{}", http.StatusOK},
		"a question of a merger":  {identity.Merger, "/v1/serves", `{"scope":"a/b","host":"h","name":"n"}`, http.StatusOK},
		"the same by nobody":      {"", "/v1/serves", `{"scope":"a/b","host":"h","name":"n"}`, http.StatusForbidden},
		"hostile scope":           {identity.Merger, "/v1/serves", `{"scope":"../b"}`, http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+tc.path, strings.NewReader(tc.body))
			req.Header.Set("Authorization", "Bearer "+s.key.For(token.Internal, "merger")) // of no use
			if got := status(t, s.as(tc.role), req); got != tc.want {
				t.Errorf("status %d, want %d", got, tc.want)
			}
		})
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/healthz", nil)
	if got := status(t, s.as(""), req); got != http.StatusOK {
		t.Errorf("healthz: %d", got)
	}
	for url, want := range map[string]string{"http://gozer-merger:8080": "https", "gozer-merger": "https", "https://": "URL"} {
		if _, err := NewClient(url, is(t, s.key, identity.Manager)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func status(t *testing.T, c *http.Client, req *http.Request) int {
	t.Helper()
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// twoBuildsets prepares two states of one project that share no change.
func twoBuildsets(t *testing.T) (s *served, q *queue, one, two mergeplan.Result) {
	t.Helper()
	q = independent(t, 2)
	s = serve(t, q.remotes())
	first, second := q.request(), q.request()
	first.Steps, second.Steps = q.steps[:1], q.steps[1:]
	first.Extra = []model.BranchRef{{Project: api, Branch: "stable/1.0"}}
	q.repo.Git("branch", "stable/1.0")
	return s, q, prepare(t, s.client, "acme/one", first), prepare(t, s.client, "acme/two", second)
}

func TestCloneOfAPreparedState(t *testing.T) {
	s, _, one, _ := twoBuildsets(t)
	work := filepath.Join(t.TempDir(), "work")
	url := s.gitURL("acme/one", s.key.For(token.Git, "acme/one"), api)
	for name, flags := range map[string][]string{"whole": nil, "shallow": {"--depth=1"}, "version 2 asked for": {"-c", "protocol.version=2"}} {
		t.Run(name, func(t *testing.T) {
			dir := work + name
			if out, err := s.try("/", append(append([]string{"clone", "--quiet"}, flags...), url, dir)...); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if head, _ := s.try(dir, "rev-parse", "HEAD"); head != one.States[0].Commit {
				t.Errorf("HEAD is %s, want %s", head, one.States[0].Commit)
			}
			if b, _ := s.try(dir, "branch", "--show-current"); b != "main" {
				t.Errorf("on branch %q", b)
			}
		})
	}
	refs, err := s.try("/", "ls-remote", url)
	var got []string
	for _, l := range strings.Split(refs, "\n") {
		got = append(got, strings.ReplaceAll(l, "\t", " "))
	}
	want := []string{
		one.States[0].Commit + " HEAD",
		one.States[0].Commit + " refs/heads/main",
		one.States[1].Commit + " refs/heads/stable/1.0",
	}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("advertised: %v %s", err, d)
	}
}

func TestTokensAreForOneBuildset(t *testing.T) {
	s, q, _, two := twoBuildsets(t)
	good := s.key.For(token.Git, "acme/one")
	for name, tc := range map[string]struct {
		scope, token string
		project      model.Project
		want         string // what git says
	}{
		"its own":                  {"acme/one", good, api, ""},
		"another buildset's refs":  {"acme/two", good, api, "Authentication failed"},
		"another tenant's refs":    {"evil/one", good, api, "Authentication failed"},
		"a log token":              {"acme/one", s.key.For(token.Log, "acme/one"), api, "Authentication failed"},
		"no token":                 {"acme/one", "", api, "Authentication failed"},
		"a project not prepared":   {"acme/one", good, web, "not found"},
		"out of the directory":     {"acme/one", good, model.Project{Hostname: "forge.example", Name: "%2e%2e/%2e%2e/x"}, "not found"},
		"a scope that never was":   {"acme/none", s.key.For(token.Git, "acme/none"), api, "not found"},
		"a scope that is hostile":  {"acme/..%2f", good, api, ""},
		"parent namespace is none": {"acme/one%2frefs", good, api, "Authentication failed"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := s.try("/", "ls-remote", s.gitURL(tc.scope, tc.token, tc.project))
			if name == "a scope that is hostile" {
				if err == nil {
					t.Errorf("served: %s", out)
				}
				return
			}
			if (err != nil) != (tc.want != "") || !strings.Contains(out, tc.want) {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	// The objects of the other buildset are in the same repository; none may be had by id.
	other := map[string]string{
		"state": two.States[0].Commit, "head": q.steps[1].Change.Head, "tree": two.States[0].Tree,
	}
	for name, id := range other {
		for _, version := range []string{"0", "1", "2"} {
			t.Run(name+" by id, version "+version, func(t *testing.T) {
				dir := t.TempDir()
				s.git(dir, "init", "--quiet")
				out, err := s.try(dir, "-c", "protocol.version="+version, "fetch", s.gitURL("acme/one", good, api), id)
				if err == nil {
					t.Errorf("fetched: %s", out)
				}
			})
		}
	}
}

// A client that does not ask for the advertisement first but wants an object
// by id at once, in every protocol version, with and without gzip.
func TestWantOfAnUnadvertisedObjectIsRefused(t *testing.T) {
	s, _, one, two := twoBuildsets(t)
	pkt := func(line string) string { return fmt.Sprintf("%04x%s", len(line)+4, line) }
	want := func(version, id string) []byte {
		if version == "2" {
			return []byte(pkt("command=fetch\n") + "0001" + pkt("want "+id+"\n") + pkt("done\n") + "0000")
		}
		return []byte(pkt("want "+id+"\n") + "0000" + pkt("done\n"))
	}
	zip := func(b []byte) []byte {
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		_, _ = w.Write(b)
		_ = w.Close()
		return out.Bytes()
	}
	for name, tc := range map[string]struct {
		version, id string
		gzip, pack  bool
	}{
		"its own, version 0":        {"0", one.States[0].Commit, false, true},
		"its own, version 0, gzip":  {"0", one.States[0].Commit, true, true},
		"the other's, version 0":    {"0", two.States[0].Commit, false, false},
		"the other's, gzip":         {"0", two.States[0].Commit, true, false},
		"the other's, version 1":    {"1", two.States[0].Commit, false, false},
		"the other's, version 2":    {"2", two.States[0].Commit, false, false},
		"a tree of it, version 2":   {"2", two.States[0].Tree, false, false},
		"its own, version 2 is off": {"2", one.States[0].Commit, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			body := want(tc.version, tc.id)
			if tc.gzip {
				body = zip(body)
			}
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost,
				s.url+"/git/acme/one/"+api.Canonical()+"/git-upload-pack", bytes.NewReader(body))
			req.SetBasicAuth("x", s.key.For(token.Git, "acme/one"))
			req.Header.Set("Git-Protocol", "version="+tc.version)
			if tc.gzip {
				req.Header.Set("Content-Encoding", "gzip")
			}
			resp, err := s.as("").Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			got, _ := io.ReadAll(resp.Body)
			if bytes.Contains(got, []byte("PACK")) != tc.pack {
				t.Errorf("status %d, pack = %v, want %v: %.200q", resp.StatusCode, !tc.pack, tc.pack, got)
			}
		})
	}
}

func TestOnlyUploadPackIsServed(t *testing.T) {
	s, _, _, _ := twoBuildsets(t)
	for name, tc := range map[string]struct {
		method, path string
		want         int
	}{
		"upload-pack's refs":     {http.MethodGet, "/info/refs?service=git-upload-pack", http.StatusOK},
		"receive-pack's refs":    {http.MethodGet, "/info/refs?service=git-receive-pack", http.StatusForbidden},
		"receive-pack":           {http.MethodPost, "/git-receive-pack", http.StatusForbidden},
		"dumb refs":              {http.MethodGet, "/info/refs", http.StatusForbidden},
		"dumb HEAD":              {http.MethodGet, "/HEAD", http.StatusForbidden},
		"a loose object":         {http.MethodGet, "/objects/12/34", http.StatusForbidden},
		"the configuration":      {http.MethodGet, "/config", http.StatusForbidden},
		"upload-pack with GET":   {http.MethodGet, "/git-upload-pack", http.StatusForbidden},
		"refs with POST":         {http.MethodPost, "/info/refs?service=git-upload-pack", http.StatusForbidden},
		"nothing after the name": {http.MethodGet, "", http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			req, _ := http.NewRequestWithContext(t.Context(), tc.method, s.url+"/git/acme/one/"+api.Canonical()+tc.path, nil)
			req.SetBasicAuth("x", s.key.For(token.Git, "acme/one"))
			if got := status(t, s.as(""), req); got != tc.want {
				t.Errorf("status %d, want %d", got, tc.want)
			}
		})
	}
	dir := t.TempDir()
	s.git(dir, "clone", "--quiet", s.gitURL("acme/one", s.key.For(token.Git, "acme/one"), api), "w")
	if out, err := s.try(filepath.Join(dir, "w"), "push", "origin", "HEAD:refs/heads/x"); err == nil || !strings.Contains(out, "403") {
		t.Errorf("a push: %v: %s", err, out)
	}
}

func TestAfterReleaseNothingIsServed(t *testing.T) {
	s, _, _, two := twoBuildsets(t)
	if err := s.client.Release(t.Context(), "acme/one"); err != nil {
		t.Fatal(err)
	}
	if out, err := s.try("/", "ls-remote", s.gitURL("acme/one", s.key.For(token.Git, "acme/one"), api)); err == nil {
		t.Errorf("served: %s", out)
	}
	out := s.git("/", "ls-remote", s.gitURL("acme/two", s.key.For(token.Git, "acme/two"), api), "HEAD")
	if !strings.HasPrefix(out, two.States[0].Commit) {
		t.Errorf("the other scope: %s", out)
	}
}

func TestMetrics(t *testing.T) {
	q := independent(t, 2)
	s := serve(t, q.remotes())
	reg := prometheus.NewRegistry()
	if err := s.Register(reg); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		prepare(t, s.client, "", q.request())
	}
	if err := s.Sweep(t.Context(), time.Hour, time.Hour); err != nil {
		t.Fatal(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		got[f.GetName()] = f.GetMetric()[0].GetCounter().GetValue() + f.GetMetric()[0].GetGauge().GetValue()
	}
	if got["gozer_merger_mirrors_bytes"] == 0 {
		t.Error("after a sweep, the mirrors have no size")
	}
	delete(got, "gozer_merger_mirrors_bytes")
	want := map[string]float64{
		"gozer_merger_merges_total": 2, "gozer_merger_merges_reused_total": 2,
		"gozer_merger_conflicts_total": 0, "gozer_merger_fetches_total": 1,
		"gozer_merger_mirrors_healed_total": 0, "gozer_merger_mirrors_evicted_total": 0, "gozer_merger_hosts_paused": 0,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// What goes over the wire is part of the contract with older managers.
func TestWireNames(t *testing.T) {
	b, err := json.Marshal(PrepareRequest{Scope: "acme/bs", Request: mergeplan.Request{
		Bases: []mergeplan.Base{{Project: api, Branch: "main", Commit: "c"}},
		Extra: []model.BranchRef{{Project: web, Branch: "main"}},
	}})
	const p = `"project":{"connection":"forge","hostname":"forge.example","name":"acme/`
	want := `{"scope":"acme/bs","request":{"bases":[{` + p + `api"},"branch":"main","commit":"c"}],"extra":[{` + p + `web"},"branch":"main"}]}}`
	if d := cmp.Diff(want, string(b)); err != nil || d != "" {
		t.Errorf("%v: %s", err, d)
	}
}
