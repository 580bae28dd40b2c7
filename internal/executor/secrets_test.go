package executor

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
)

const password = "correct horse battery staple"

// secrets puts secrets into the executor's Pod: one that is used and one that is another's.
func (w *world) secrets() {
	w.t.Helper()
	w.opts.SecretsFile = w.write("secrets.json", []byte(`{"registry":{"user":"robot","password":"`+password+`","serial":12345678901234567890},"other":{"token":"another's token"}}`))
}

var registry = []buildspec.PlaybookSecret{{Alias: "login", Secret: "registry"}}

// A script that tells about its secrets and leaves where they were.
const showSecrets = `echo "secrets=${GOZER_SECRETS:-none}"
if [ -n "$GOZER_SECRETS" ]; then
  stat -c 'mode=%a' "$GOZER_SECRETS"
  cp "$GOZER_SECRETS" "$GOZER_LOG_DIR/copy"
  echo "$GOZER_SECRETS" > "$GOZER_LOG_DIR/path"
  cat "$GOZER_SECRETS"
fi
`

func (w *world) read(name string) string {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.home, name))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(b)
}

// gone waits until the file with the secrets is not there any more: the agent
// ends what a lost connection left.
func (w *world) gone() {
	w.t.Helper()
	path := strings.TrimSpace(w.read("logs/path"))
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	_ = os.Remove(path) // it is in /dev/shm
	w.t.Errorf("%s is still there", path)
}

// Only the playbook that names a secret gets it, under its alias, in a file of
// its own that is gone before the next one starts.
func TestSecretsOfOnePlaybook(t *testing.T) {
	w := newWorld(t)
	w.secrets()
	w.project(map[string]file{
		"pre":  script(showSecrets),
		"t":    script(showSecrets),
		"post": script(showSecrets + `if [ -e "$(cat "$GOZER_LOG_DIR/path")" ]; then echo still there; fi; env; cat "$ZUUL_VARS_FILE"` + "\n"),
	})
	w.spec.PreRun, w.spec.Run, w.spec.PostRun = w.playbooks("pre"), w.playbooks("t"), w.playbooks("post")
	w.spec.Run[0].Secrets = registry
	out, log := w.run()
	if out.Result != model.Success {
		t.Fatalf("%+v\n%s", out, log)
	}
	want := `{"login":{"user":"robot","password":"` + password + `","serial":12345678901234567890}}` + "\n"
	if diff := cmp.Diff(want, w.read("logs/copy")); diff != "" {
		t.Errorf("the script's secrets (-want +got):\n%s", diff)
	}
	if strings.Count(log, "| secrets=none") != 2 || !strings.Contains(log, "| mode=600") || strings.Contains(log, "still there") {
		t.Errorf("log:\n%s", log)
	}
	if !strings.Contains(log, `{"login":{"user":"robot","password":"***"`) {
		t.Errorf("the secret is not taken out, or more is:\n%s", log)
	}
	if strings.Contains(log, password) || strings.Contains(log, "another's") {
		t.Errorf("the log has a secret:\n%s", log)
	}
	w.gone()
}

// However a script ends, its secrets go.
func TestSecretsGo(t *testing.T) {
	for name, tc := range map[string]struct {
		script  string
		timeout int64
		stop    func(w *world, stop func())
		want    model.BuildResult
	}{
		"failure":          {script: "exit 1", want: model.Failure},
		"killed":           {script: "kill -KILL $$", want: model.Failure},
		"timeout":          {script: "trap '' TERM; sleep 100", timeout: 1, want: model.TimedOut},
		"stopped":          {script: "trap '' TERM; sleep 100", stop: func(_ *world, stop func()) { stop() }, want: model.Retry},
		"node stopped":     {script: "sleep 100", stop: func(w *world, _ func()) { w.stopNode() }, want: model.Retry},
		"a daemon is left": {script: "sleep 3 & true", want: model.Success},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.secrets()
			w.project(map[string]file{"t": script(showSecrets + "echo started\n" + tc.script + "\n")})
			w.spec.Run = w.playbooks("t")
			w.spec.Run[0].Secrets, w.spec.TimeoutSeconds = registry, tc.timeout
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			if tc.stop != nil {
				w.out.after("| started", func() { tc.stop(w, stop) })
			}
			out, log := w.runWith(ctx)
			if out.Result != tc.want {
				t.Errorf("%+v\n%s", out, log)
			}
			if tc.stop == nil && strings.Contains(log, "may still be on node") {
				t.Errorf("log:\n%s", log)
			}
			w.gone()
		})
	}
}

// An executor that is killed says nothing to the node any more.
func TestSecretsGoWithTheConnection(t *testing.T) {
	w := newWorld(t)
	keys, err := readKeys(w.opts.ClientKeyFile, w.spec.Nodes)
	if err != nil {
		t.Fatal(err)
	}
	n, err := connect(t.Context(), w.spec.Nodes[0], keys, w.opts.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	h, err := hold(t.Context(), n.client, w.opts.AgentBinary, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(h.path); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(w.home, "logs"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.home, "logs/path"), []byte(h.path), 0o600); err != nil {
		t.Fatal(err)
	}
	n.client.Close()
	w.gone()
}

// The line that tells of a failure stands in the Build: it has no secret, also
// where colours were in between.
func TestSecretInTheFirstFailure(t *testing.T) {
	w := newWorld(t)
	w.secrets()
	w.project(map[string]file{"t": script(`printf 'ERROR: denied: correct horse \033[1mbattery\033[0m staple\n'; exit 1` + "\n")})
	w.spec.Run = w.playbooks("t")
	w.spec.Run[0].Secrets = registry
	out, _ := w.run()
	if out.FirstFailure != "ERROR: denied: ***" {
		t.Errorf("%+v", out)
	}
}

// agent is an agent that does all but keeping secrets, for which it runs a command.
func (w *world) agent(secrets string) string {
	w.t.Helper()
	path := w.write("agent", []byte("#!/bin/sh\nif [ \"$2\" = secrets ]; then "+secrets+"; fi\nexec '"+w.opts.AgentBinary+"' \"$@\"\n"))
	if err := os.Chmod(path, 0o700); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func TestNodeDoesNotTakeSecrets(t *testing.T) {
	const where = "node node-1 could not take the secrets of t: "
	for name, tc := range map[string]struct {
		agent   string
		timeout int64
		want    buildspec.Outcome
	}{
		"no room":        {agent: "echo no room >&2; exit 1", want: buildspec.Outcome{Result: model.Retry, Reason: where + "Process exited with status 1: no room"}},
		"no path":        {agent: "echo here; exec sleep 100", want: buildspec.Outcome{Result: model.Retry, Reason: where + "it did not say where the file is"}},
		"an evil path":   {agent: `printf '/a\033b\n'; exec sleep 100`, want: buildspec.Outcome{Result: model.Retry, Reason: where + "it did not say where the file is"}},
		"an endless one": {agent: "exec yes | tr -d '\\n'", want: buildspec.Outcome{Result: model.Retry, Reason: where + "it did not say where the file is"}},
		"nothing":        {agent: "exec sleep 100", timeout: 1, want: buildspec.Outcome{Result: model.TimedOut, Reason: "the job's timeout ended while run t ran"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.secrets()
			w.opts.AgentBinary = w.agent(tc.agent)
			w.project(map[string]file{"t": script("echo ran\n")})
			w.spec.Run = w.playbooks("t")
			w.spec.Run[0].Secrets, w.spec.TimeoutSeconds = registry, tc.timeout
			out, log := w.run()
			if diff := cmp.Diff(tc.want, out, ignoreLog); diff != "" || strings.Contains(log, "| ran") || strings.Contains(log, password) {
				t.Errorf("%s\n%s", diff, log)
			}
		})
	}
}

// A build that lacks a secret does not run, and says nothing of what was there.
func TestBrokenSecrets(t *testing.T) {
	for name, tc := range map[string]struct{ content, want string }{
		"no such secret": {`{"other":{"token":"` + password + `"}}`, "does not have the secret registry"},
		"no JSON":        {`{"registry":"` + password, "is not what it should be"},
		"another kind":   {`["` + password + `"]`, "is not what it should be"},
		"no file":        {"", "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.opts.SecretsFile = filepath.Join(w.dir, "nothing")
			if tc.content != "" {
				w.opts.SecretsFile = w.write("secrets.json", []byte(tc.content))
			}
			w.project(map[string]file{"t": script("echo ran\n")})
			w.spec.Run = w.playbooks("t")
			w.spec.Run[0].Secrets = registry
			spec, err := json.Marshal(w.spec)
			if err != nil {
				t.Fatal(err)
			}
			w.write("spec.json", spec)
			err = Run(t.Context(), w.opts)
			raw, _ := os.ReadFile(w.opts.OutcomeFile)
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(string(raw), `"result":"ERROR"`) {
				t.Errorf("%v\n%s", err, raw)
			}
			if strings.Contains(err.Error()+string(raw)+w.out.String(), "horse") {
				t.Errorf("a secret is in %v\n%s", err, raw)
			}
		})
	}
}
