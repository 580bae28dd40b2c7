package executor

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
)

// hostile is what a stranger writes of a change.
const hostile = "Fix {{ lookup('pipe', 'echo pwned') }}\n\n{% raw %}"

// TestAnsibleSeesChanges: what is known of the changes, their jobs and artifacts is
// in the variable zuul, and what strangers say there is text, also for trusted
// playbooks and in variables that have it in them.
func TestAnsibleSeesChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.withAnsible()
	w.project(map[string]file{"run.yaml": text(`
- hosts: localhost
  gather_facts: false
  tasks:
    - debug: {msg: "message <{{ zuul.change_message }}>"}
    - debug: {msg: "encoded <{{ zuul.message | b64decode }}>"}
    - debug: {msg: "of items <{{ zuul['items'][0].change_message }}>"}
    - debug: {msg: "in a variable <{{ about }}>"}
    - debug: {msg: "topic <{{ zuul.topic }}>, event {{ zuul.event_id }}, refs {{ zuul.build_refs | map(attribute='change') | list }} {{ zuul.buildset_refs | map(attribute='change') | list }}, children {{ zuul.child_jobs }}"}
    - debug: {msg: "artifact {{ zuul.artifacts[0].name }} of {{ zuul.artifacts[0].project }} {{ zuul.artifacts[0].change }} {{ zuul.artifacts[0].metadata.tag }}"}
    - debug: {msg: "play {{ zuul.playbook_context.playbooks[0].path }} of {{ zuul.playbook_context.playbook_projects['untrusted/project_0/forge.example/acme/api'].canonical_name }}"}
`)})
	own := w.spec.Change
	w.spec.Items = []buildspec.Change{own}
	w.spec.BuildRefs, w.spec.BuildSetRefs = []buildspec.Change{own}, []buildspec.Change{{Number: 99, Project: own.Project}, own}
	w.spec.Messages = map[string]string{own.Key(): hostile}
	w.spec.EventID, w.spec.ChildJobs = "ev-1", []string{"deploy"}
	w.spec.Artifacts = []buildspec.Artifact{{Project: "acme/web", Job: "image", Change: 3, Name: "{{ 6 * 7 }}", URL: "docker://x", Metadata: json.RawMessage(`{"tag": "{{ 6 * 7 }}"}`)}}
	w.spec.Vars = map[string]any{"about": "{{ zuul.change_message }}"}
	w.spec.Run = w.playbooks("run.yaml")
	out, log := w.run()
	if diff := cmp.Diff(buildspec.Outcome{Result: model.Success}, out, ignoreLog); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
	shown := strings.ReplaceAll(withoutTimes(log), "localhost | ", "")
	first, _, _ := strings.Cut(hostile, "\n")
	for _, want := range []string{
		"message <" + first, "encoded <" + first, "of items <" + first, "in a variable <" + first,
		"topic <>, event ev-1, refs ['" + number(own.Number) + "'] ['99', '" + number(own.Number) + "'], children ['deploy']",
		"artifact {{ 6 * 7 }} of acme/web 3 {{ 6 * 7 }}",
		"play untrusted/project_0/forge.example/acme/api/run.yaml of forge.example/acme/api",
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("the log lacks %q", want)
		}
	}
	if strings.Contains(shown, "<Fix pwned") || t.Failed() {
		t.Errorf("the log:\n%s", log)
	}
	raw, err := os.ReadFile(filepath.Join(w.opts.AnsibleDir, inventoryFile))
	if err != nil || !strings.Contains(string(raw), `"change_message": !unsafe "Fix {{`) {
		t.Errorf("the inventory for people, %v:\n%s", err, raw)
	}
}
