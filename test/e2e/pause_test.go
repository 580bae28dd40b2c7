package e2e

import (
	"strings"
	"testing"
	"time"
)

// TestPausedParent: a job serves something from its node while the jobs that
// depend on it run, and ends after them.
func TestPausedParent(t *testing.T) {
	onFailure(t)
	c := propose(t, "pause", map[string]string{
		".zuul.yaml": `- job: {name: api-registry, parent: base, run: ci/registry.sh, post-run: ci/end.sh}
- job: {name: api-image, parent: base, run: ci/fetch.sh}
- job: {name: api-signed, parent: base, run: ci/fetch.sh}
- project:
    queue: integrated
    check:
      jobs:
        - api-registry
        - api-image: {dependencies: [api-registry]}
        - api-signed: {dependencies: [api-image]}
    gate: {jobs: [api-registry]}
`,
		"ci/registry.sh": `#!/bin/sh
set -e
mkdir -p ~/served && echo "layer 4711" > ~/served/image
setsid python3 -m http.server --directory ~/served 5000 >/dev/null 2>&1 &
gozer return address="$(hostname -i):5000" zuul.pause=true
`,
		"ci/fetch.sh": `#!/bin/sh
set -e
python3 - <<'EOF'
import json, os, urllib.request
address = json.load(open(os.environ["ZUUL_VARS_FILE"]))["address"]
print("fetched", urllib.request.urlopen("http://%s/image" % address, timeout=20).read().decode())
EOF
`,
		"ci/end.sh": "#!/bin/sh\necho served until the end\n",
	})
	err := stage.AwaitStatus(t.Context(), c, "check", "success", 3*time.Minute)
	registry := buildLog(t, "api-registry")
	t.Logf("a cold node: the script's first line came %s after the node was begun", untilFirstLine(t, "api-registry"))
	t.Logf("the log of api-registry:\n%s", registry)
	for _, job := range []string{"api-image", "api-signed"} {
		if log := buildLog(t, job); !strings.Contains(log, "fetched layer 4711") {
			t.Errorf("the log of %s:\n%s", job, log)
		}
	}
	must(t, err)
	pause, resume, end := strings.Index(registry, "Pausing"), strings.Index(registry, "Resuming"), strings.Index(registry, "served until the end")
	if pause < 0 || resume < pause || end < resume {
		t.Errorf("it did not pause before its end: %d %d %d", pause, resume, end)
	}
}
