//go:build roles

package e2e

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/test/e2e/story"
)

// TestRoles runs roles of zuul-jobs, which others wrote, unchanged and in real
// Pods. ZUUL_JOBS_DIR is a git checkout of them: make test-roles ZUUL_JOBS_DIR=...
func TestRoles(t *testing.T) {
	onFailure(t)
	dir := os.Getenv("ZUUL_JOBS_DIR")
	if dir == "" {
		t.Fatal("ZUUL_JOBS_DIR must name a git checkout of zuul-jobs")
	}
	const repo = "acme/zuul-jobs"
	must(t, stage.Mirror(t.Context(), repo, dir))
	withRoles(t, repo)
	withRootedPool(t)
	c := propose(t, "roles", map[string]string{
		".zuul.yaml": `- job:
    name: roles
    parent: base
    timeout: 200
    attempts: 1
    roles: [{zuul: acme/zuul-jobs}]
    required-projects: [acme/web]
    nodeset:
      nodes:
        - {name: primary, label: debian-sudo}
        - {name: secondary, label: debian-sudo}
      groups:
        - {name: switch, nodes: [primary]}
        - {name: peers, nodes: [secondary]}
    pre-run: [ci/roles-pre.yaml, ci/roles-multi.yaml]
    run: ci/roles-run.yaml
    post-run: ci/roles-post.yaml
- project:
    queue: integrated
    check: {jobs: [roles]}
`,
		"ci/roles-pre.yaml":   rolesPre,
		"ci/roles-multi.yaml": rolesMulti,
		"ci/roles-run.yaml":   rolesRun,
		"ci/roles-post.yaml":  rolesPost,
	})
	err := stage.AwaitStatus(t.Context(), c, "check", "success", 4*time.Minute)
	log := buildLog(t, "roles")
	t.Logf("the log:\n%s", log)
	must(t, err)
	for _, want := range []string{"# Job Information", "primary reaches secondary", "root reaches secondary", "output of primary", "checked out to:", "POST-RUN END RESULT_NORMAL"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q", want)
		}
	}
}

// withRoles lets the tenant have another repository while the test runs, and none
// of its configuration.
func withRoles(t *testing.T, repo string) {
	t.Helper()
	var tenant gozer.Tenant
	key := client.ObjectKey{Namespace: story.Tenant, Name: story.Tenant}
	must(t, stage.Kube.Get(t.Context(), key, &tenant))
	set := func(ctx context.Context, projects []gozer.TenantProject) error {
		var now gozer.Tenant
		if err := stage.Kube.Get(ctx, key, &now); err != nil {
			return err
		}
		patch := client.MergeFrom(now.DeepCopy())
		now.Spec.Sources[0].UntrustedProjects = projects
		return stage.Kube.Patch(ctx, &now, patch)
	}
	usual := tenant.Spec.Sources[0].UntrustedProjects
	must(t, set(t.Context(), append(slices.Clone(usual), gozer.TenantProject{Name: repo, Include: &[]gozer.ConfigClass{}})))
	t.Cleanup(func() { must(t, set(context.Background(), usual)) })
}

const rolesPre = `- hosts: localhost
  roles:
    - emit-job-header
    - log-inventory
- hosts: all
  roles:
    - add-build-sshkey
    - start-zuul-console
    - role: prepare-workspace
      zuul_workspace_root: "{{ ansible_user_dir }}"
    - role: prepare-workspace-git
    - role: validate-host
      zuul_site_traceroute_host: ""
    - ensure-output-dirs
`

// These want variables that localhost has not, here as in Zuul: a playbook of
// their own never speaks of it.
const rolesMulti = `- hosts: all
  roles:
    - multi-node-known-hosts
`

const rolesRun = `- hosts: primary
  tasks:
    - name: With the key of the build
      command: ssh -o StrictHostKeyChecking=no -p {{ hostvars['secondary'].ansible_port }} zuul@{{ hostvars['secondary'].nodepool.private_ipv4 }} echo primary reaches secondary
- hosts: all
  tasks:
    - include_role: {name: copy-build-sshkey}
      vars: {copy_sshkey_target_user: root}
    - include_role: {name: update-json-file}
      vars:
        update_json_file_name: /etc/docker/daemon.json
        update_json_file_become: true
        update_json_file_combine: {mirrors: [none]}
    - name: Leave something of root's
      shell: echo of root >/var/log/mine.log && chmod 600 /var/log/mine.log
      become: true
    - name: Leave something
      shell: echo output of {{ inventory_hostname }} | tee ~/zuul-output/logs/out.txt; echo artifact > ~/zuul-output/artifacts/a.txt
`

const rolesPost = `- hosts: primary
  tasks:
    - name: With the key that root has now
      become: true
      command: ssh -o StrictHostKeyChecking=no -p {{ hostvars['secondary'].ansible_port }} zuul@{{ hostvars['secondary'].nodepool.private_ipv4 }} echo root reaches secondary
- hosts: all
  vars: {zuul_copy_output: {/var/log/mine.log: logs}, stage_dir: "{{ ansible_user_dir }}/zuul-output"}
  roles:
    - stage-output
    - revoke-sudo
    - fetch-output
    - remove-build-sshkey
- hosts: localhost
  roles:
    - merge-output-to-logs
  post_tasks:
    - shell: cat {{ zuul.executor.log_root }}/primary/out.txt && grep root {{ zuul.executor.log_root }}/primary/mine.log && ls {{ zuul.executor.log_root }} {{ zuul.executor.log_root }}/zuul-info && test -s {{ zuul.executor.log_root }}/job-output.txt && grep -q '"phase"' {{ zuul.executor.log_root }}/job-output.json
`
