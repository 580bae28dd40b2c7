package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/test/e2e/story"
)

// TestSecret: what a person encrypts with gozerctl, a script has in the gate, and
// no log shows. Before the review the change is told that this may not be.
func TestSecret(t *testing.T) {
	onFailure(t)
	const word = "Trustno1-Trustno1"
	file := filepath.Join(t.TempDir(), "password")
	must(t, os.WriteFile(file, []byte(word), 0o600))
	secret := gozerctl(t, "encrypt", "--infile", file, "--project", story.APIRepo, "--secret-name", "registry", "--field-name", "password")
	if strings.Contains(secret, word) {
		t.Fatalf("it is not encrypted: %s", secret)
	}
	// The gate is to have run it, and the repository not to have it afterwards.
	c := propose(t, "secret", map[string]string{
		".zuul.yaml": secret + `- job: {name: api-login, parent: base, run: ci/login.sh, post-review: true, secrets: [{name: login, secret: registry}]}
- project:
    queue: integrated
    gate: {jobs: [api-login]}
`,
		"ci/login.sh": `#!/bin/sh
set -e
python3 - <<'EOF'
import json, os
password = json.load(open(os.environ["GOZER_SECRETS"]))["login"]["password"]
print("it has", len(password), "characters:", password)
raise SystemExit("enough was seen" if password == "-".join(["Trustno1"] * 2) else "this is not the password")
EOF
`,
	})
	must(t, stage.Approve(t.Context(), 0, c))
	err := stage.AwaitStatus(t.Context(), c, "gate", "failure", 2*time.Minute)
	log := buildLog(t, "api-login")
	must(t, err)
	if !strings.Contains(log, "it has 17 characters: ***") || !strings.Contains(log, "enough was seen") || strings.Contains(log, word) {
		t.Errorf("the log of api-login:\n%s", log)
	}
	var seen bytes.Buffer
	stage.Dump(t.Context(), &seen) // with what the manager and the others logged
	for _, list := range []client.ObjectList{&gozer.BuildList{}, &gozer.QueueItemList{}, &gozer.BuildSetList{}, &gozer.NodeRequestList{}, &corev1.PodList{}, &corev1.EventList{}} {
		must(t, stage.Kube.List(t.Context(), list, client.InNamespace(story.Tenant)))
		must(t, json.NewEncoder(&seen).Encode(list))
	}
	if strings.Contains(seen.String(), word) {
		t.Error("the password can be read outside of the node")
	}
}
