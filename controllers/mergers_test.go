package controllers_test

import (
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/gitrepo"
	"github.com/gozer-dev/gozer/internal/gitrepo/gitrepotest"
	"github.com/gozer-dev/gozer/internal/identity"
	"github.com/gozer-dev/gozer/internal/merger"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/testkit/fakehost"
	"github.com/gozer-dev/gozer/internal/token"
)

// mergerPod is one replica of the merger.
type mergerPod struct {
	t       *testing.T
	w       *world
	handler atomic.Pointer[http.Handler]
	server  *http.Server
	url     string
	peers   *merger.Peers
}

var installationKey = token.Key(strings.Repeat("k", 32))

func isRole(t *testing.T, role string) *identity.Identity {
	t.Helper()
	i, err := identity.New(installationKey, role, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func clientsOf(t *testing.T, pods []*mergerPod, role string) []*merger.Client {
	t.Helper()
	var all []*merger.Client
	for _, p := range pods {
		c, err := merger.NewClient(p.url, isRole(t, role))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

// startMergers gives the world several mergers, over TLS, behind a router.
func startMergers(t *testing.T, w *world, n int) []*mergerPod {
	t.Helper()
	var pods []*mergerPod
	for range n {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		p := &mergerPod{t: t, w: w, url: "https://" + l.Addr().String()}
		p.server = &http.Server{
			TLSConfig: isRole(t, identity.Merger).Server(), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo),
			Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { (*p.handler.Load()).ServeHTTP(rw, r) }),
		}
		pods = append(pods, p)
		t.Cleanup(p.kill)
		defer func() { go func() { _ = p.server.ServeTLS(l, "", "") }() }()
	}
	for _, p := range pods {
		p.peers = merger.NewPeers(clientsOf(t, pods, identity.Merger), time.Now)
		p.replace()
	}
	var all []merger.Replica
	for _, c := range clientsOf(t, pods, identity.Manager) {
		all = append(all, merger.Replica{Name: c.Name(), Merger: c})
	}
	router := merger.NewRouter(all, time.Now)
	w.through = func(merger.Merger) merger.Merger { return router }
	return pods
}

// replace has the replica lose everything that it had.
func (p *mergerPod) replace() {
	store, err := gitrepo.NewStore(gitrepo.Options{Root: p.t.TempDir(), AllowFile: true})
	if err != nil {
		p.t.Error(err)
		return
	}
	p.t.Cleanup(func() { _ = store.Close() })
	h := merger.Handler(merger.New(store, fakehost.Remotes{Host: p.w.host}), installationKey, p.peers, slog.New(slog.DiscardHandler))
	p.handler.Store(&h)
}

// kill ends it for good.
func (p *mergerPod) kill() { _ = p.server.Close() }

// fetch looks for what a build is to check out, as its executor would, through one replica.
func (p *mergerPod) fetch(spec buildspec.Spec) *buildspec.Outcome {
	ca := filepath.Join(p.t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, []byte(isRole(p.t, identity.Manager).AuthorityPEM()), 0o600); err != nil {
		return &buildspec.Outcome{Result: model.BuildError, Reason: err.Error()}
	}
	scope := strings.TrimPrefix(spec.GitURL, "http://merger/git/")
	base := strings.Replace(p.url, "https://", "https://gozer:"+installationKey.For(token.Git, scope)+"@", 1) + "/git/" + scope + "/"
	for _, c := range spec.Projects {
		out, err := gitrepotest.Try("/", "-c", "http.sslCAInfo="+ca, "ls-remote", base+c.Project.Canonical(), "refs/heads/"+c.Branch)
		switch {
		case err != nil:
			return &buildspec.Outcome{Result: model.Retry, Reason: out}
		case !strings.HasPrefix(out, c.Commit):
			return &buildspec.Outcome{Result: model.BuildError, Reason: c.Commit + " is not what is served: " + out}
		}
	}
	return &buildspec.Outcome{Result: model.Success}
}

// TestMergersDie: of three mergers, one dies for good when the first build is
// about to fetch, and the others lose everything at the second and third. What
// was published is published again before the next attempt, and all merge.
func TestMergersDie(t *testing.T) {
	w := newWorldWith(t, strings.Replace(pipelinesYAML, "attempts: 2", "attempts: 9", 1))
	pods := startMergers(t, w, 3)
	w.start()
	w.loaded()
	var retries atomic.Int64
	var struck [3]bool
	w.say(func(spec buildspec.Spec) *buildspec.Outcome {
		n := spec.Change.Number - 1
		if !struck[n] {
			struck[n] = true
			if n == 0 {
				pods[0].kill()
			} else {
				pods[1].replace()
				pods[2].replace()
			}
		}
		out := pods[2].fetch(spec)
		if out.Result == model.Retry {
			retries.Add(1)
		}
		return out
	})
	for n := range int64(3) {
		w.approve(w.host.Open([]string{"acme/api", "acme/web"}[n%2], n+1, "A", "", map[string]string{string(rune('a' + n)): "1"}))
	}
	w.eventually("all merge", func() string {
		return cmp.Diff([]string{"acme/api#1 SUCCESS", "acme/web#2 SUCCESS", "acme/api#3 SUCCESS"}, w.itemResults("gate"))
	})
	if n := retries.Load(); n < 2 {
		t.Errorf("%d builds lost what they were to fetch: the test sees too little", n)
	}
}
