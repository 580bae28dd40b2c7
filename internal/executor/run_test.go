package executor

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/identity"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/token"
)

var ignoreLog = cmpopts.IgnoreFields(buildspec.Outcome{}, "LogBytes")

// Each case is a build of a project with these scripts; missing lines of the
// log are an error, and so are lines that must not be there.
func TestResults(t *testing.T) {
	ok := script("echo ran $0\n")
	for name, tc := range map[string]struct {
		files            map[string]file
		pre, run, post   []string
		timeout, postMax int64
		want             buildspec.Outcome
		has, hasNot      []string
	}{
		"success": {
			files: map[string]file{"ci/pre.sh": script("echo in pre\n"), "ci/test.sh": script("echo in run\n"), "ci/post.sh": script("echo success=$ZUUL_SUCCESS\n")},
			pre:   []string{"ci/pre.sh"}, run: []string{"ci/test.sh"}, post: []string{"ci/post.sh"},
			want: buildspec.Outcome{Result: model.Success},
			has: []string{"PRE-RUN START: [untrusted : forge.example/acme/api/ci/pre.sh@main]", "| in pre", "| in run",
				"RUN END RESULT_NORMAL: [untrusted : forge.example/acme/api/ci/test.sh@main]", "| success=true"},
		},
		"failure": {
			files: map[string]file{"t": script("echo fine; echo '--- FAIL: TestX (0.1s)'; echo more >&2; exit 3\n"), "post": script("echo success=$ZUUL_SUCCESS\n")},
			run:   []string{"t"}, post: []string{"post"},
			want: buildspec.Outcome{Result: model.Failure, ExitCode: 3, FirstFailure: "--- FAIL: TestX (0.1s)", Reason: "run t failed with exit code 3"},
			has:  []string{"| more", "| success=false"},
		},
		"second run is not reached": {
			files: map[string]file{"a": script("exit 1\n"), "b": ok}, run: []string{"a", "b"},
			want: buildspec.Outcome{Result: model.Failure, ExitCode: 1, Reason: "run a failed with exit code 1"}, hasNot: []string{"ran"},
		},
		"killed": {
			files: map[string]file{"t": script("kill -KILL $$\n")}, run: []string{"t"},
			want: buildspec.Outcome{Result: model.Failure, ExitCode: 137, Reason: "run t was killed by signal KILL; the node may be out of memory"},
		},
		"timeout": {
			files: map[string]file{"t": script("echo waiting; trap '' TERM; sleep 100\n"), "post": script("echo in post\n")},
			run:   []string{"t"}, post: []string{"post"}, timeout: 1,
			want: buildspec.Outcome{Result: model.TimedOut, FirstFailure: "waiting", Reason: "the job's timeout ended while run t ran"},
			has:  []string{"RUN END RESULT_TIMED_OUT", "| in post"},
		},
		"timeout in pre-run": {
			files: map[string]file{"p": script("exec sleep 100\n"), "t": ok}, pre: []string{"p"}, run: []string{"t"}, timeout: 1,
			want: buildspec.Outcome{Result: model.Retry, Reason: "the job's timeout ended while pre-run p ran"}, hasNot: []string{"ran"},
		},
		"pre-run fails": {
			files: map[string]file{"p": script("echo E: no network; exit 100\n"), "t": ok, "post": script("echo in post\n")},
			pre:   []string{"p"}, run: []string{"t"}, post: []string{"post"},
			want: buildspec.Outcome{Result: model.Retry, ExitCode: 100, FirstFailure: "E: no network", Reason: "pre-run p failed with exit code 100"},
			has:  []string{"| in post"}, hasNot: []string{"ran"},
		},
		"post-run fails": {
			files: map[string]file{"t": ok, "p1": script("exit 2\n"), "p2": script("echo second post\n")},
			run:   []string{"t"}, post: []string{"p1", "p2"},
			want: buildspec.Outcome{Result: model.PostFailure, ExitCode: 2, Reason: "post-run p1 failed with exit code 2"},
			has:  []string{"| second post"},
		},
		"post-run fails after a failure": {
			files: map[string]file{"t": script("exit 4\n"), "p": script("exit 2\n")}, run: []string{"t"}, post: []string{"p"},
			want: buildspec.Outcome{Result: model.Failure, ExitCode: 4, Reason: "run t failed with exit code 4"},
		},
		"post-run takes too long": {
			files: map[string]file{"t": ok, "p": script("sleep 100\n")}, run: []string{"t"}, post: []string{"p"}, postMax: 1,
			want: buildspec.Outcome{Result: model.PostFailure, Reason: "post-run p took longer than the job's post-timeout"},
		},
		"not executable": {
			files: map[string]file{"t": {body: "echo by the shell\n", plain: true}}, run: []string{"t"},
			want: buildspec.Outcome{Result: model.Success}, has: []string{"| by the shell"},
		},
		"name that needs quoting": {
			files: map[string]file{"it's $(a) test": script("echo quoted\n")}, run: []string{"it's $(a) test"},
			want: buildspec.Outcome{Result: model.Success}, has: []string{"| quoted"},
		},
		"no such script": {
			files: map[string]file{"t": ok}, run: []string{"missing"},
			want: buildspec.Outcome{Result: model.BuildError, Reason: "playbook missing cannot be run: there is no such file in acme/api on branch main, or it is a link that leads out of the repository"},
		},
		"link out of the repository": {
			files: map[string]file{"t": {link: "../../../../../../../../../../../bin/true"}}, run: []string{"t"},
			want: buildspec.Outcome{Result: model.BuildError, Reason: "playbook t cannot be run: there is no such file in acme/api on branch main, or it is a link that leads out of the repository"},
		},
		"path out of the repository": {
			files: map[string]file{"t": ok}, run: []string{"../t"},
			want: buildspec.Outcome{Result: model.BuildError, Reason: `playbook "../t" of acme/api: not a name that can be a path`},
		},
		"nothing to run": {
			files: map[string]file{"t": ok}, post: []string{"t"},
			want: buildspec.Outcome{Result: model.BuildError, Reason: "job unit has nothing to run: give it a `run` playbook"}, hasNot: []string{"ran"},
		},
		"daemon is left for post-run": {
			files: map[string]file{"t": script("sleep 100 & echo $! > pid\n"), "p": script("kill $(cat pid)\n")}, run: []string{"t"}, post: []string{"p"},
			want: buildspec.Outcome{Result: model.Success},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.project(tc.files)
			w.spec.PreRun, w.spec.Run, w.spec.PostRun = w.playbooks(tc.pre...), w.playbooks(tc.run...), w.playbooks(tc.post...)
			w.spec.TimeoutSeconds, w.spec.PostTimeoutSeconds = tc.timeout, tc.postMax
			got, log := w.run()
			if diff := cmp.Diff(tc.want, got, ignoreLog); diff != "" {
				t.Errorf("outcome: -want +got:\n%s\n%s", diff, log)
			}
			for _, s := range tc.has {
				if !strings.Contains(log, s) {
					t.Errorf("the log has no %q:\n%s", s, log)
				}
			}
			for _, s := range tc.hasNot {
				if strings.Contains(log, "| "+s) {
					t.Errorf("the log has %q:\n%s", s, log)
				}
			}
			if got.LogBytes <= 0 {
				t.Error("the log was not stored")
			}
		})
	}
}

func TestLogForm(t *testing.T) {
	w := newWorld(t)
	w.opts.Now = func() time.Time { return time.Date(2026, 11, 21, 1, 2, 3, 123456789, time.UTC) }
	w.project(map[string]file{"t": script("printf 'bad \\377 utf-8\\nprogress 1\\rprogress 2\\r\\nno newline'\n")})
	w.spec.Run = w.playbooks("t")
	_, log := w.run()
	line := regexp.MustCompile(`^2026-11-21 01:02:03\.123456 \| `)
	for l := range strings.Lines(log) {
		if !line.MatchString(l) {
			t.Errorf("line %q", l)
		}
	}
	for _, s := range []string{"| bad \ufffd utf-8\n", "| progress 1\n", "| progress 2\n", "| no newline\n"} {
		if !strings.Contains(log, s) {
			t.Errorf("no %q in\n%s", s, log)
		}
	}
}

func TestLogLimit(t *testing.T) {
	w := newWorld(t)
	w.opts.MaxLogBytes = 4000
	w.project(map[string]file{"t": script("i=0; while [ $i -lt 500 ]; do echo line $i; i=$((i+1)); done; exit 5\n")})
	w.spec.Run = w.playbooks("t")
	out, log := w.run()
	if out.Result != model.Failure || out.FirstFailure != "line 499" {
		t.Errorf("outcome %+v", out)
	}
	if strings.Contains(log, "line 499") || !strings.Contains(log, "reached its limit of 4000 bytes") || !strings.Contains(log, "RUN END") {
		t.Errorf("log:\n%s", log)
	}
}

func TestEnvironmentAndVariables(t *testing.T) {
	w := newWorld(t)
	nasty := "it's \"a\"\nbranch $(touch hacked) `id` \\"
	w.spec.Change.URL = nasty
	w.spec.Vars = map[string]any{"flavour": nasty, "zuul": "mine"}
	w.project(map[string]file{"t": script(`env -0 > "$GOZER_LOG_DIR/env"; cp "$ZUUL_VARS_FILE" "$GOZER_LOG_DIR/vars"; pwd > "$GOZER_LOG_DIR/pwd"` + "\n")})
	w.checkout(lib, "stable", map[string]file{"README": {body: "lib"}})
	w.spec.Run = w.playbooks("t")
	if out, log := w.run(); out.Result != model.Success {
		t.Fatalf("%+v\n%s", out, log)
	}
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(w.home, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	env := map[string]string{}
	for kv := range strings.SplitSeq(read("logs/env"), "\x00") {
		k, v, _ := strings.Cut(kv, "=")
		env[k] = v
	}
	for k, want := range map[string]string{
		"ZUUL_CHANGE": "7", "ZUUL_PATCHSET": "abc", "ZUUL_PROJECT": "acme/api", "ZUUL_BRANCH": "main", "ZUUL_PIPELINE": "gate",
		"ZUUL_REF": "refs/pull/7/head", "ZUUL_BUILDSET": "bs-1", "ZUUL_BUILD": "build-1", "ZUUL_UUID": "build-1", "ZUUL_JOB": "unit",
		"ZUUL_TENANT": "acme", "ZUUL_VOTING": "true", "ZUUL_CHANGE_URL": nasty, "CI": "true",
		"ZUUL_CHANGES": "acme/lib:stable:3,2^acme/api:main:7,abc", "HOME": w.home,
	} {
		if env[k] != want {
			t.Errorf("%s = %q, want %q", k, env[k], want)
		}
	}
	if strings.Contains(read("logs/env"), gitToken) {
		t.Error("the git token is in the environment of the node")
	}
	if got := strings.TrimSpace(read("logs/pwd")); got != filepath.Join(w.home, "src/forge.example/acme/api") {
		t.Errorf("ran in %s", got)
	}
	if read("src/forge.example/acme/lib/README") != "lib" {
		t.Error("the other project is not there")
	}
	var vars struct {
		Flavour string
		Zuul    struct {
			Build, Change, Branch string
			Project               struct {
				SrcDir string `json:"src_dir"`
			}
			Projects map[string]struct{ Checkout, Commit string }
			Items    []struct{ Change string }
		}
	}
	if err := json.Unmarshal([]byte(read("logs/vars")), &vars); err != nil {
		t.Fatal(err)
	}
	if vars.Flavour != nasty || vars.Zuul.Build != "build-1" || vars.Zuul.Change != "7" || len(vars.Zuul.Items) != 2 ||
		vars.Zuul.Project.SrcDir != "src/forge.example/acme/api" || vars.Zuul.Projects["forge.example/acme/lib"].Checkout != "stable" {
		t.Errorf("variables %+v", vars)
	}
}

// What a job sees of git is the state, not where it is from.
func TestCheckoutOnTheNode(t *testing.T) {
	w := newWorld(t)
	w.project(map[string]file{"link": {link: "/etc/passwd"}, "t": script(
		"git remote; git branch --show-current; git status --porcelain; git describe --tags; git for-each-ref --format='%(refname)'; ls .git/hooks 2>&1 | wc -l; cat .git/config; readlink link\n")})
	w.spec.Run = w.playbooks("t")
	out, log := w.run()
	if out.Result != model.Success {
		t.Fatalf("%+v\n%s", out, log)
	}
	for _, s := range []string{"| main\n", "| v1.0\n", "| refs/heads/main\n", "| /etc/passwd\n"} {
		if !strings.Contains(log, s) {
			t.Errorf("no %q in\n%s", s, log)
		}
	}
	for _, s := range []string{"| origin", "| ??", "| 127.0.0.1", "remote", "refs/gozer", "Authorization", gitToken} {
		if strings.Contains(log, s) {
			t.Errorf("%q in\n%s", s, log)
		}
	}
}

// The workspace has all branches and tags of the prepared state, and is at a tag
// when that is what the job asks for.
func TestWorkspaceHasAllBranchesAndTags(t *testing.T) {
	w := newWorld(t)
	w.project(map[string]file{"t": script("cd ../lib; git for-each-ref --format='%(refname)'; git status | head -1; git describe --tags; git diff stable v1.0 && echo same\n")})
	lib := model.Project{Connection: "forge", Hostname: "forge.example", Name: "acme/lib"}
	commit := w.repo(lib, "main", map[string]file{"README": {body: "lib\n"}})
	bare := filepath.Join(w.dir, "repos", lib.Canonical())
	w.git(bare, "branch", "stable", "main")
	w.git(bare, "tag", "-a", "-m", "two", "v2.0", "main")
	w.spec.Projects = append(w.spec.Projects, buildspec.Checkout{Project: lib, Tag: "v2.0", Commit: commit, Required: true})
	w.spec.Run = w.playbooks("t")
	out, log := w.run()
	if out.Result != model.Success {
		t.Fatalf("%+v\n%s", out, log)
	}
	for _, s := range []string{"Fetching forge.example/acme/lib v2.0 at", "| refs/heads/main\n", "| refs/heads/stable\n", "| refs/tags/v1.0\n", "| refs/tags/v2.0\n", "| HEAD detached at ", "| v2.0\n", "| same\n"} {
		if !strings.Contains(log, s) {
			t.Errorf("no %q in\n%s", s, log)
		}
	}
}

// A script of another project runs in its own checkout; a trusted one in a
// checkout that the change has not touched.
func TestScriptsOfOtherProjects(t *testing.T) {
	w := newWorld(t)
	w.project(map[string]file{"t": script("echo from the change; echo evil > ../../../src/forge.example/acme/config/hello 2>/dev/null; true\n")})
	commit := w.repo(config, "main", map[string]file{"playbooks/pre": script("pwd; cat hello; ls \"$GOZER_PROJECT_DIR\"\n"), "hello": {body: "hello from config\n"}})
	w.spec.PreRun = []buildspec.Playbook{{Path: "playbooks/pre", Project: config, Branch: "main", Commit: commit, Trusted: true}}
	w.spec.Run = w.playbooks("t")
	out, log := w.run()
	want := []string{"PRE-RUN START: [trusted : forge.example/acme/config/playbooks/pre@main]",
		"playbooks/trusted/project_0/forge.example/acme/config\n", "| hello from config\n", "| t\n", "| from the change\n"}
	for _, s := range want {
		if !strings.Contains(log, s) {
			t.Errorf("%+v: no %q in\n%s", out, s, log)
		}
	}
}

func TestWrongCommit(t *testing.T) {
	w := newWorld(t)
	w.project(map[string]file{"t": script("echo ran\n")})
	w.spec.Run = w.playbooks("t")
	w.spec.Projects[0].Commit = strings.Repeat("a", 40)
	out, log := w.run()
	if out.Result != model.Retry || !strings.Contains(out.Reason, "is not at the commit of the tested state") || strings.Contains(log, "| ran") {
		t.Errorf("%+v\n%s", out, log)
	}
}

func TestGitServerAway(t *testing.T) {
	for name, tc := range map[string]struct {
		refused int64
		want    model.BuildResult
	}{
		"and back": {4, model.Success},
		"for good": {1 << 30, model.Retry},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.project(map[string]file{"t": script("echo ran\n")})
			w.spec.Run = w.playbooks("t")
			w.gitAway.Store(tc.refused)
			out, log := w.run()
			if out.Result != tc.want || !strings.Contains(log, "trying again") {
				t.Errorf("%+v\n%s", out, log)
			}
			if out.Result == model.Retry && !strings.Contains(out.Reason, "cannot fetch forge.example/acme/api main") {
				t.Errorf("reason %q", out.Reason)
			}
		})
	}
}

// The token goes to the merger of the installation, and to nobody else.
func TestGitServerIsChecked(t *testing.T) {
	key := token.Key(strings.Repeat("k", 32))
	for name, tc := range map[string]struct {
		server token.Key
		want   model.BuildResult
		words  string
	}{
		"the installation's": {key, model.Success, ""},
		"another's":          {token.NewKey(), model.Retry, "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.project(map[string]file{"t": script("echo ran\n")})
			w.spec.Run = w.playbooks("t")
			asked := w.serveGitOverTLS(tc.server)
			self, err := identity.New(key, identity.Manager, time.Now)
			if err != nil {
				t.Fatal(err)
			}
			w.spec.GitAuthority = self.AuthorityPEM()
			out, log := w.run()
			if out.Result != tc.want || !strings.Contains(out.Reason, tc.words) {
				t.Errorf("%+v\n%s", out, log)
			}
			if got := asked.Load() > 0; got != (tc.want == model.Success) {
				t.Errorf("the server was asked: %v", got)
			}
		})
	}
}

// What no merger has is not asked for again: only another attempt has it published.
func TestStateIsNotPublishedAnyMore(t *testing.T) {
	w := newWorld(t)
	w.project(map[string]file{"t": script("echo ran\n")})
	w.spec.Run = w.playbooks("t")
	if err := os.Rename(filepath.Join(w.dir, "repos"), filepath.Join(w.dir, "gone")); err != nil {
		t.Fatal(err)
	}
	out, log := w.run()
	if out.Result != model.Retry || !strings.Contains(out.Reason, "forge.example/acme/api main is not published any more") || strings.Contains(log, "trying again") {
		t.Errorf("%+v\n%s", out, log)
	}
}

// A server that takes connections and says nothing must not hold the build.
func TestGitServerHangs(t *testing.T) {
	w := newWorld(t)
	w.project(map[string]file{"t": script("echo ran\n")})
	w.spec.Run = w.playbooks("t")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	w.spec.GitURL = "http://" + l.Addr().String()
	w.opts.FetchTimeout = 300 * time.Millisecond
	out, _ := w.run()
	if out.Result != model.Retry || out.Reason != "the repositories could not be fetched within 300ms" {
		t.Errorf("%+v", out)
	}
}

func TestLogServerAway(t *testing.T) {
	for name, tc := range map[string]struct {
		refused int64
		giveUp  time.Duration
		stored  bool
	}{
		"and back": {10, time.Minute, true},
		"for good": {1 << 30, 100 * time.Millisecond, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.opts.LogGiveUp = tc.giveUp
			w.project(map[string]file{"t": script("echo ran\n")})
			w.spec.Run = w.playbooks("t")
			w.logAway.Store(tc.refused)
			out, log := w.run()
			if out.Result != model.Success || (out.LogBytes > 0) != tc.stored || tc.stored != strings.Contains(log, "| ran") {
				t.Errorf("%+v\n%s", out, log)
			}
		})
	}
}

func TestNodeIsLost(t *testing.T) {
	for name, tc := range map[string]struct {
		pre, run []string
		want     string
	}{
		"in run":     {nil, []string{"t"}, "the connection to node node-1 broke while t ran in run"},
		"in pre-run": {[]string{"t"}, []string{"never"}, "the connection to node node-1 broke while t ran in pre-run"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.project(map[string]file{"t": script("echo started; sleep 100\n"), "never": script("echo ran\n")})
			w.spec.PreRun, w.spec.Run, w.spec.PostRun = w.playbooks(tc.pre...), w.playbooks(tc.run...), w.playbooks("never")
			w.out.after("| started", w.stopNode)
			out, log := w.run()
			if out.Result != model.Retry || !strings.HasPrefix(out.Reason, tc.want) {
				t.Errorf("%+v\n%s", out, log)
			}
			if strings.Contains(log, "| ran") || !strings.Contains(log, "END RESULT_UNREACHABLE") {
				t.Errorf("log:\n%s", log)
			}
		})
	}
}

func TestNodeIsAnother(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*world)
		want   string
	}{
		"another host key": {func(w *world) {
			other, _ := newKey(w.t)
			w.spec.Nodes[0].HostKey = string(marshalKey(other))
		}, "node node-1: another machine answers at its address"},
		"nobody there":   {func(w *world) { w.stopNode(); w.opts.NodeTimeout = 100 * time.Millisecond }, "node node-1 did not answer within 100ms"},
		"no agent there": {func(w *world) { w.opts.AgentBinary = "/no/such/agent" }, "node node-1 could not take the workspace"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.project(map[string]file{"t": script("echo ran\n")})
			w.spec.Run = w.playbooks("t")
			tc.change(w)
			out, _ := w.run()
			if out.Result != model.Retry || !strings.HasPrefix(out.Reason, tc.want) {
				t.Errorf("%+v", out)
			}
		})
	}
}

func TestStop(t *testing.T) {
	for name, logAway := range map[string]int64{"log server there": 0, "log server away": 1 << 30} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.opts.LogOnStop = 200 * time.Millisecond
			w.project(map[string]file{"t": script("trap '' TERM\necho $$ > $GOZER_LOG_DIR/pid; echo started; sleep 100; echo ran\n")})
			w.spec.Run, w.spec.PostRun = w.playbooks("t"), w.playbooks("t")
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			w.out.after("| started", func() {
				w.logAway.Store(logAway)
				stop()
			})
			begin := time.Now()
			out, log := w.runWith(ctx)
			if out.Result != model.Retry || out.Reason != stoppedReason || strings.Contains(log, "| ran") {
				t.Errorf("%+v\n%s", out, log)
			}
			if (out.LogBytes < 0) != (logAway > 0) {
				t.Errorf("log bytes %d", out.LogBytes)
			}
			if took := time.Since(begin); took > 20*time.Second {
				t.Errorf("took %s", took)
			}
			raw, err := os.ReadFile(filepath.Join(w.home, "logs/pid"))
			if err != nil {
				t.Fatal(err)
			}
			pid, err := strconv.Atoi(strings.TrimSpace(string(raw)))
			if err != nil {
				t.Fatal(err)
			}
			groupGone(t, pid)
		})
	}
}

// TestCleanUp: playbooks that clean up run when the executor is stopped as well,
// and what becomes of them does not count.
func TestCleanUp(t *testing.T) {
	for name, tc := range map[string]struct {
		stop bool
		want model.BuildResult
		has  []string
		not  []string
	}{
		"to the end": {false, model.Success, []string{"| after", "| cleaned up", "| cleaned up too"}, nil},
		"stopped":    {true, model.Retry, []string{"| cleaned up", "| cleaned up too", "POST-RUN END RESULT_TIMED_OUT"}, []string{"| after", "| ran"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.opts.CleanupTimeout = 2 * time.Second
			run := "echo started\n"
			if tc.stop {
				run += "sleep 100; echo ran\n"
			}
			hangs := "true\n"
			if tc.stop {
				hangs = "sleep 100\n"
			}
			w.project(map[string]file{"t": script(run), "after": script("echo after\n"), "fails": script("echo cleaned up; exit 1\n"), "hangs": script(hangs), "last": script("echo cleaned up too\n")})
			w.spec.Run, w.spec.PostRun = w.playbooks("t"), w.playbooks("fails", "after", "hangs", "last")
			for _, n := range []int{0, 2, 3} {
				w.spec.PostRun[n].Cleanup = true
			}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			if tc.stop {
				w.out.after("| started", stop)
			}
			out, log := w.runWith(ctx)
			if out.Result != tc.want {
				t.Errorf("%+v", out)
			}
			for _, line := range tc.not {
				if strings.Contains(log, line) {
					t.Errorf("the log has %q:\n%s", line, log)
				}
			}
			for _, line := range tc.has {
				if !strings.Contains(log, line) {
					t.Errorf("the log lacks %q:\n%s", line, log)
				}
			}
		})
	}
}

// groupGone polls: the processes are nobody's children here.
func groupGone(t *testing.T, pid int) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !errors.Is(syscall.Kill(-pid, 0), syscall.ESRCH) {
		select {
		case <-deadline:
			t.Fatal("the process group is still there")
		case <-tick.C:
		}
	}
}

func TestBrokenSetUp(t *testing.T) {
	w := newWorld(t)
	w.write("spec.json", []byte("{"))
	if err := Run(t.Context(), w.opts); err == nil {
		t.Error("no error for a specification that is none")
	}
	raw, err := os.ReadFile(w.opts.OutcomeFile)
	if err != nil || !strings.Contains(string(raw), `"result":"ERROR"`) {
		t.Errorf("outcome %s, %v", raw, err)
	}
}
