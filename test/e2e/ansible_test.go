package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/test/e2e/story"
)

// TestAnsible: a job of two nodes with trusted and untrusted playbooks, roles,
// variables, rsync, and output of several hosts; and one without a node that
// looks for what it must not get at.
func TestAnsible(t *testing.T) {
	onFailure(t)
	c := propose(t, "ansible", map[string]string{
		".zuul.yaml": `- job:
    name: api-ansible
    parent: ansible
    run: ci/test.yaml
    required-projects: [acme/web]
    nodeset:
      nodes:
        - {name: controller, label: debian}
        - {name: worker, label: debian}
      groups:
        - {name: workers, nodes: [worker]}
    vars: {greeting: "hello {{ who }}", who: gate}
    group-vars: {workers: {role: work}}
- job:
    name: api-burglar
    parent: ansible
    nodeset: {nodes: []}
    run: ci/burglar.yaml
- job:
    name: api-after
    parent: base
    run: ci/after.sh
- job:
    name: api-left-out
    parent: base
    run: ci/after.sh
- project:
    queue: integrated
    check:
      jobs:
        - api-ansible
        - api-burglar
        - api-after: {dependencies: [api-ansible]}
        - api-left-out: {dependencies: [api-ansible]}
    gate:
      jobs: [api-ansible]
`,
		"ci/test.yaml":    ansibleTest,
		"ci/burglar.yaml": ansibleBurglar,
		"ci/after.sh":     "#!/bin/sh\nset -e\ngrep -o '\"counted\": \"[a-z]*\"' \"$ZUUL_VARS_FILE\"\ngozer return zuul.warnings='[\"from a script\"]'\n",
	})
	err := stage.AwaitStatus(t.Context(), c, "check", "success", 3*time.Minute)
	log := buildLog(t, "api-ansible")
	t.Logf("the log of api-ansible:\n%s", log)
	burglar := buildLog(t, "api-burglar")
	t.Logf("the log of api-burglar:\n%s", burglar)
	must(t, err)
	for _, want := range []string{
		"PRE-RUN START: [trusted : ", "controller | hello gate on controller", "worker | hello gate on worker", "worker | works as work",
		"| line 3 of controller", "web is here", "POST-RUN END RESULT_NORMAL",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("the log of api-ansible lacks %q", want)
		}
	}
	if after := buildLog(t, "api-after"); !strings.Contains(after, `"counted": "three"`) {
		t.Errorf("the job after it does not have what it returned:\n%s", after)
	}
	if b := lastBuild(t, "api-after"); b.Status.Returned == nil || len(b.Status.Returned.Warnings) != 1 {
		t.Errorf("the script's warning is lost: %+v", b.Status.Returned)
	}
	if b := lastBuild(t, "api-left-out"); b.Status.Result != "SKIPPED" {
		t.Errorf("api-left-out is %q", b.Status.Result)
	}
}

const ansibleTest = `- hosts: all
  tasks:
    - name: Say hello
      command: echo {{ greeting }} on {{ inventory_hostname }}
    - name: Count
      shell: |
        for n in 1 2 3; do echo line $n of {{ inventory_hostname }}; sleep 0.2; done
        echo counted > ~/logs/count.txt
    - name: The required project
      shell: test -d {{ zuul.projects.values() | selectattr('name', 'equalto', 'acme/web') | map(attribute='src_dir') | first }}/.git && echo web is here
- hosts: workers
  tasks:
    - command: echo works as {{ role }}
    - zuul_return:
        data: {counted: three, zuul: {child_jobs: [api-after]}}
        secret_data: {password: not to be seen}
`

// What a change may run must not get at anything of others. Each of these
// would succeed if it did.
const ansibleBurglar = `- hosts: localhost
  tasks:
    - name: Files of the executor and of trusted playbooks
      stat: {path: "{{ item }}"}
      register: found
      loop:
        - /etc/gozer
        - /gozer/trusted
        - /run/gozer/trusted
        - /var/run/secrets/kubernetes.io
    - assert: {that: not item.stat.exists}
      loop: "{{ found.results }}"
      loop_control: {label: "{{ item.item }}"}
    - name: Processes of the other containers
      shell: cat /proc/*/cmdline | tr '\0' ' ' | grep -v grep | grep -c 'gozer executor'
      register: executors
      failed_when: executors.rc == 0
    - name: Root
      shell: id -u | grep -vx 0 && ! touch /usr/local/bin/x && ! unshare -r true
    - name: The API server, with no credentials
      uri: {url: "https://{{ lookup('env', 'KUBERNETES_SERVICE_HOST') | default('kubernetes.default.svc', true) }}/api/v1/namespaces", validate_certs: false, status_code: [401, 403]}
    - name: The merger, without the token of a build
      uri: {url: "https://gozer-merger.gozer-system.svc:8080/git/acme/none/x/info/refs?service=git-upload-pack", validate_certs: false, status_code: [401, 403]}
    - name: The manager, without the token of a log
      uri: {url: "http://gozer-manager.gozer-system.svc:8080/logs/acme/none/1", method: PUT, body: x, status_code: [401, 403]}
    - name: The address of the metadata service
      wait_for: {host: 169.254.169.254, port: 80, timeout: 2}
      register: metadata
      failed_when: metadata is succeeded
`

// lastBuild of a job.
func lastBuild(t *testing.T, job string) *gozer.Build {
	t.Helper()
	var builds gozer.BuildList
	must(t, stage.Kube.List(t.Context(), &builds, client.InNamespace(story.Tenant), client.MatchingLabels{gozer.LabelJob: job}))
	var last *gozer.Build
	for n := range builds.Items {
		if b := &builds.Items[n]; last == nil || b.CreationTimestamp.After(last.CreationTimestamp.Time) {
			last = b
		}
	}
	if last == nil {
		t.Fatalf("no build of job %s", job)
	}
	return last
}

// buildLog is the log of the last build of a job, as people read it.
func buildLog(t *testing.T, job string) string {
	t.Helper()
	last := lastBuild(t, job)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("%s/logs/%s/%s", stage.WebURL, last.Namespace, last.Name), nil)
	must(t, err)
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	must(t, err)
	return fmt.Sprintf("%s %s: %s\n%s", last.Name, last.Status.Result, last.Status.Reason, body)
}
