package merger

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/gitrepo/gitrepotest"
	"github.com/gozer-dev/gozer/internal/mergeplan"
	"github.com/gozer-dev/gozer/internal/token"
)

// spoil damages files in a mirror's directory that match, and says how many.
func spoil(t *testing.T, root, pattern string, damage func(path string) error) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, "forge/forge.example/acme/api.git", pattern))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: nothing there, %v", pattern, err)
	}
	for _, p := range paths {
		if err := errors.Join(os.Chmod(p, 0o644), damage(p)); err != nil {
			t.Fatal(err)
		}
	}
}

func truncate(path string) error {
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	return os.Truncate(path, st.Size()/2)
}

// zeros takes the place of the middle of a file.
func zeros(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	clear(b[len(b)/3 : 2*len(b)/3])
	return os.WriteFile(path, b, 0o644)
}

func empty(path string) error { return os.Truncate(path, 0) }

// loose is the file of an object.
func loose(id string) string { return "objects/" + id[:2] + "/" + id[2:] }

// damage to a mirror in which a state was prepared.
type damage func(t *testing.T, root string, res mergeplan.Result)

// Whatever is damaged, a few tries later the same request gives the same
// commits, and a build can clone them. Fresh: the merger is a new process, and
// remembers nothing.
func TestBrokenMirrorsAreHealed(t *testing.T) {
	files := func(pattern string, how func(string) error) damage {
		return func(t *testing.T, root string, _ mergeplan.Result) { spoil(t, root, pattern, how) }
	}
	ofState := func(commit bool, how func(string) error) damage {
		return func(t *testing.T, root string, res mergeplan.Result) {
			id := res.States[0].Tree
			if commit {
				id = res.States[0].Commit
			}
			spoil(t, root, loose(id), how)
		}
	}
	q := healQueue(t)
	r := remotes{api: {URL: gitrepotest.NewHost(t, "", "").Add(t, "acme/api", q.repo)}}
	for name, tc := range map[string]struct {
		damage damage
		heals  int64 // at least; what is fetched or written again by itself needs none
		both   bool  // also in the process that has all in memory
	}{
		"a truncated pack":              {files("objects/pack/*.pack", truncate), 1, true},
		"an empty pack":                 {files("objects/pack/*.pack", empty), 1, false},
		"zeros in a pack":               {files("objects/pack/*.pack", zeros), 1, true},
		"zeros in an index":             {files("objects/pack/*.idx", zeros), 1, false},
		"an index is gone":              {files("objects/pack/*.idx", os.Remove), 0, true},
		"all packs are gone":            {files("objects/pack/*", os.Remove), 0, true},
		"the state's commit is gone":    {ofState(true, os.Remove), 0, true},
		"the state's tree is gone":      {ofState(false, os.Remove), 1, true},
		"the state's tree is truncated": {ofState(false, truncate), 1, false},
		"zeros in the state's tree":     {ofState(false, zeros), 1, true},
		"zeros in the state's commit":   {ofState(true, zeros), 1, true},
		"zeros in all loose objects":    {files("objects/??/*", zeros), 1, false},
		"empty loose objects":           {files("objects/??/*", empty), 1, false},
		"empty refs of states":          {files("refs/gozer/state/*", empty), 0, false},
		"empty refs of branches":        {files("refs/gozer/fetched/*", empty), 1, true},
		"an empty ref of a scope":       {files("refs/gozer/published/acme/bs", empty), 0, false},
		"an empty list of refs":         {files("gozer/acme/bs/packed-refs", empty), 0, true},
		"a scope that is half there":    {files("gozer/acme/bs/objects/info/alternates", os.Remove), 0, true},
		"no HEAD":                       {files("HEAD", os.Remove), 0, true},
		"an empty HEAD":                 {files("HEAD", empty), 1, false},
		"an empty config":               {files("config", empty), 0, false},
		"all is gone":                   {files("", os.RemoveAll), 0, true},
	} {
		for _, fresh := range []bool{true, false} {
			if !fresh && !tc.both {
				continue
			}
			t.Run(fmt.Sprintf("%s, fresh=%v", name, fresh), func(t *testing.T) {
				root := t.TempDir()
				s, closeIt := newService(t, root, r)
				req := q.request()
				req.Steps = req.Steps[:2]
				first := prepare(t, s, "acme/bs", req)
				tc.damage(t, root, first)
				if fresh {
					closeIt()
					s, _ = newService(t, root, r)
				}
				again := prepareInTheEnd(t, s, req)
				if d := cmp.Diff(first, again); d != "" {
					t.Error(d)
				}
				cloneInTheEnd(t, s, req, again)
				// What comes next needs what was there before, and something new.
				more := prepareInTheEnd(t, s, q.request())
				cloneInTheEnd(t, s, q.request(), more)
				if got := s.store.Stats.Heals.Load(); fresh && got < tc.heals {
					t.Errorf("healed %d times, at least %d are needed", got, tc.heals)
				}
			})
		}
	}
}

// healQueue has directories and content that do not compress to nothing.
func healQueue(t *testing.T) *queue {
	t.Helper()
	q := &queue{repo: gitrepotest.New(t)}
	files := map[string]string{}
	for i := range 20 {
		files[fmt.Sprintf("d%d/f%d", i%4, i)] = strings.Repeat(fmt.Sprintf("%d ", i*7919), 50)
	}
	q.base = q.repo.Commit("base", files)
	q.add(api, 1, map[string]string{"d0/f0": "one"})
	q.add(api, 2, map[string]string{"d1/f1": "two"})
	q.add(api, 3, map[string]string{"d2/f2": "three", "d0/f4": "three"})
	return q
}

// fewTries is how often a caller may have to ask again.
const fewTries = 4

func prepareInTheEnd(t *testing.T, s *Service, req mergeplan.Request) mergeplan.Result {
	t.Helper()
	for range fewTries {
		res, err := s.Prepare(t.Context(), PrepareRequest{Scope: "acme/bs", Request: req})
		if err == nil {
			return res
		}
		if KindOf(err) != Transient {
			t.Fatalf("kind %s: %v", KindOf(err), err)
		}
		t.Log(err)
	}
	t.Fatal("it does not heal")
	return mergeplan.Result{}
}

// cloneInTheEnd does what an executor and the next attempt of its build do.
func cloneInTheEnd(t *testing.T, s *Service, req mergeplan.Request, want mergeplan.Result) {
	t.Helper()
	o := serveAgain(t, s)
	url := gitURL(o.url, "acme/bs", o.key.For(token.Git, "acme/bs"), api)
	for range fewTries {
		dir := filepath.Join(t.TempDir(), "clone")
		out, err := o.try("/", "clone", "--quiet", url, dir)
		if err == nil {
			head, err := gitrepotest.Try(dir, "rev-parse", "HEAD")
			if err != nil || head != want.States[0].Commit {
				t.Fatalf("cloned %s, %v; want %s", head, err, want.States[0].Commit)
			}
			return
		}
		t.Log(out)
		if d := cmp.Diff(want, prepareInTheEnd(t, s, req)); d != "" {
			t.Error(d)
		}
	}
	t.Fatal("it cannot be cloned")
}

// A whole mirror is not taken away because somebody names files like errors of git.
func TestDoubtsAreLookedInto(t *testing.T) {
	q := &queue{repo: gitrepotest.New(t)}
	q.base = q.repo.Commit("base", map[string]string{"fatal: bad object": "1", "is corrupt": "1"})
	q.add(api, 1, map[string]string{"fatal: bad object": "2"})
	q.add(api, 2, map[string]string{"fatal: bad object": "3"})
	root := t.TempDir()
	s, _ := newService(t, root, q.remotes())
	if res := prepare(t, s, "", q.request()); res.Conflict == nil {
		t.Error("no conflict")
	}
	if n := s.store.Stats.Heals.Load(); n != 0 {
		t.Errorf("%d heals", n)
	}
	var packs [][]byte
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".pack") {
			b, err := os.ReadFile(path)
			packs = append(packs, b)
			return err
		}
		return err
	})
	if err != nil || len(packs) != 1 || !bytes.HasPrefix(packs[0], []byte("PACK")) {
		t.Errorf("%d packs, %v", len(packs), err)
	}
}
