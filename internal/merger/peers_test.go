package merger

import (
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gozer-dev/gozer/internal/mergeplan"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/token"
)

// clone clones a project as a build of acme/bs does, through one replica.
func (c *replicas) clone(through int, p model.Project, flags ...string) (dir, out string, err error) {
	c.t.Helper()
	dir = filepath.Join(c.t.TempDir(), "work")
	url := gitURL(c.servers[through].url, "acme/bs", c.key.For(token.Git, "acme/bs"), p)
	out, err = c.servers[through].try("/", append(append([]string{"clone", "--quiet"}, flags...), url, dir)...)
	return dir, out, err
}

// large is a project of some megabytes that cannot be compressed.
func large(t *testing.T) *queue {
	t.Helper()
	q := independent(t, 2)
	noise := make([]byte, 4<<20)
	rand.NewChaCha8([32]byte{}).Read(noise)
	q.add(api, 9, map[string]string{"large": string(noise)})
	return q
}

func TestCloneThroughAnyReplica(t *testing.T) {
	q := large(t)
	c := startReplicas(t, 3, q.remotes())
	want := prepare(t, c, "acme/bs", q.request()).States[0].Commit
	owner := c.of(api.Canonical(), 0)
	for i := range c.servers {
		if published(c.services[i], "acme/bs", api) != (i == owner) {
			t.Errorf("replica %d: published = %v; %d is the first choice", i, i != owner, owner)
		}
		for name, flags := range map[string][]string{"whole": nil, "shallow": {"--depth=1"}, "version 2 asked for": {"-c", "protocol.version=2"}} {
			dir, out, err := c.clone(i, api, flags...)
			if err != nil {
				t.Fatalf("%s through replica %d: %v: %s", name, i, err, out)
			}
			if head := c.servers[0].git(dir, "rev-parse", "HEAD"); head != want {
				t.Errorf("%s through replica %d: HEAD is %s, want %s", name, i, head, want)
			}
			c.servers[0].git(dir, "fsck", "--strict")
		}
	}
}

// Of two projects, each is at its own replica, and both are had from one.
func TestCloneOfProjectsOfDifferentReplicas(t *testing.T) {
	city := newCity(t, 6)
	c := startReplicas(t, 3, on(city.repos))
	var req mergeplan.Request
	for _, s := range city.steps {
		if s.Change.Number%10 == 5 {
			req.Steps = append(req.Steps, s)
		}
	}
	owners := map[int]bool{}
	for _, st := range prepare(t, c, "acme/bs", req).States {
		owners[c.of(st.Project.Canonical(), 0)] = true
		dir, out, err := c.clone(0, st.Project)
		if err != nil {
			t.Fatalf("%s: %v: %s", st.Project.Name, err, out)
		}
		if head := c.servers[0].git(dir, "rev-parse", "HEAD"); head != st.Commit {
			t.Errorf("%s: HEAD is %s, want %s", st.Project.Name, head, st.Commit)
		}
	}
	if len(owners) < 2 {
		t.Errorf("the projects have the same owner: %v", owners)
	}
}

// What the replica had that died is not served until it is prepared anew. While
// it may come back, others say so; when it is known to have nothing, too.
func TestCloneWhenTheOwnerDied(t *testing.T) {
	q := independent(t, 1)
	c := startReplicas(t, 3, q.remotes())
	want := prepare(t, c, "acme/bs", q.request())
	owner, other := c.of(api.Canonical(), 0), c.of(api.Canonical(), 2)
	c.kill(owner)
	if _, out, err := c.clone(other, api); err == nil || !strings.Contains(out, "503") {
		t.Errorf("while it is away: %v: %s", err, out)
	}
	prepare(t, c, "acme/bs", q.request())
	if dir, out, err := c.clone(other, api); err != nil || c.servers[0].git(dir, "rev-parse", "HEAD") != want.States[0].Commit {
		t.Errorf("published anew by another: %v: %s", err, out)
	}
	c.mortals[owner].dead.Store(false)
	for _, s := range c.services { // all are new, with empty volumes
		if err := s.Release(t.Context(), "acme/bs"); err != nil {
			t.Fatal(err)
		}
	}
	if _, out, err := c.clone(other, api); err == nil || !strings.Contains(out, "not found") {
		t.Errorf("nobody has it: %v: %s", err, out)
	}
}

// An owner that breaks off in the middle does not look like a repository that
// is complete.
func TestCloneWhenTheOwnerDiesMeanwhile(t *testing.T) {
	q := independent(t, 1)
	c := startReplicas(t, 3, q.remotes())
	prepare(t, c, "acme/bs", q.request())
	owner, other := c.of(api.Canonical(), 0), c.of(api.Canonical(), 1)
	for _, left := range []int64{2, 3, 4} { // the refs, the question about the pack, the pack
		c.mortals[owner].left.Store(left)
		if _, out, err := c.clone(other, api); err == nil || !strings.Contains(out, "503") {
			t.Errorf("it took %d requests: %v: %s", left-1, err, out)
		}
		c.mortals[owner].dead.Store(false)
		c.later(leaveOut)
	}
	if _, out, err := c.clone(other, api); err != nil {
		t.Errorf("it is back: %v: %s", err, out)
	}
}

func TestForwarding(t *testing.T) {
	q := independent(t, 1)
	c := startReplicas(t, 3, q.remotes())
	prepare(t, c, "acme/bs", q.request())
	owner, other := c.of(api.Canonical(), 0), c.of(api.Canonical(), 1)
	asked := func(i int) int64 { return -c.mortals[i].left.Load() }
	for name, tc := range map[string]struct {
		through   int
		token     string
		forwarded bool
		path      string
		want      int
		asks      bool
	}{
		"the owner itself":       {owner, c.key.For(token.Git, "acme/bs"), false, "/info/refs?service=git-upload-pack", http.StatusOK, true},
		"another":                {other, c.key.For(token.Git, "acme/bs"), false, "/info/refs?service=git-upload-pack", http.StatusOK, true},
		"wrong token":            {other, c.key.For(token.Git, "acme/other"), false, "/info/refs?service=git-upload-pack", http.StatusUnauthorized, false},
		"forwarded once already": {other, c.key.For(token.Git, "acme/bs"), true, "/info/refs?service=git-upload-pack", http.StatusNotFound, false},
		"a push":                 {other, c.key.For(token.Git, "acme/bs"), false, "/git-receive-pack", http.StatusForbidden, true},
	} {
		t.Run(name, func(t *testing.T) {
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, c.servers[tc.through].url+"/git/acme/bs/"+api.Canonical()+tc.path, nil)
			req.SetBasicAuth("x", tc.token)
			if tc.forwarded {
				req.Header.Set(forwardedHeader, "yes")
			}
			before := asked(owner)
			if got := status(t, c.servers[0].as(""), req); got != tc.want {
				t.Errorf("status %d, want %d", got, tc.want)
			}
			if got := asked(owner) > before; got != tc.asks {
				t.Errorf("the owner was asked: %v", got)
			}
		})
	}
}
