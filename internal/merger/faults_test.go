package merger

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/gitrepo"
	"github.com/gozer-dev/gozer/internal/gitrepo/gitrepotest"
	"github.com/gozer-dev/gozer/internal/mergeplan"
)

// faulty is a queue at a host that can be made to fail, with a clock for the
// merger's pauses.
type faulty struct {
	*queue
	host *gitrepotest.Host
	s    *Service
	root string
	want mergeplan.Result
	now  atomic.Int64
}

func newFaulty(t *testing.T, opts gitrepo.Options) *faulty {
	t.Helper()
	f := &faulty{queue: healQueue(t), host: gitrepotest.NewHost(t, "", ""), root: t.TempDir()}
	whole, _ := newService(t, t.TempDir(), f.remotes())
	f.want = prepare(t, whole, "", f.request())
	f.now.Store(time.Now().UnixNano())
	opts.Root, opts.Now = f.root, func() time.Time { return time.Unix(0, f.now.Load()) }
	f.s, _ = newServiceWith(t, opts, remotes{api: {URL: f.host.Add(t, "acme/api", f.repo)}})
	return f
}

// fails prepares in vain; the error must be one to try again.
func (f *faulty) fails(t *testing.T, words string) {
	t.Helper()
	_, err := f.s.Prepare(t.Context(), PrepareRequest{Scope: "acme/bs", Request: f.request()})
	if err == nil || KindOf(err) != Transient || !strings.Contains(err.Error(), words) {
		t.Fatalf("kind %s: %v; want %q", KindOf(err), err, words)
	}
}

// recovers prepares after the longest pause: nothing of what failed may be left.
func (f *faulty) recovers(t *testing.T) {
	t.Helper()
	f.now.Add(int64(time.Minute))
	if d := cmp.Diff(f.want, prepare(t, f.s, "acme/bs", f.request())); d != "" {
		t.Error(d)
	}
	for _, pattern := range []string{"objects/pack/tmp_*", "objects/pack/*.keep", "*.lock", "refs/gozer/*/*.lock"} {
		if left, _ := filepath.Glob(filepath.Join(f.root, "forge/forge.example/acme/api.git", pattern)); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

// cutAfter lets so many bytes of each answer with a pack through.
func cutAfter(n int) func(http.Handler) http.Handler {
	return func(host http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec := httptest.NewRecorder()
			host.ServeHTTP(rec, r)
			for k, v := range rec.Header() {
				w.Header()[k] = v
			}
			body := rec.Body.Bytes()
			if !strings.Contains(rec.Body.String(), "PACK") {
				_, _ = w.Write(body)
				return
			}
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
			_, _ = w.Write(body[:min(n, len(body)/2)])
			panic(http.ErrAbortHandler)
		})
	}
}

func TestAFetchThatIsCutOff(t *testing.T) {
	for _, n := range []int{0, 20, 60, 1 << 20} {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			f := newFaulty(t, gitrepo.Options{})
			f.host.Between(cutAfter(n))
			f.fails(t, "git fetch")
			f.fails(t, "is not asked again for ")
			f.host.Between(func(h http.Handler) http.Handler { return h })
			f.recovers(t)
		})
	}
}

func TestAHostThatFailsAndRecovers(t *testing.T) {
	f := newFaulty(t, gitrepo.Options{})
	f.host.Down.Store(true)
	f.fails(t, "503")
	f.host.Down.Store(false)
	f.fails(t, "503") // why it is left alone
	f.recovers(t)
}

// between freezing and fetching, a branch is pushed over or deleted, and its
// old head collected.
func TestABranchThatMovesWhileMerging(t *testing.T) {
	for name, tc := range map[string]struct {
		push func(r *gitrepotest.Repo)
		kind Kind // of the second try
	}{
		"pushed over": {func(r *gitrepotest.Repo) { r.Commit("instead", map[string]string{"other": "1"}) }, ""},
		"deleted":     {func(r *gitrepotest.Repo) { r.Git("branch", "-D", "stable") }, Missing},
	} {
		t.Run(name, func(t *testing.T) {
			repo := gitrepotest.New(t)
			fork := repo.Commit("fork", map[string]string{"a": "1"})
			repo.Git("checkout", "--quiet", "-b", "stable")
			repo.Commit("frozen", map[string]string{"b": "1"})
			head := repo.Change("refs/pull/1/head", fork, "change", map[string]string{"c": "1"})
			change := step(api, 1, "refs/pull/1/head", head, mergeplan.ModeMerge)
			change.Change.Branch = "stable"
			host := gitrepotest.NewHost(t, "", "")
			s, _ := newService(t, t.TempDir(), remotes{api: {URL: host.Add(t, "acme/api", repo)}})
			var talks atomic.Int64
			host.Between(func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Method == http.MethodGet && talks.Add(1) == 2 {
						repo.Git("checkout", "--quiet", "--detach", fork)
						if name == "pushed over" {
							repo.Git("checkout", "--quiet", "-B", "stable")
						}
						tc.push(repo)
						repo.Git("reflog", "expire", "--expire=now", "--all")
						repo.Git("-c", "gc.pruneExpire=now", "gc", "--quiet")
					}
					next.ServeHTTP(w, r)
				})
			})
			req := PrepareRequest{Request: mergeplan.Request{Steps: []mergeplan.Step{change}}}
			if _, err := s.Prepare(t.Context(), req); KindOf(err) != Transient || err == nil || !strings.Contains(err.Error(), "branch stable was pushed over") {
				t.Fatalf("kind %s: %v", KindOf(err), err)
			}
			res, err := s.Prepare(t.Context(), req)
			switch {
			case tc.kind != "" && (err == nil || KindOf(err) != tc.kind):
				t.Errorf("kind %s: %v", KindOf(err), err)
			case tc.kind == "" && (err != nil || res.States[0].Base != repo.Git("rev-parse", "stable")):
				t.Errorf("%v, %v", res.States, err)
			}
		})
	}
}

// Git is killed in the middle, as the kernel does when memory is short.
func TestGitIsKilled(t *testing.T) {
	for command, words := range map[string]string{"fetch": "", "ls-remote": "killed", "cat-file": "git stopped reading"} {
		t.Run(command, func(t *testing.T) {
			dir := t.TempDir()
			wrapper, armed := filepath.Join(dir, "git"), filepath.Join(dir, "armed")
			script := "#!/bin/sh\nif [ $1 = " + command + " ] && rm " + armed + " 2>/dev/null; then kill -9 $$; fi\nexec git \"$@\"\n"
			for path, content := range map[string]string{wrapper: script, armed: ""} {
				if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			f := newFaulty(t, gitrepo.Options{GitBinary: wrapper})
			switch command {
			case "fetch": // another one brings it
			case "ls-remote":
				if _, err := f.s.Branches(t.Context(), api); KindOf(err) != Transient || err == nil || !strings.Contains(err.Error(), words) {
					t.Fatal(err)
				}
			default:
				f.fails(t, words)
			}
			f.recovers(t)
			if _, err := os.Stat(armed); err == nil {
				t.Error("nothing was killed")
			}
			if n := f.s.store.Stats.Heals.Load(); n != 0 {
				t.Errorf("%d heals", n)
			}
		})
	}
}

// The whole group of a fetch is killed while the pack comes in.
func TestAFetchIsKilledInTheMiddle(t *testing.T) {
	dir := t.TempDir()
	wrapper, pid := filepath.Join(dir, "git"), filepath.Join(dir, "pid")
	if err := os.WriteFile(wrapper, []byte("#!/bin/sh\n[ $1 = fetch ] && echo $$ >"+pid+"\nexec git \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	f := newFaulty(t, gitrepo.Options{GitBinary: wrapper})
	f.host.Between(func(host http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec := httptest.NewRecorder()
			host.ServeHTTP(rec, r)
			for k, v := range rec.Header() {
				w.Header()[k] = v
			}
			body := rec.Body.Bytes()
			if strings.Contains(rec.Body.String(), "PACK") {
				body = body[:len(body)/2]
				_, _ = w.Write(body)
				_ = http.NewResponseController(w).Flush()
				content, _ := os.ReadFile(pid)
				group, err := strconv.Atoi(strings.TrimSpace(string(content)))
				if err != nil || syscall.Kill(-group, syscall.SIGKILL) != nil {
					t.Errorf("it cannot be killed: %v", err)
				}
				return
			}
			_, _ = w.Write(body)
		})
	})
	f.fails(t, "killed")
	f.host.Between(func(h http.Handler) http.Handler { return h })
	f.recovers(t)
}

// A git that was killed leaves locks; the process goes on and must get over them.
func TestLocksOfAKilledGit(t *testing.T) {
	f := newFaulty(t, gitrepo.Options{})
	prepare(t, f.s, "acme/other", mergeplan.Request{Bases: f.request().Bases, Steps: f.steps[:1]})
	mirror := filepath.Join(f.root, "forge/forge.example/acme/api.git")
	for _, dir := range []string{"refs/gozer/fetched", "refs/gozer/published/acme", "refs/gozer/state"} {
		refs, err := os.ReadDir(filepath.Join(mirror, dir))
		if err != nil || len(refs) == 0 {
			t.Fatalf("%s: %d refs, %v", dir, len(refs), err)
		}
		for _, r := range refs {
			if err := os.WriteFile(filepath.Join(mirror, dir, r.Name()+".lock"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	f.base = f.repo.Commit("the branch goes on", map[string]string{"new": "1"})
	req := PrepareRequest{Scope: "acme/other", Request: f.request()}
	_, err := f.s.Prepare(t.Context(), req)
	if err != nil && KindOf(err) != Transient {
		t.Fatalf("the first try: %v", err)
	}
	if _, err = f.s.Prepare(t.Context(), req); err != nil {
		t.Errorf("the second: %v", err)
	}
}
