package executor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
)

func marshalKey(s ssh.Signer) []byte { return ssh.MarshalAuthorizedKey(s.PublicKey()) }

func TestFirstFailure(t *testing.T) {
	for name, tc := range map[string]struct {
		log  string
		want string
	}{
		"go test": {`
=== RUN   TestA
    a_test.go:9: only a note
--- PASS: TestA (0.00s)
=== RUN   TestB
    b_test.go:12: got 1, want 2
--- FAIL: TestB (0.00s)
FAIL
FAIL	example.com/b	0.002s
FAIL`, "--- FAIL: TestB (0.00s)"},
		"go panic": {`
--- FAIL: TestB (0.00s)
panic: runtime error: index out of range [3] with length 2
goroutine 7 [running]:
exit status 2`, "panic: runtime error: index out of range [3] with length 2"},
		"go build": {`
# example.com/b
./b.go:12:3: undefined: x
./b.go:14:3: undefined: y
make: *** [Makefile:3: build] Error 1`, "./b.go:12:3: undefined: x"},
		"pytest": {`
    def test_x():
>       assert 1 == 2
E       assert 1 == 2
tests/test_x.py:3: AssertionError
=========== short test summary info ===========
FAILED tests/test_x.py::test_x - assert 1 == 2
1 failed, 3 passed in 0.02s`, "FAILED tests/test_x.py::test_x - assert 1 == 2"},
		"pytest without summary": {"E       assert 1 == 2\ntests/test_x.py:3: AssertionError", "E       assert 1 == 2"},
		"python":                 {"Traceback (most recent call last):\n  File \"x\"\nValueError: no\nmake: *** [x] Error 1", "ValueError: no"},
		"gcc":                    {"cc -c a.c\na.c:3:1: error: unknown type name 'foo'\nmake[1]: *** [Makefile:2: a.o] Error 1", "a.c:3:1: error: unknown type name 'foo'"},
		"rust":                   {"   Compiling x\nerror[E0308]: mismatched types\n --> src/main.rs:2:5\nerror: could not compile", "error[E0308]: mismatched types"},
		"tap":                    {"ok 1 - a\nnot ok 2 - b\nok 3", "not ok 2 - b"},
		"Error in words":         {"ok\nsomething Error: disk is full\nbye", "something Error: disk is full"},
		"shell":                  {"ci/test.sh: 3: foo: not found\n", "ci/test.sh: 3: foo: not found"},
		"no failures counted":    {"0 errors\nno failures\nerrors: 0\nfailed=0\nthe end", "the end"},
		"colours":                {"\x1b[31mError: red\x1b[0m\nmore", "Error: red"},
		"nothing telling":        {"one\ntwo\n\n   \n", "two"},
		"nothing":                {"\n\n", ""},
		"make says least":        {"make: *** [all] Error 2\nlast", "make: *** [all] Error 2"},
		"npm":                    {"> test\nnpm ERR! Test failed.\nTypeError: x is undefined", "TypeError: x is undefined"},
	} {
		t.Run(name, func(t *testing.T) {
			var f failureFinder
			for line := range strings.SplitSeq(tc.log, "\n") {
				f.add(line)
			}
			if got := f.line(); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	for name, tc := range map[string]struct {
		in   []string
		want []string
	}{
		"in pieces":         {[]string{"on", "e\ntw", "o\n"}, []string{"one", "two"}},
		"empty lines":       {[]string{"\n\na\n"}, []string{"", "", "a"}},
		"no newline":        {[]string{"a"}, []string{"a"}},
		"CRLF in pieces":    {[]string{"a\r", "\nb\r\n"}, []string{"a", "b"}},
		"progress":          {[]string{"1%\r2%\r3%\n"}, []string{"1%", "2%", "3%"}},
		"invalid UTF-8":     {[]string{"a\xff\xfeb\n"}, []string{"a\ufffdb"}},
		"UTF-8 in pieces":   {[]string{"\xc5", "\xbe\n"}, []string{"ž"}},
		"control":           {[]string{"a\x00\x07b\tc\x1b[1md\x7f\n"}, []string{"a\ufffd\ufffdb\tc\x1b[1md\ufffd"}},
		"long":              {[]string{long, "yyy\nnext\n"}, []string{long + " [line cut: 3 bytes more]", "next"}},
		"just fits":         {[]string{long, "\n"}, []string{long}},
		"cut in characters": {[]string{long[1:] + "žž\n"}, []string{long[1:] + " [line cut: 4 bytes more]"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			w := newLineWriter(func(s string) { got = append(got, s) })
			for _, s := range tc.in {
				if _, err := w.Write([]byte(s)); err != nil {
					t.Fatal(err)
				}
			}
			w.Close()
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got:\n%.2000s", diff)
			}
		})
	}
}

func TestQuote(t *testing.T) {
	for _, s := range []string{"", "a", "a b", "it's", `"`, "$HOME", "`id`", "a\nb", `\`, "*", "-n", "''", "ž\xff", "!", "a;b&c|d"} {
		out, err := exec.Command("/bin/sh", "-c", "printf %s "+quote(s)+".").Output()
		if err != nil || string(out) != s+"." {
			t.Errorf("%q became %q, %v", s, out, err)
		}
	}
}

func TestJudge(t *testing.T) {
	ok := buildspec.Outcome{Result: model.Success}
	failed := buildspec.Outcome{Result: model.Failure, ExitCode: 9}
	for name, tc := range map[string]struct {
		sofar buildspec.Outcome
		phase string
		e     ended
		want  model.BuildResult
	}{
		"all is well":                {ok, phaseRun, ended{}, model.Success},
		"run fails":                  {ok, phaseRun, ended{code: 1}, model.Failure},
		"run killed":                 {ok, phaseRun, ended{signal: "SEGV"}, model.Failure},
		"run timed out":              {ok, phaseRun, ended{how: timedOut}, model.TimedOut},
		"run lost":                   {ok, phaseRun, ended{how: lost}, model.Retry},
		"pre-run fails":              {ok, phasePre, ended{code: 1}, model.Retry},
		"pre-run timed out":          {ok, phasePre, ended{how: timedOut}, model.Retry},
		"post-run fails":             {ok, phasePost, ended{code: 1}, model.PostFailure},
		"post-run timed out":         {ok, phasePost, ended{how: timedOut}, model.PostFailure},
		"post-run lost":              {ok, phasePost, ended{how: lost}, model.Retry},
		"post-run after failure":     {failed, phasePost, ended{code: 1}, model.Failure},
		"post-run lost, had failed":  {failed, phasePost, ended{how: lost}, model.Failure},
		"post-run fine, had failed":  {failed, phasePost, ended{}, model.Failure},
		"stopped":                    {ok, phaseRun, ended{how: stopped}, model.Retry},
		"stopped in post-run":        {ok, phasePost, ended{how: stopped}, model.Retry},
		"stopped in post-run, later": {failed, phasePost, ended{how: stopped}, model.Failure},
	} {
		t.Run(name, func(t *testing.T) {
			if got := judge(tc.sofar, tc.phase, tc.e); got.Result != tc.want {
				t.Errorf("got %+v, want %s", got, tc.want)
			}
		})
	}
}

func TestOutcomeFits(t *testing.T) {
	for name, s := range map[string]string{
		"short": "short", "long": strings.Repeat("long ", 2000), "escaped": strings.Repeat("\"\\", 4000),
		"html": strings.Repeat("<&>", 3000), "wide": strings.Repeat("ž🐎", 3000), "invalid": strings.Repeat("\xff", 9000),
		"control": strings.Repeat("a\x01", 9000), "lines": "one\ntwo\r\nthree",
	} {
		t.Run(name, func(t *testing.T) {
			b, err := encodeOutcome(buildspec.Outcome{Result: model.Failure, Reason: s, FirstFailure: s, LogBytes: 1 << 40, ExitCode: 255})
			var got buildspec.Outcome
			if err != nil || len(b) > buildspec.MaxOutcomeBytes || json.Unmarshal(b, &got) != nil {
				t.Fatalf("%d bytes, %v", len(b), err)
			}
			if got.Reason == "" || strings.ContainsAny(got.Reason, "\r\n") {
				t.Errorf("reason %q", got.Reason)
			}
		})
	}
}

func TestOneLine(t *testing.T) {
	for name, tc := range map[string]struct{ in, want string }{
		"plain":            {"a b", "a b"},
		"lines":            {" a\r\n\tb\n", "a b"},
		"colours":          {"\x1b[1;31mError\x1b[0m: red", "Error: red"},
		"title of a term":  {"a\x1b]0;owned\x07b", "a]0;ownedb"},
		"clears":           {"a\x1bcb", "acb"},
		"backspaces":       {"FAILURE\b\b\x7f", "FAILURE"},
		"C1":               {"a\u009b2Jb", "a2Jb"},
		"turns":            {"a\u202ecba\u2066", "acba"},
		"invalid":          {"a\xffb", "a?b"},
		"cut":              {"0123456789abc", "0123456…"},
		"cut in character": {"012345žžž", "012345…"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := oneLine(tc.in, 10); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestPlanWorkspace(t *testing.T) {
	a, b := strings.Repeat("a", 40), strings.Repeat("b", 40)
	base := buildspec.Spec{
		Change:   buildspec.Change{Project: api},
		Projects: []buildspec.Checkout{{Project: api, Branch: "main", Commit: a}, {Project: lib, Branch: "main", Commit: b}},
	}
	pb := func(p model.Project, commit string, trusted bool) buildspec.Playbook {
		return buildspec.Playbook{Path: "t", Project: p, Branch: "main", Commit: commit, Trusted: trusted}
	}
	const apiSrc, libSrc = "src/forge.example/acme/api", "src/forge.example/acme/lib"
	const own = "playbooks/untrusted/project_0/forge.example/acme/"
	for name, tc := range map[string]struct {
		playbook  buildspec.Playbook
		repo, cwd string
		checkouts int
	}{
		"of the change":                    {pb(api, a, false), apiSrc, apiSrc, 2},
		"of the change, other commit":      {pb(api, b, false), own + "api", apiSrc, 3},
		"of a project in the workspace":    {pb(lib, b, false), libSrc, libSrc, 2},
		"the same, other commit":           {pb(lib, a, false), own + "lib", own + "lib", 3},
		"of another project":               {pb(config, a, false), own + "config", own + "config", 3},
		"trusted":                          {pb(config, a, true), "playbooks/trusted/project_0/forge.example/acme/config", "playbooks/trusted/project_0/forge.example/acme/config", 3},
		"trusted and in the workspace":     {pb(lib, b, true), "playbooks/trusted/project_0/forge.example/acme/lib", "playbooks/trusted/project_0/forge.example/acme/lib", 3},
		"trusted project under test as is": {pb(api, a, true), "playbooks/trusted/project_0/forge.example/acme/api", "playbooks/trusted/project_0/forge.example/acme/api", 3},
	} {
		t.Run(name, func(t *testing.T) {
			s := base
			s.Run = []buildspec.Playbook{tc.playbook, tc.playbook} // the second shares the checkout
			w, err := planWorkspace(&s)
			if err != nil {
				t.Fatal(err)
			}
			for _, st := range w.run {
				if st.repo != tc.repo || st.cwd != tc.cwd {
					t.Errorf("repo %s, cwd %s", st.repo, st.cwd)
				}
			}
			if len(w.checkouts) != tc.checkouts {
				t.Errorf("checkouts %+v", w.checkouts)
			}
		})
	}
}

func TestPlanRefuses(t *testing.T) {
	good := func() *buildspec.Spec {
		c := strings.Repeat("a", 40)
		return &buildspec.Spec{
			Change: buildspec.Change{Project: api}, Projects: []buildspec.Checkout{{Project: api, Branch: "main", Commit: c}},
			Run: []buildspec.Playbook{{Path: "ci/t", Project: api, Branch: "main", Commit: c}},
		}
	}
	if _, err := planWorkspace(good()); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*buildspec.Spec){
		"project out":      func(s *buildspec.Spec) { s.Projects[0].Project.Name = "../../x" },
		"project in .git":  func(s *buildspec.Spec) { s.Projects[0].Project.Name = "acme/.GIT/x" },
		"absolute project": func(s *buildspec.Spec) { s.Projects[0].Project.Hostname = "" },
		"twice":            func(s *buildspec.Spec) { s.Projects = append(s.Projects, s.Projects[0]) },
		"no commit":        func(s *buildspec.Spec) { s.Projects[0].Commit = "" },
		"commit is a name": func(s *buildspec.Spec) { s.Projects[0].Commit = "HEAD" },
		"no branch":        func(s *buildspec.Spec) { s.Projects[0].Branch = "" },
		"branch an option": func(s *buildspec.Spec) { s.Projects[0].Branch = "--upload-pack=x" },
		"branch a refspec": func(s *buildspec.Spec) { s.Projects[0].Branch = "a:refs/heads/b" },
		"branch out":       func(s *buildspec.Spec) { s.Projects[0].Branch = "a/../../b" },
		"playbook out":     func(s *buildspec.Spec) { s.Run[0].Path = "../t" },
		"playbook in .git": func(s *buildspec.Spec) { s.Run[0].Path = ".git/hooks/x" },
		"absolute":         func(s *buildspec.Spec) { s.Run[0].Path = "/bin/sh" },
		"no playbook path": func(s *buildspec.Spec) { s.Run[0].Path = "" },
		"not clean":        func(s *buildspec.Spec) { s.Run[0].Path = "a//b" },
	} {
		t.Run(name, func(t *testing.T) {
			s := good()
			change(s)
			if _, err := planWorkspace(s); err == nil {
				t.Error("was taken")
			}
		})
	}
	for _, branch := range []string{"main", "stable/1.0", "feature/a-b_c", "dependabot/npm/x@1", "ž"} {
		s := good()
		s.Projects[0].Branch = branch
		if _, err := planWorkspace(s); err != nil {
			t.Errorf("%s: %v", branch, err)
		}
	}
}

func TestRepoURL(t *testing.T) {
	for name, tc := range map[string]struct{ base, want string }{
		"plain":       {"http://merger:8080/git", "http://merger:8080/git/h/a%20b"},
		"credentials": {"http://u:p@merger/git", ""},
		"file":        {"file:///etc", ""},
		"ext":         {"ext::sh -c id", ""},
		"option":      {"--upload-pack=id", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := repoURL(tc.base, "h/a b")
			if got != tc.want || (err == nil) != (tc.want != "") {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

func TestChangesStringIsBounded(t *testing.T) {
	var items []buildspec.Change
	for i := range 20000 {
		items = append(items, buildspec.Change{Project: api, Branch: "main", Number: int64(i), Patchset: "p"})
	}
	got := changesString(items)
	if len(got) > maxEnvValue || !strings.HasSuffix(got, fmt.Sprintf("^acme/api:main:%d,p", 19999)) {
		t.Errorf("%d bytes, ends %s", len(got), got[len(got)-40:])
	}
}

func TestBackoff(t *testing.T) {
	b := Backoff{First: time.Second, Max: 10 * time.Second}
	for n, seconds := range []int{1, 2, 4, 8, 10, 10} {
		if got := b.pause(n); got != time.Duration(seconds)*time.Second {
			t.Errorf("pause(%d) = %s", n, got)
		}
	}
	if got := b.pause(1 << 20); got != b.Max {
		t.Errorf("pause of very many = %s", got)
	}
}

// TestVariablesOfRefs: what was pushed has revisions; what a timer brought in has
// none, but for the commit that it asked for.
func TestVariablesOfRefs(t *testing.T) {
	for name, tc := range map[string]struct {
		change buildspec.Change
		want   map[string]any
	}{
		"a change": {buildspec.Change{Number: 7, Patchset: "c", Head: "c", Branch: "main", Ref: "refs/pull/7/head"},
			map[string]any{"change": "7", "patchset": "c", "commit_id": "c", "branch": "main", "ref": "refs/pull/7/head", "topic": nil}},
		"a push": {buildspec.Change{Patchset: "c", Head: "c", OldRev: "b", Branch: "main", Ref: "refs/heads/main"},
			map[string]any{"oldrev": "b", "newrev": "c", "commit_id": "c", "branch": "main", "ref": "refs/heads/main"}},
		"a tag": {buildspec.Change{Patchset: "c", Head: "c", OldRev: "b", Ref: "refs/tags/v1"},
			map[string]any{"oldrev": "b", "newrev": "c", "commit_id": "c", "tag": "v1", "ref": "refs/tags/v1"}},
		"a timer": {buildspec.Change{Head: "c", Branch: "main", Ref: "refs/heads/main"},
			map[string]any{"commit_id": "c", "branch": "main", "ref": "refs/heads/main"}},
		"a timer with dereference": {buildspec.Change{Patchset: "c", Head: "c", Branch: "main", Ref: "refs/heads/main"},
			map[string]any{"newrev": "c", "commit_id": "c", "branch": "main", "ref": "refs/heads/main"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := map[string]any{}
			addChange(got, &buildspec.Spec{}, tc.change)
			delete(got, "project")
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWorkspaceSchemes(t *testing.T) {
	for scheme, want := range map[string]string{"": "src/forge.example/acme/api", "flat": "src/api", "unique": "src/acme%2Fapi"} {
		s := buildspec.Spec{WorkspaceScheme: scheme, Change: buildspec.Change{Project: api}}
		if got := s.SrcDir(api); got != want {
			t.Errorf("%q: got %s, want %s", scheme, got, want)
		}
	}
	other := model.Project{Connection: "forge", Hostname: "forge.example", Name: "other/api"}
	commit := strings.Repeat("a", 40)
	s := &buildspec.Spec{WorkspaceScheme: "flat", Projects: []buildspec.Checkout{
		{Project: api, Branch: "main", Commit: commit}, {Project: other, Branch: "main", Commit: commit},
	}}
	if _, err := planWorkspace(s); err == nil || !strings.Contains(err.Error(), "src holds one src/api") {
		t.Errorf("two repositories in one place: %v", err)
	}
}

// TestPythonOfNodes: Ansible uses the Python of the node's label, else looks for one.
func TestPythonOfNodes(t *testing.T) {
	for python, want := range map[string]string{"": "auto", "auto_silent": "auto_silent", "/usr/bin/python3.12": "/usr/bin/python3.12"} {
		if got := hostOf(buildspec.Node{Python: python}).Connection["ansible_python_interpreter"]; got != want {
			t.Errorf("%q becomes %v, want %s", python, got, want)
		}
	}
}

// TestNoResults: whose fault it is that what a job returned cannot be had.
func TestNoResults(t *testing.T) {
	stopped, stop := context.WithCancel(t.Context())
	stop()
	lost, nonsense := fmt.Errorf("%w: %w", errNotRead, io.EOF), errors.New("no JSON")
	for name, c := range map[string]struct {
		ctx   context.Context
		sofar model.BuildResult
		err   error
		want  model.BuildResult
	}{
		"the executor is stopped":               {stopped, model.Success, nonsense, model.Retry},
		"the node does not answer":              {t.Context(), model.Success, lost, model.Retry},
		"it is nonsense":                        {t.Context(), model.Success, nonsense, model.BuildError},
		"it has failed, and is stopped":         {stopped, model.Failure, lost, model.Failure},
		"it has failed, and then lost the node": {t.Context(), model.TimedOut, lost, model.TimedOut},
		"it has failed, and returned nonsense":  {t.Context(), model.Failure, nonsense, model.BuildError},
	} {
		log, err := newBuildLog(filepath.Join(t.TempDir(), "log"), 1<<20, io.Discard, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		if out := (&build{log: log}).noResults(c.ctx, buildspec.Outcome{Result: c.sofar, Reason: "exit code 1"}, c.err); out.Result != c.want || out.Reason == "" {
			t.Errorf("%s: %+v", name, out)
		}
	}
}
