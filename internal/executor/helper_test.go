package executor

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/identity"
	"github.com/gozer-dev/gozer/internal/logarchive"
	"github.com/gozer-dev/gozer/internal/logstore"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/nodeagent"
	"github.com/gozer-dev/gozer/internal/token"
)

// The test binary stands in for the gozer binary on the node.
func TestMain(m *testing.M) {
	os.Setenv("GORACE", "atexit_sleep_ms=0") // for the children: they end often
	if len(os.Args) == 4 && os.Args[1] == "node" && os.Args[2] == "unpack" {
		if err := nodeagent.Unpack(os.Stdin, os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) == 4 && os.Args[1] == "node" && os.Args[2] == "pack" {
		if err := nodeagent.Pack(os.Stdout, os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) == 3 && os.Args[1] == "node" && os.Args[2] == "secrets" {
		if err := nodeagent.HoldSecrets(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

var (
	api    = model.Project{Connection: "forge", Hostname: "forge.example", Name: "acme/api"}
	config = model.Project{Connection: "forge", Hostname: "forge.example", Name: "acme/config"}
	lib    = model.Project{Connection: "forge", Hostname: "forge.example", Name: "acme/lib"}
)

const gitToken = "git-token-of-the-test"

// world is everything that a build speaks to, on loopback.
type world struct {
	t    *testing.T
	dir  string
	home string
	opts Options
	spec buildspec.Spec
	logs *logstore.Store
	kept *logarchive.Archive
	out  *watcher

	// gitAway and logAway are how many requests are still to be refused.
	gitAway, logAway atomic.Int64
	stopNode         context.CancelFunc
	// stopRunners ends the containers that run Ansible, by name.
	stopRunners map[string]func()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), out: newWatcher()}
	w.home = filepath.Join(w.dir, "home of the node") // a home that needs quoting
	work := filepath.Join(w.dir, "work")
	private := filepath.Join(w.dir, "private")
	for _, dir := range []string{work, private} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	key, clientPEM := newKey(t)
	w.opts = Options{
		SpecFile: filepath.Join(w.dir, "spec.json"), OutcomeFile: filepath.Join(w.dir, "outcome"),
		ClientKeyFile: w.write("client_key", clientPEM), GitTokenFile: w.write("git_token", []byte(gitToken+"\n")),
		LogTokenFile: filepath.Join(w.dir, "log_token"), WorkDir: work, PrivateDir: private, AgentBinary: self, RunnerBinary: self, Stdout: w.out,
		GitBackoff:  Backoff{First: time.Millisecond, Max: 10 * time.Millisecond, Attempts: 5},
		NodeTimeout: 10 * time.Second, KillGrace: 300 * time.Millisecond,
		LogInterval: 10 * time.Millisecond, LogBackoff: 20 * time.Millisecond, LogGiveUp: 20 * time.Second,
	}
	w.spec = buildspec.Spec{
		Tenant: "acme", Pipeline: "gate", Item: "item-1", BuildSet: "bs-1", Build: "build-1", Job: "unit",
		Attempt: 1, MaxAttempts: 3, Voting: true,
		Change: buildspec.Change{Project: api, Number: 7, Patchset: "abc", Branch: "main", Ref: "refs/pull/7/head", URL: "https://forge.example/7"},
		GitURL: w.serveGit(), LogURL: w.serveLogs(),
		Nodes: []buildspec.Node{w.startNode(key)},
	}
	w.spec.Items = []buildspec.Change{{Project: lib, Number: 3, Patchset: "2", Branch: "stable"}, w.spec.Change}
	return w
}

func newKey(t *testing.T) (ssh.Signer, []byte) {
	t.Helper()
	_, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(priv)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(priv, "")
	if err != nil {
		t.Fatal(err)
	}
	return signer, pem.EncodeToMemory(block)
}

func (w *world) write(name string, b []byte) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// serveGit serves what lies below <dir>/repos, to the token only.
func (w *world) serveGit() string {
	w.t.Helper()
	execPath, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		w.t.Fatal(err)
	}
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(execPath)), "git-http-backend"), Root: "/git",
		Env: []string{"GIT_PROJECT_ROOT=" + filepath.Join(w.dir, "repos"), "GIT_HTTP_EXPORT_ALL=1"},
	}
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		user, pass, _ := r.BasicAuth()
		switch {
		case w.gitAway.Add(-1) >= 0:
			http.Error(rw, "starting", http.StatusServiceUnavailable)
		case user != "gozer" || pass != gitToken:
			http.Error(rw, "no", http.StatusForbidden)
		default:
			backend.ServeHTTP(rw, r)
		}
	}))
	w.t.Cleanup(srv.Close)
	return srv.URL + "/git"
}

// serveGitOverTLS puts the merger's TLS of an installation before what serves
// git, and counts what gets through.
func (w *world) serveGitOverTLS(key token.Key) *atomic.Int64 {
	w.t.Helper()
	self, err := identity.New(key, identity.Merger, time.Now)
	if err != nil {
		w.t.Fatal(err)
	}
	plain, err := url.Parse(w.spec.GitURL)
	if err != nil {
		w.t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	var asked atomic.Int64
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: plain.Scheme, Host: plain.Host})
	srv := &http.Server{TLSConfig: self.Server(), ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		proxy.ServeHTTP(rw, r)
	})}
	go func() { _ = srv.ServeTLS(l, "", "") }()
	w.t.Cleanup(func() { _ = srv.Close() })
	w.spec.GitURL = "https://" + l.Addr().String() + plain.Path
	return &asked
}

func (w *world) serveLogs() string {
	w.t.Helper()
	store, err := logstore.Open(filepath.Join(w.dir, "logs"), logstore.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	w.logs = store
	if w.kept, err = logarchive.Open(w.t.Context(), "mem://", logarchive.Options{}); err != nil {
		w.t.Fatal(err)
	}
	key := token.NewKey()
	w.write("log_token", []byte(key.For(token.Log, w.logKey().String())))
	h := (&logstore.Server{Store: store, Archive: w.kept, Key: key}).Handler()
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.logAway.Add(-1) >= 0 {
			http.Error(rw, "starting", http.StatusServiceUnavailable)
			return
		}
		h.ServeHTTP(rw, r)
	}))
	w.t.Cleanup(func() {
		srv.Close()
		store.Close()
	})
	return srv.URL + "/logs/" + w.logKey().String()
}

func (w *world) logKey() logstore.Key {
	return logstore.Key{Namespace: "acme", Build: "build-1", Attempt: 1}
}

func (w *world) startNode(client ssh.Signer) buildspec.Node {
	w.t.Helper()
	host, hostPEM := newKey(w.t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	o := nodeagent.Options{
		Listener: l, Home: w.home, HostKeyFile: w.write("host_key", hostPEM),
		AuthorizedKeyFile: w.write("authorized_key", ssh.MarshalAuthorizedKey(client.PublicKey())),
		KillGrace:         200 * time.Millisecond, Linger: 200 * time.Millisecond, Logf: func(string, ...any) {},
	}
	ctx, stop := context.WithCancel(context.Background())
	w.stopNode = stop
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := nodeagent.Run(ctx, o); err != nil {
			w.t.Errorf("node: %v", err)
		}
	}()
	w.t.Cleanup(func() {
		stop()
		<-done
	})
	return buildspec.Node{
		Name: "node-1", Label: "small", Address: "127.0.0.1", Port: int32(l.Addr().(*net.TCPAddr).Port),
		User: "root", HostKey: string(ssh.MarshalAuthorizedKey(host.PublicKey())), Home: w.home,
	}
}

// file is a file of a repository; scripts are executable unless plain.
type file struct {
	body  string
	plain bool
	link  string
}

func script(body string) file { return file{body: "#!/bin/sh\n" + body} }

// repo makes a project's repository with one commit on a branch and returns it.
func (w *world) repo(p model.Project, branch string, files map[string]file) string {
	w.t.Helper()
	tree := filepath.Join(w.t.TempDir(), "tree")
	for name, f := range files {
		path := filepath.Join(tree, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			w.t.Fatal(err)
		}
		mode := os.FileMode(0o755)
		if f.plain {
			mode = 0o644
		}
		var err error
		if f.link != "" {
			err = os.Symlink(f.link, path)
		} else {
			err = os.WriteFile(path, []byte(f.body), mode)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	bare := filepath.Join(w.dir, "repos", p.Canonical())
	w.git(tree, "init", "-q", "-b", branch)
	w.git(tree, "add", "-A", "-f")
	w.git(tree, "commit", "-q", "--allow-empty", "-m", "work")
	w.git(tree, "tag", "v1.0")
	w.git(tree, "init", "-q", "--bare", bare)
	w.git(tree, "push", "-q", bare, branch, "v1.0")
	return w.git(tree, "rev-parse", "HEAD")
}

func (w *world) git(dir string, args ...string) string {
	w.t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// project puts the change's project into the workspace.
func (w *world) project(files map[string]file) {
	w.t.Helper()
	w.checkout(api, "main", files)
}

func (w *world) checkout(p model.Project, branch string, files map[string]file) {
	w.t.Helper()
	w.spec.Projects = append(w.spec.Projects, buildspec.Checkout{Project: p, Branch: branch, Commit: w.repo(p, branch, files)})
}

// playbooks are scripts of the change's project.
func (w *world) playbooks(paths ...string) []buildspec.Playbook {
	var out []buildspec.Playbook
	for _, p := range paths {
		c := w.spec.Projects[0]
		out = append(out, buildspec.Playbook{Path: p, Project: c.Project, Branch: c.Branch, Commit: c.Commit})
	}
	return out
}

// run runs the build and returns what it told.
func (w *world) run() (buildspec.Outcome, string) { return w.runWith(w.t.Context()) }

func (w *world) runWith(ctx context.Context) (buildspec.Outcome, string) {
	w.t.Helper()
	raw, err := json.Marshal(w.spec)
	if err != nil {
		w.t.Fatal(err)
	}
	w.write("spec.json", raw)
	if err := Run(ctx, w.opts); err != nil {
		w.t.Fatal(err)
	}
	raw, err = os.ReadFile(w.opts.OutcomeFile)
	if err != nil {
		w.t.Fatal(err)
	}
	var out buildspec.Outcome
	if err := json.Unmarshal(raw, &out); err != nil {
		w.t.Fatal(err)
	}
	return out, w.stored(out)
}

// stored is the log in the store; it must be what the outcome says, and what was shown.
func (w *world) stored(out buildspec.Outcome) string {
	w.t.Helper()
	if out.LogBytes < 0 {
		return ""
	}
	info, err := w.logs.Stat(w.logKey())
	if err != nil || info.Size != out.LogBytes || !info.Final {
		w.t.Errorf("stored log %+v, %v; the outcome says %d bytes", info, err, out.LogBytes)
	}
	var b bytes.Buffer
	if _, err := w.logs.Read(w.logKey(), 0, &b); err != nil {
		w.t.Fatal(err)
	}
	if b.String() != w.out.String() {
		w.t.Errorf("stored log and standard output differ:\n%s\n---\n%s", b.String(), w.out.String())
	}
	return b.String()
}

// watcher is a standard output in which a test can wait for a text.
type watcher struct {
	mu   sync.Mutex
	cond *sync.Cond
	buf  bytes.Buffer
}

func newWatcher() *watcher {
	w := &watcher{}
	w.cond = sync.NewCond(&w.mu)
	return w
}

func (w *watcher) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.cond.Broadcast()
	return w.buf.Write(b)
}

func (w *watcher) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.String()
}

// after calls do once the text has been written.
func (w *watcher) after(text string, do func()) {
	go func() {
		w.mu.Lock()
		for !strings.Contains(w.buf.String(), text) {
			w.cond.Wait()
		}
		w.mu.Unlock()
		do()
	}()
}
