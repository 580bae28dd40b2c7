package gitrepo

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/gitrepo/gitrepotest"
)

// Names that a checkout would take for .git on some system, or that lead out of
// the tree, do not get in; what is only odd does.
func TestHostileTrees(t *testing.T) {
	host := gitrepotest.NewHost(t, "", "")
	r := gitrepotest.New(t)
	r.Commit("one", map[string]string{"a": "1"})
	remote := Remote{URL: host.Add(t, "acme/api", r)}
	file := rawID(t, r.Git("rev-parse", "HEAD:a"))
	dir := rawID(t, r.Git("rev-parse", "HEAD^{tree}"))
	blob := func(content string) string {
		path := filepath.Join(t.TempDir(), "blob")
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return rawID(t, r.Git("hash-object", "-w", path))
	}
	module := func(name, url, path string) string {
		return "100644 .gitmodules\x00" + blob(fmt.Sprintf("[submodule %q]\n\turl = %q\n\tpath = %q\n", name, url, path))
	}
	for name, tc := range map[string]struct {
		tree, refused string
	}{
		"git":                     {"100644 .git\x00" + file, "hasDotgit"},
		"a directory git":         {"40000 .git\x00" + dir, "hasDotgit"},
		"a link git":              {"120000 .git\x00" + file, "hasDotgit"},
		"upper case":              {"40000 .GIT\x00" + dir, "hasDotgit"},
		"the short name on NTFS":  {"40000 git~1\x00" + dir, "hasDotgit"},
		"a space at the end":      {"40000 .git \x00" + dir, "hasDotgit"},
		"a dot at the end":        {"40000 .git.\x00" + dir, "hasDotgit"},
		"a stream of NTFS":        {"40000 .git::$INDEX_ALLOCATION\x00" + dir, "hasDotgit"},
		"ignored by HFS":          {"40000 .g\u200cit\x00" + dir, "hasDotgit"},
		"behind a backslash":      {"100644 a\\.git\\config\x00" + file, "hasDotgit"},
		"the directory above":     {"40000 ..\x00" + dir, "hasDotdot"},
		"the directory itself":    {"40000 .\x00" + dir, "hasDot"},
		"a path":                  {"100644 a/b\x00" + file, "fullPathname"},
		"twice":                   {"100644 a\x00" + file + "100644 a\x00" + file, "duplicateEntries"},
		"a link for .gitmodules":  {"120000 .gitmodules\x00" + file, "gitmodulesSymlink"},
		"an option as URL":        {module("x", "--upload-pack=touch /tmp/x", "x"), "gitmodulesUrl"},
		"a newline in a URL":      {module("x", "https://example.com/a%0ahost=evil", "x"), "gitmodulesUrl"},
		"an option as path":       {module("x", "https://example.com/x", "-x"), "gitmodulesPath"},
		"a name that leads out":   {module("../../x", "https://example.com/x", "x"), "gitmodulesName"},
		"a command as update":     {"100644 .gitmodules\x00" + blob("[submodule \"x\"]\n\turl = x\n\tpath = x\n\tupdate = !touch /tmp/x\n"), "gitmodulesUpdate"},
		"a backslash":             {"100644 a\\b\x00" + file, ""},
		"a link out of the tree":  {"120000 zuul.yaml\x00" + blob("/etc/passwd"), ""},
		"a link to far above":     {"120000 zuul.d\x00" + blob("../../../../etc"), ""},
		"a link for attributes":   {"120000 .gitattributes\x00" + file, ""},
		"a submodule":             {"160000 sub\x00" + file, ""},
		"a module of a URL":       {module("x", host.URL+"/acme/module", "x"), ""},
		"names of other programs": {"100644 --help\x00" + file + "100644 CON\x00" + file + "100644 a\nb\x00" + file, ""},
	} {
		t.Run(name, func(t *testing.T) {
			head := commitTree(t, r, "refs/pull/9/head", tc.tree)
			m := newMirror(t, Options{})
			_, err := m.Fetch(t.Context(), remote, []Want{{Commit: head, Ref: "refs/pull/9/head"}})
			var refused *InvalidError
			switch {
			case tc.refused == "" && err != nil:
				t.Error(err)
			case tc.refused != "" && (!errors.As(err, &refused) || !strings.Contains(err.Error(), tc.refused) || !strings.Contains(err.Error(), head)):
				t.Errorf("error %v, want %s", err, tc.refused)
			}
			if tc.refused != "" {
				return
			}
			files, complaints, err := m.ReadFiles(t.Context(), head, []string{"zuul.yaml", "zuul.d/"})
			if err != nil || len(files) != 0 || strings.Contains(name, "link ") && strings.Contains(tc.tree, "zuul") != (len(complaints) == 1) {
				t.Errorf("%v, %v, %v", files, complaints, err)
			}
		})
	}
}

// What is in the served repository beside objects stays there.
func TestNothingButObjectsIsTaken(t *testing.T) {
	marker := filepath.Join(t.TempDir(), "marker")
	host := gitrepotest.NewHost(t, "", "")
	module := gitrepotest.New(t)
	module.Commit("one", nil)
	host.Add(t, "acme/module", module)
	r := gitrepotest.New(t)
	r.Git("-c", "protocol.file.allow=always", "submodule", "add", "--quiet", module.Dir, "sub")
	r.Git("config", "-f", ".gitmodules", "submodule.sub.url", host.URL+"/acme/module")
	head := r.Commit("one", map[string]string{".gitattributes": "* merge=evil filter=evil\n", ".lfsconfig": "[lfs]\n\turl = " + host.URL + "\n"})
	ours := r.Change("refs/pull/1/head", head, "x", map[string]string{"x": "1"})
	theirs := r.Change("refs/pull/2/head", head, "x", map[string]string{"x": "2"})
	r.Git("config", "merge.evil.driver", "touch "+marker)
	r.Git("config", "core.fsmonitor", "touch "+marker)
	for _, hook := range []string{"reference-transaction", "post-checkout", "post-merge", "pre-auto-gc"} {
		if err := os.WriteFile(filepath.Join(r.Dir, ".git/hooks", hook), []byte("#!/bin/sh\ntouch "+marker+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var paths []string
	host.Between(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			paths = append(paths, r.URL.Path)
			next.ServeHTTP(w, r)
		})
	})
	m := newMirror(t, Options{})
	config := read(t, filepath.Join(m.dir, "config"))
	if _, err := m.Fetch(t.Context(), Remote{URL: host.Add(t, "acme/api", r)}, []Want{{Commit: head, Ref: "refs/heads/main"}}); err != nil {
		t.Fatal(err)
	}
	fetchHead(t, m, r, ours, theirs)
	if _, conflict, err := m.MergeTree(t.Context(), Merge{Ours: ours, Theirs: theirs}); err != nil || conflict == nil {
		t.Errorf("%v, %v", conflict, err)
	}
	if err := errors.Join(m.KeepStates(map[string]string{"abc": ours}), m.collect(t.Context())); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("something of the repository was run")
	}
	if d := cmp.Diff(config, read(t, filepath.Join(m.dir, "config"))); d != "" {
		t.Error(d)
	}
	if slices.ContainsFunc(paths, func(p string) bool { return !strings.HasPrefix(p, "/acme/api/") }) {
		t.Errorf("it asked for %v", paths)
	}
	if _, err := os.Stat(filepath.Join(m.dir, "hooks")); err == nil {
		t.Error("there are hooks")
	}
}

// bomb is a directory of ten entries that are all the same directory, ten deep:
// eleven objects, and 10,000,000,000 files.
func bomb(t *testing.T, r *gitrepotest.Repo, content string) string {
	t.Helper()
	r.Write(map[string]string{"seed": content})
	r.Git("add", "seed")
	id := rawID(t, r.Git("hash-object", "-w", "seed"))
	mode, suffix := "100644", ".yaml"
	for range 10 {
		var tree strings.Builder
		for i := range 10 {
			fmt.Fprintf(&tree, "%s %d%s\x00%s", mode, i, suffix, id)
		}
		list := filepath.Join(t.TempDir(), "tree")
		if err := os.WriteFile(list, []byte(tree.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		id = rawID(t, r.Git("hash-object", "-t", "tree", "-w", list))
		mode, suffix = "40000", ""
	}
	return id
}

func TestATreeThatMultipliesIsBounded(t *testing.T) {
	r := gitrepotest.New(t)
	base := r.Commit("one", map[string]string{"a": "1"})
	var heads []string
	for i, content := range []string{"a: 1", "b: 1"} {
		tree := commitTree(t, r, "refs/heads/scratch", "40000 zuul.d\x00"+bomb(t, r, content))
		head := r.Git("commit-tree", "-p", base, "-m", "bomb", tree+"^{tree}")
		r.Git("update-ref", fmt.Sprintf("refs/pull/%d/head", i), head)
		heads = append(heads, head)
	}
	m := newMirror(t, Options{Timeout: 30 * time.Second, MaxGitMemory: 256 << 20})
	fetchHead(t, m, r, append(heads, base)...)
	start := time.Now()
	files, complaints, err := m.ReadFiles(t.Context(), heads[0], []string{"zuul.d/"})
	if err != nil || len(files) > MaxFiles || len(complaints) != 1 {
		t.Errorf("%d files, %v, %v", len(files), complaints, err)
	}
	var refused *InvalidError
	if files, more, err := m.ChangedFiles(t.Context(), base, heads[0], 1000); !errors.As(err, &refused) {
		t.Errorf("%d changed files, %v, %v", len(files), more, err)
	}
	if _, conflict, err := m.MergeTree(t.Context(), Merge{Ours: base, Theirs: heads[0]}); err != nil || conflict != nil {
		t.Errorf("a bomb alone merges: %v, %v", conflict, err)
	}
	if _, conflict, err := m.MergeTree(t.Context(), Merge{Ours: heads[0], Theirs: heads[1]}); !errors.As(err, &refused) || !strings.Contains(err.Error(), "memory") {
		t.Errorf("two bombs: %v, %v", conflict, err)
	}
	t.Logf("all in %s", time.Since(start))
}

// A blob of zeros is a few bytes until it is unpacked.
func TestABlobThatInflatesIsNotHeldInMemory(t *testing.T) {
	r := gitrepotest.New(t)
	path := filepath.Join(r.Dir, "zeros.yaml")
	r.Write(map[string]string{"zeros.yaml": "x"})
	if err := os.Truncate(path, 160<<20); err != nil {
		t.Fatal(err)
	}
	r.Git("config", "core.compression", "1")
	head := r.Commit("zeros", nil)
	host := gitrepotest.NewHost(t, "", "")
	m := newMirror(t, Options{MaxGitMemory: 128 << 20})
	if _, err := m.Fetch(t.Context(), Remote{URL: host.Add(t, "acme/api", r)}, []Want{{Commit: head, Ref: "refs/heads/main"}}); err != nil {
		t.Fatal(err)
	}
	if files, complaints, err := m.ReadFiles(t.Context(), head, []string{"zeros.yaml"}); err != nil || len(files) != 0 || len(complaints) != 1 {
		t.Errorf("%d files, %v, %v", len(files), complaints, err)
	}
}

// deltaBomb is a pack of a file of a megabyte, and of one that is a delta of a
// few hundred bytes and n times as large.
func deltaBomb(n int) []byte {
	const meg = 1 << 20
	size := func(n int) (b []byte) { return binary.AppendUvarint(nil, uint64(n)) }
	delta := append(size(meg), size(n*meg)...)
	for range n {
		delta = append(delta, 0x80|0x40, meg>>16) // copy a megabyte from the start
	}
	var pack bytes.Buffer
	pack.WriteString("PACK\x00\x00\x00\x02\x00\x00\x00\x02")
	object := func(kind byte, between, content []byte) {
		n := len(content)
		b := kind<<4 | byte(n&15)
		for n >>= 4; n > 0; n >>= 7 {
			pack.WriteByte(b | 0x80)
			b = byte(n & 127)
		}
		pack.WriteByte(b)
		pack.Write(between)
		z := zlib.NewWriter(&pack)
		_, _ = z.Write(content)
		_ = z.Close()
	}
	base := []byte(noise(meg))
	object(3, nil, base)
	sum := sha1.Sum(append(fmt.Appendf(nil, "blob %d\x00", meg), base...)) //nolint:gosec // git's ids
	object(7, sum[:], delta)
	all := sha1.Sum(pack.Bytes()) //nolint:gosec // git's checksum
	return append(pack.Bytes(), all[:]...)
}

func TestADeltaThatInflatesIsRefused(t *testing.T) {
	const megs = 140
	r := gitrepotest.New(t)
	base := r.Commit("base", map[string]string{"a": "1"})
	pack := filepath.Join(r.Dir, ".git/objects/pack/bomb.pack")
	if err := os.WriteFile(pack, deltaBomb(megs), 0o644); err != nil {
		t.Fatal(err)
	}
	r.Git("index-pack", pack)
	content := []byte(strings.Repeat(noise(1<<20), megs))
	sum := sha1.Sum(append(fmt.Appendf(nil, "blob %d\x00", len(content)), content...)) //nolint:gosec // git's ids
	meg := sha1.Sum(append(fmt.Appendf(nil, "blob %d\x00", 1<<20), noise(1<<20)...))   //nolint:gosec // git's ids
	head := commitTree(t, r, "refs/pull/1/head", "100644 a\x00"+string(sum[:])+"100644 b\x00"+string(meg[:]))
	host := gitrepotest.NewHost(t, "", "")
	remote := Remote{URL: host.Add(t, "acme/api", r)}
	m := newMirror(t, Options{MaxGitMemory: 128 << 20})
	var refused *InvalidError
	_, err := m.Fetch(t.Context(), remote, []Want{{Commit: head, Ref: "refs/pull/1/head"}})
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "--git-memory") {
		t.Fatalf("error %v", err)
	}
	if found := leftovers(t, m); len(found) != 0 {
		t.Errorf("it left %v", found)
	}
	if _, err := m.Fetch(t.Context(), remote, []Want{{Commit: base, Ref: "refs/heads/main"}}); err != nil {
		t.Errorf("others: %v", err)
	}
}

func TestAFetchIsBounded(t *testing.T) {
	host := gitrepotest.NewHost(t, "", "")
	r := gitrepotest.New(t)
	base := r.Commit("base", map[string]string{"a": "1"})
	large := r.Change("refs/pull/1/head", base, "large", map[string]string{"b": noise(2 << 20)})
	remote := Remote{URL: host.Add(t, "acme/api", r)}
	m := newMirror(t, Options{MaxFetchBytes: 1 << 20})
	_, err := m.Fetch(t.Context(), remote, []Want{{Commit: base, Ref: "refs/heads/main"}, {Commit: large, Ref: "refs/pull/1/head"}})
	var refused *InvalidError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "--max-fetch") || !strings.Contains(err.Error(), large) {
		t.Fatalf("error %v", err)
	}
	if found := leftovers(t, m); len(found) != 0 {
		t.Errorf("it left %v", found)
	}
	if _, err := m.TreeOf(t.Context(), base); err != nil {
		t.Errorf("what is small enough came not: %v", err)
	}
}

func TestOddRefs(t *testing.T) {
	host := gitrepotest.NewHost(t, "", "")
	r := gitrepotest.New(t)
	head := r.Commit("one", nil)
	for _, ref := range []string{"refs/heads/--upload-pack=x", "refs/heads/$(touch x)", "refs/heads/a;b", "refs/heads/ä/ö", "refs/heads/heads/main", "refs/heads/HEAD"} {
		if out, err := gitrepotest.Try(r.Dir, "update-ref", ref, head); err != nil && !strings.Contains(ref, " ") {
			t.Fatal(out)
		}
	}
	remote := Remote{URL: host.Add(t, "acme/api", r)}
	b, err := newMirror(t, Options{}).ListRemoteBranches(t.Context(), remote)
	if err != nil || b.Heads["main"] != head || b.Heads["ä/ö"] != head || b.Heads["heads/main"] != head {
		t.Errorf("%v, %v", b, err)
	}
	for name := range b.Heads {
		if strings.HasPrefix(name, "-") {
			t.Errorf("branch %q", name)
		}
	}
	var packed strings.Builder
	packed.WriteString("# pack-refs with: peeled fully-peeled sorted \n")
	for i := range maxBranches + 1 {
		fmt.Fprintf(&packed, "%s refs/heads/n%06d\n", head, i)
	}
	if err := os.WriteFile(filepath.Join(r.Dir, ".git/packed-refs"), []byte(packed.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err = newMirror(t, Options{}).ListRemoteBranches(t.Context(), remote); err == nil || !strings.Contains(err.Error(), "is the most that is supported") {
		t.Errorf("too many branches: %v", err)
	}
}

func TestEndlessOutputIsCutOff(t *testing.T) {
	wrapper := filepath.Join(t.TempDir(), "git")
	script := "#!/bin/sh\ncase $1 in ls-remote) exec yes 0123456789012345678901234567890123456789;; esac\nexec git \"$@\"\n"
	if err := os.WriteFile(wrapper, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := newMirror(t, Options{GitBinary: wrapper}).ListRemoteBranches(t.Context(), Remote{URL: "/x"})
	if !errors.Is(err, errTooMuchOutput) {
		t.Errorf("error %v", err)
	}
}

// A host that sends git elsewhere gets the credentials of nobody.
func TestRedirectsGetNoCredentials(t *testing.T) {
	var got []string
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization"))
	}))
	defer thief.Close()
	host := gitrepotest.NewHost(t, "bot", "secret")
	for _, to := range []string{thief.URL + "/x", "file:///etc", "ext::sh -c touch% /tmp/x"} {
		host.Between(func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", to+"/info/refs?service=git-upload-pack")
				w.WriteHeader(http.StatusFound)
			})
		})
		m := newMirror(t, Options{})
		if _, err := m.ListRemoteBranches(t.Context(), Remote{host.URL + "/acme/api", "bot", "secret"}); err == nil {
			t.Errorf("%s: it was followed", to)
		}
	}
	if len(got) != 0 {
		t.Errorf("somebody else was asked, with %q", got)
	}
}
