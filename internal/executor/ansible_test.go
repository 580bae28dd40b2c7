package executor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/ansible"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/nodeagent"
)

// withAnsible starts what are containers of their own in a Pod.
func (w *world) withAnsible() {
	w.t.Helper()
	// The path of a socket has at most 107 bytes.
	dir, err := os.MkdirTemp("", "gozer")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { os.RemoveAll(dir) })
	w.opts.RunnersDir = filepath.Join(dir, "run")
	w.opts.TrustedDir, w.opts.UntrustedDir, w.opts.AnsibleDir = filepath.Join(dir, "trusted"), filepath.Join(dir, "untrusted"), filepath.Join(dir, "ansible")
	for _, name := range []string{buildspec.RunnerTrusted, buildspec.RunnerUntrusted} {
		w.startRunner(name)
	}
}

func (w *world) startRunner(name string) {
	w.t.Helper()
	dir := filepath.Join(w.opts.RunnersDir, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		w.t.Fatal(err)
	}
	o := nodeagent.Options{
		Socket: filepath.Join(dir, buildspec.RunnerSocket), Home: filepath.Join(dir, "home"),
		KillGrace: 200 * time.Millisecond, Linger: 200 * time.Millisecond, Logf: func(string, ...any) {},
	}
	ctx, stop := context.WithCancel(context.Background())
	if w.stopRunners == nil {
		w.stopRunners = map[string]func(){}
	}
	w.stopRunners[name] = stop
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := nodeagent.Run(ctx, o); err != nil {
			w.t.Errorf("runner: %v", err)
		}
	}()
	w.t.Cleanup(func() {
		stop()
		<-done
	})
}

func text(body string) file { return file{body: body, plain: true} }

// withoutTimes are those of the log without their times.
func withoutTimes(log string) string {
	return regexp.MustCompile(`(?m)^[-0-9: .]{26} \| `).ReplaceAllString(log, "")
}

func wants(t *testing.T, log string, has, hasNot []string) {
	t.Helper()
	log = withoutTimes(log)
	for _, l := range has {
		if !strings.Contains(log, l) {
			t.Errorf("the log lacks %q", l)
		}
	}
	for _, l := range hasNot {
		if strings.Contains(log, l) {
			t.Errorf("the log has %q", l)
		}
	}
	if t.Failed() {
		t.Logf("the log:\n%s", log)
	}
}

func TestAnsiblePlaybook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.withAnsible()
	w.project(map[string]file{
		"playbooks/pre.yaml": text(`
- hosts: all
  tasks:
    - name: Say where we are
      command: echo on {{ inventory_hostname }}
    - set_fact: {cached_word: kept, cacheable: true}
`),
		"playbooks/run.yaml": text(`
- hosts: localhost
  tasks:
    - name: On the executor
      shell: |
        echo first; echo second >&2
    - debug: {msg: "src is {{ zuul.executor.src_root }}, job {{ zuul.job }}, word {{ greeting }}"}
- hosts: all
  tasks:
    - debug: {msg: "cached {{ cached_word }} in group {{ group_names }}"}
    - name: A loop
      command: echo {{ item }}
      loop: [a, b]
    - stat: {path: /etc/passwd}
      register: passwd
    - assert: {that: passwd.stat.exists}
`),
		"playbooks/post.yaml": text(`
- hosts: all
  tasks:
    - debug: {msg: "success {{ zuul_success }} phase {{ zuul_execution_phase }}"}
`),
	})
	w.spec.Nodes[0].Groups = []string{"web"}
	w.spec.Vars = map[string]any{"greeting": "hello {{ name }}", "name": "you"}
	w.spec.PreRun, w.spec.Run, w.spec.PostRun = w.playbooks("playbooks/pre.yaml"), w.playbooks("playbooks/run.yaml"), w.playbooks("playbooks/post.yaml")
	out, log := w.run()
	if diff := cmp.Diff(buildspec.Outcome{Result: model.Success}, out, ignoreLog); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
	wants(t, log, []string{
		"PRE-RUN START: [untrusted : forge.example/acme/api/playbooks/pre.yaml@main]",
		"\n\nPLAY [all]\n\nTASK [Gathering Facts]\nnode-1 | ok\n\nTASK [Say where we are]\nnode-1 | on node-1\nnode-1 | ok: Runtime: ",
		"TASK [On the executor]\nlocalhost | first\nlocalhost | second\nlocalhost | ok: Runtime: ",
		"src is " + w.opts.WorkDir + "/src, job unit, word hello you",
		"cached kept in group ['web']",
		"LOOP [A loop]\nnode-1 | a\nnode-1 | ok: Item: a Runtime: ",
		"node-1 | changed: All items complete",
		"node-1 | ok: All assertions passed",
		"PLAY RECAP\nlocalhost | ok: ",
		"success True phase post",
		"POST-RUN END RESULT_NORMAL: [untrusted : forge.example/acme/api/playbooks/post.yaml@main]",
	}, []string{"WARNING", "Sending the workspace"})
	raw, err := os.ReadFile(filepath.Join(w.opts.WorkDir, "logs/job-output.json"))
	if err != nil {
		t.Fatal(err)
	}
	var record []struct {
		Phase, Playbook string
		Plays           []struct {
			Tasks []struct {
				Task  struct{ Name string }
				Hosts map[string]map[string]any
			}
		}
	}
	if err := json.Unmarshal(raw, &record); err != nil {
		t.Fatal(err)
	}
	if len(record) < 2 || record[0].Phase != "pre" || record[0].Plays[0].Tasks[1].Hosts["node-1"]["stdout"] != "on node-1" {
		t.Errorf("job-output.json is %s", raw)
	}
}

// Each case is a job with a playbook, and perhaps others, of the change's project.
func TestAnsibleResults(t *testing.T) {
	t.Parallel()
	play := func(tasks string) file { return text("- hosts: all\n  gather_facts: false\n  tasks:\n" + tasks) }
	ok := play("    - debug: {msg: it ran}\n")
	for name, tc := range map[string]struct {
		files          map[string]file
		pre, run, post []string
		timeout        int64
		attempt        int
		want           buildspec.Outcome
		has, hasNot    []string
	}{
		"a command fails": {
			files: map[string]file{"run.yaml": play("    - name: Test\n      shell: |\n        echo fine\n        echo '--- FAIL: TestX (0.1s)'\n        exit 3\n"), "post.yaml": ok},
			run:   []string{"run.yaml"}, post: []string{"post.yaml"},
			want: buildspec.Outcome{Result: model.Failure, ExitCode: 2, FirstFailure: "--- FAIL: TestX (0.1s)", Reason: "run run.yaml failed with exit code 2"},
			has:  []string{"node-1 | --- FAIL: TestX (0.1s)\nnode-1 | ERROR\nnode-1 | {", `node-1 |   "rc": 3`, "it ran"},
		},
		"an assertion fails": {
			files: map[string]file{"run.yaml": play("    - fail: {msg: this is wrong}\n")}, run: []string{"run.yaml"},
			want: buildspec.Outcome{Result: model.Failure, ExitCode: 2, FirstFailure: "this is wrong", Reason: "run run.yaml failed with exit code 2"},
			has:  []string{"node-1 | ERROR: this is wrong"},
		},
		"a failure is ignored, another rescued": {
			files: map[string]file{"run.yaml": play("    - command: /bin/false\n      ignore_errors: true\n    - block:\n        - fail: {msg: rescued}\n      rescue:\n        - debug: {msg: all good}\n")},
			run:   []string{"run.yaml"}, want: buildspec.Outcome{Result: model.Success},
			has: []string{"node-1 | ERROR: Ignoring Errors", "all good"},
		},
		"pre-run fails": {
			files: map[string]file{"pre.yaml": play("    - fail: {msg: no network}\n"), "run.yaml": ok}, pre: []string{"pre.yaml"}, run: []string{"run.yaml"},
			want: buildspec.Outcome{Result: model.Retry, ExitCode: 2, FirstFailure: "no network", Reason: "pre-run pre.yaml failed with exit code 2"}, hasNot: []string{"it ran"},
		},
		"pre-run fails for good": {
			files: map[string]file{"pre.yaml": play("    - zuul_return: {data: {zuul: {retry: false}}}\n    - fail: {msg: never}\n"), "run.yaml": ok}, pre: []string{"pre.yaml"}, run: []string{"run.yaml"},
			want: buildspec.Outcome{Result: model.Failure, ExitCode: 2, FirstFailure: "never", Reason: "pre-run pre.yaml failed with exit code 2"}, hasNot: []string{"it ran"},
		},
		"the time is up": {
			files: map[string]file{"run.yaml": play("    - shell: echo waiting; sleep 100\n"), "post.yaml": ok}, run: []string{"run.yaml"}, post: []string{"post.yaml"}, timeout: 20,
			want: buildspec.Outcome{Result: model.TimedOut, FirstFailure: "node-1 | waiting", Reason: "the job's timeout ended while run run.yaml ran"},
			has:  []string{"node-1 | waiting", "RUN END RESULT_TIMED_OUT", "it ran"},
		},
		"a node cannot be reached": {
			files: map[string]file{"run.yaml": play("    - add_host: {name: gone, ansible_host: 127.0.0.1, ansible_port: 1}\n    - command: echo never\n      delegate_to: gone\n"), "post.yaml": ok},
			run:   []string{"run.yaml"}, post: []string{"post.yaml"},
			want: buildspec.Outcome{Result: model.Retry, ExitCode: 0},
			has:  []string{"RUN END RESULT_UNREACHABLE", "it ran"},
		},
		"no YAML": {
			files: map[string]file{"run.yaml": text("- hosts: [\n")}, run: []string{"run.yaml"},
			want: buildspec.Outcome{Result: model.Failure, ExitCode: 4, Reason: "run run.yaml failed with exit code 4"},
			has:  []string{"ERROR! We were unable to read either as JSON nor YAML"},
		},
		"no such playbook": {
			files: map[string]file{"run.yaml": ok}, run: []string{"other.yaml"},
			want: buildspec.Outcome{Result: model.BuildError, Reason: "playbook other.yaml cannot be run: there is no such file in acme/api on branch main, or it is a link that leads out of the repository"},
		},
		"nothing is shown of no_log": {
			files: map[string]file{"run.yaml": play("    - shell: echo precious; exit 1\n      no_log: true\n")}, run: []string{"run.yaml"},
			want: buildspec.Outcome{Result: model.Failure, ExitCode: 2, Reason: "run run.yaml failed with exit code 2"},
			has:  []string{"Output suppressed because no_log was given"}, hasNot: []string{"precious"},
		},
		"a script after a playbook": {
			files: map[string]file{"pre.yaml": play("    - copy: {content: from ansible, dest: note}\n"), "t.sh": script("cat \"$HOME/note\"; test -d \"$GOZER_SRC_DIR\"\n")},
			pre:   []string{"pre.yaml"}, run: []string{"t.sh"}, want: buildspec.Outcome{Result: model.Success}, has: []string{"from ansible"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.withAnsible()
			w.project(tc.files)
			w.spec.PreRun, w.spec.Run, w.spec.PostRun = w.playbooks(tc.pre...), w.playbooks(tc.run...), w.playbooks(tc.post...)
			w.spec.TimeoutSeconds = tc.timeout
			out, log := w.run()
			if name == "a node cannot be reached" {
				if !strings.HasPrefix(out.Reason, "Host unreachable: node-1: ") {
					t.Errorf("the reason is %q", out.Reason)
				}
				out.Reason, out.FirstFailure, out.ExitCode = "", "", 0
			}
			if strings.Contains(name, "YAML") || strings.Contains(name, "no_log") {
				out.FirstFailure = "" // Ansible's own words
			}
			if diff := cmp.Diff(tc.want, out, ignoreLog); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
			wants(t, log, tc.has, tc.hasNot)
		})
	}
}

// TestAnsibleRoles: from a repository of roles, one that is a role, and the playbook's own.
func TestAnsibleRoles(t *testing.T) {
	t.Parallel()
	for _, implicit := range []bool{true, false} {
		t.Run(fmt.Sprintf("implicit=%t", implicit), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.withAnsible()
			w.rolesOf(implicit)
			out, log := w.run()
			if implicit {
				if out.Result != model.Success {
					t.Errorf("outcome %+v", out)
				}
				wants(t, log, []string{"shared role", "role of its own"}, nil)
			} else if out.Result != model.BuildError || !strings.HasPrefix(out.Reason, "Unable to find role in forge.example/acme/api") {
				t.Errorf("outcome %+v", out)
			}
		})
	}
}

func (w *world) rolesOf(implicit bool) {
	w.t.Helper()
	say := func(what string) file { return text("- debug: {msg: " + what + "}\n") }
	w.project(map[string]file{
		"run.yaml": text("- hosts: localhost\n  gather_facts: false\n  roles: [shared, alone]\n"),
	})
	commit := w.repo(lib, "main", map[string]file{"roles/shared/tasks/main.yaml": say("shared role")})
	bare := model.Project{Connection: "forge", Hostname: "forge.example", Name: "acme/ansible-role-alone"}
	alone := w.repo(bare, "main", map[string]file{"tasks/main.yaml": say("role of its own")})
	w.spec.Run = w.playbooks("run.yaml")
	w.spec.Run[0].Roles = []buildspec.Role{
		{Project: api, Branch: "main", Commit: w.spec.Run[0].Commit, Name: "api", Implicit: implicit},
		{Project: lib, Branch: "main", Commit: commit, Name: "lib"},
		{Project: bare, Branch: "main", Commit: alone, Name: "alone"},
	}
}

// TestTrustedIsApart: what a change plants does nothing to playbooks of config projects.
func TestTrustedIsApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.withAnsible()
	w.opts.SecretsFile = w.write("secrets.json", []byte(`{"deploy": {"password": "geheim-123", "template": "{{ 1 + 1 }}", "large": 12345678901234567890}}`))
	w.project(map[string]file{"pre.yaml": text(`
- hosts: localhost
  tasks:
    - shell: mkdir -p ~/.ansible/collections ~/.local && echo '[alias]' > ~/.gitconfig && ls {{ zuul.executor.work_root }}
    - shell: ln -sf /etc/hostname logs/planted; ls -la
    - shell: cat ` + w.opts.SecretsFile + ` ` + w.opts.ClientKeyFile + ` || true
      when: false
    - set_fact: {ansible_python_interpreter: /work/evil, passed_on: "{{ 'a fact' }}", cacheable: true}
`), "post.yaml": text("- hosts: localhost\n  gather_facts: false\n  tasks: []\n")})
	commit := w.repo(config, "main", map[string]file{"deploy.yaml": text(`
- hosts: localhost
  tasks:
    - debug: {msg: "{{ passed_on }}, {{ deploy.large }}, {{ templated }}, {{ raw }}"}
    - shell: echo home $HOME, password {{ deploy.password }}
    - debug: {msg: "branch {{ zuul.branch }}"}
    - stat: {path: "~/.gitconfig"}
      register: planted
    - assert: {that: [not planted.stat.exists, deploy.template | length == 11]}
`)})
	w.spec.Change.Branch = "{{ lookup('pipe', 'echo evaluated') }}"
	w.spec.Vars = map[string]any{"templated": "{{ 'evaluated once' }}", "raw": "{{ '{{' }} lookup('pipe', 'id') }}"}
	w.spec.PreRun = w.playbooks("pre.yaml")
	w.spec.PostRun = w.playbooks("post.yaml") // what it finds in logs has all before
	w.spec.Run = []buildspec.Playbook{{
		Path: "deploy.yaml", Project: config, Branch: "main", Commit: commit, Trusted: true,
		Secrets: []buildspec.PlaybookSecret{{Alias: "deploy", Secret: "deploy"}},
	}}
	out, log := w.run()
	if out.Result != model.Success {
		t.Errorf("outcome %+v", out)
	}
	wants(t, log, []string{
		"RUN START: [trusted : forge.example/acme/config/deploy.yaml@main]",
		"a fact, 12345678901234567890, evaluated once, {{ lookup('pipe', 'id') }}",
		"home " + filepath.Join(w.opts.RunnersDir, "trusted/home") + ", password ***",
		"branch {{ lookup('pipe', 'echo evaluated') }}",
	}, []string{"geheim-123", "uid="})
	raw, err := os.ReadFile(filepath.Join(w.opts.WorkDir, "logs/job-output.json"))
	if err != nil || !strings.Contains(string(raw), "password ***") || strings.Contains(string(raw), "geheim-123") {
		t.Errorf("the record in the work directory, %v:\n%s", err, raw)
	}
}

// TestLinksLeadNowhere: what untrusted playbooks put in the place of a directory
// that the executor looks into.
func TestLinksLeadNowhere(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"keys", "run/trusted/facts", "run/untrusted"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "keys/secrets.json"), []byte(`{"word": "geheim"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "keys"), filepath.Join(dir, "run/untrusted/facts")); err != nil {
		t.Fatal(err)
	}
	log, err := newBuildLog(filepath.Join(dir, "log"), 1<<20, io.Discard, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	b := &build{log: log, ansible: &ansibleRunners{
		untrusted: &runner{dir: filepath.Join(dir, "run/untrusted")}, trusted: &runner{dir: filepath.Join(dir, "run/trusted")},
		hosts: []ansible.Host{{Name: "secrets.json"}, {Name: "../trusted/facts/x"}},
	}}
	b.shareFacts(b.ansible.untrusted)
	if err := os.WriteFile(filepath.Join(dir, "run/trusted/facts/secrets.json"), []byte(`{"fact": "of the trusted"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	b.shareFacts(b.ansible.trusted)
	raw, _ := os.ReadFile(filepath.Join(dir, "keys/secrets.json"))
	files, _ := os.ReadDir(filepath.Join(dir, "run/trusted/facts"))
	if string(raw) != `{"word": "geheim"}` || len(files) != 1 {
		t.Errorf("the secrets are %s, the trusted facts %v", raw, files)
	}
}

// TestRunnerIsLost: a container that ends says nothing about the change.
func TestRunnerIsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.withAnsible()
	w.project(map[string]file{"run.yaml": text("- hosts: localhost\n  gather_facts: false\n  tasks:\n    - shell: echo waiting; sleep 100\n")})
	w.spec.Run = w.playbooks("run.yaml")
	w.out.after("| waiting", w.stopRunners[buildspec.RunnerUntrusted])
	out, _ := w.run()
	want := buildspec.Outcome{Result: model.Retry, Reason: "the container for untrusted playbooks ended: it may have had too little memory"}
	if diff := cmp.Diff(want, out, ignoreLog); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
}
