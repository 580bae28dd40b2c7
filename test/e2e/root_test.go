package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/test/e2e/story"
)

// TestRoot: where its label allows root, a job may become it, as on a virtual
// machine; elsewhere nothing can; and root of a container is not root of a machine.
func TestRoot(t *testing.T) {
	onFailure(t)
	withRootedPool(t)
	c := propose(t, "root", map[string]string{
		".zuul.yaml": `- job:
    name: api-root
    parent: ansible
    run: ci/root.yaml
    nodeset:
      nodes:
        - {name: by-sudo, label: debian-sudo}
        - {name: always, label: debian-root}
        - {name: never, label: debian}
- job:
    name: api-sudo
    parent: base
    run: ci/sudo.sh
    nodeset: {nodes: [{name: node, label: debian-sudo}]}
- project:
    queue: integrated
    check: {jobs: [api-root, api-sudo]}
    gate: {jobs: [api-sudo]}
`,
		"ci/root.yaml": rootPlaybook,
		"ci/sudo.sh":   "#!/bin/sh\nset -e\ntest \"$(id -un)\" = zuul\necho \"$(sudo id -un) by sudo, in $(pwd)\"\n",
	})
	err := stage.AwaitStatus(t.Context(), c, "check", "success", 3*time.Minute)
	log, script := buildLog(t, "api-root"), buildLog(t, "api-sudo")
	t.Logf("the log of api-root:\n%s", log)
	must(t, err)
	for _, want := range []string{"by-sudo | I am zuul", "always | I am root", "by-sudo | I became root", "always | I became root", "by-sudo | I became nobody", "always | I became nobody"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q", want)
		}
	}
	if !strings.Contains(script, "root by sudo, in /home/zuul") {
		t.Errorf("the script's log:\n%s", script)
	}
}

// withRootedPool has labels debian-sudo and debian-root while the test runs.
func withRootedPool(t *testing.T) {
	t.Helper()
	var pool gozer.NodePool
	must(t, stage.Kube.Get(t.Context(), client.ObjectKey{Namespace: story.Namespace, Name: "default"}, &pool))
	sudo := pool.Spec.Labels[0]
	sudo.Name, sudo.Root = "debian-sudo", gozer.RootBySudo
	root := pool.Spec.Labels[0]
	root.Name, root.Root, root.Home = "debian-root", gozer.RootAlways, "/root"
	rooted := &gozer.NodePool{ObjectMeta: metav1.ObjectMeta{Namespace: story.Namespace, Name: "rooted"},
		Spec: gozer.NodePoolSpec{Labels: []gozer.NodeLabel{sudo, root}, AllowedTenants: []string{story.Tenant}}}
	must(t, stage.Kube.Create(t.Context(), rooted))
	t.Cleanup(func() { must(t, stage.Kube.Delete(context.Background(), rooted)) })
}

const rootPlaybook = `- hosts: by-sudo:always
  tasks:
    - shell: echo I am $(id -un)
    - shell: echo I became $(id -un)
      become: true
    - shell: echo I became $(id -un)
      become: true
      become_user: nobody
      become_method: sudo
    - name: Files that are mounts
      become: true
      lineinfile: {path: /etc/hosts, line: 192.0.2.1 somewhere.example.com}
    - command: getent hosts somewhere.example.com
    - name: Files of the system
      become: true
      copy: {dest: /usr/local/bin/mine, mode: "0755", owner: root, content: "#!/bin/sh\necho mine\n"}
    - command: mine
    - name: What is the machine's
      become: true
      shell: "{{ item }}"
      register: tried
      failed_when: tried.rc == 0
      loop:
        - mount -t tmpfs none /mnt
        - mknod /tmp/disk b 254 0
        - echo x >/proc/sys/kernel/core_pattern
        - ip link add dummy0 type dummy
        - cat /var/run/secrets/kubernetes.io/serviceaccount/token
- hosts: never
  tasks:
    - shell: sudo -n id || su -c id
      register: tried
      failed_when: tried.rc == 0
`
