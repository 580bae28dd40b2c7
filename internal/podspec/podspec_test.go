package podspec

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func pods() map[string]*corev1.Pod {
	owner := metav1.OwnerReference{APIVersion: "gozer.dev/v1alpha1", Kind: "NodeRequest", Name: "nr", UID: "1"}
	gozer := Image{Name: "gozer:dev", Pull: corev1.PullNever}
	return map[string]*corev1.Pod{
		"node": NodePod(Node{Namespace: "acme", Name: "nr-0", Owner: owner, Secret: "nr", Gozer: gozer,
			Labels: map[string]string{"gozer.dev/role": "node"}, Image: Image{Name: "debian:12"}, User: 1000, Home: "/home/zuul", Deadline: 60}),
		"node-own": NodePod(Node{Namespace: "acme", Name: "nr-0", Owner: owner, Secret: "nr", Gozer: gozer, Image: Image{Name: "debian:12"}, User: 1000, Home: "/home/zuul",
			Shell: "/bin/bash", Env: []corev1.EnvVar{{Name: "LANG", Value: "C.UTF-8"}},
			Volumes: []corev1.Volume{{Name: "cache", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "modules", ReadOnly: true}}}},
			Mounts:  []corev1.VolumeMount{{Name: "cache", MountPath: "/var/cache/modules", ReadOnly: true}}}),
		"node-sudo": NodePod(Node{Namespace: "acme", Name: "nr-0", Owner: owner, Secret: "nr", Gozer: gozer, Image: Image{Name: "debian:12"}, User: 1000, Root: true, UserNamespace: true, Home: "/home/zuul"}),
		"node-root": NodePod(Node{Namespace: "acme", Name: "nr-0", Owner: owner, Secret: "nr", Gozer: gozer, Image: Image{Name: "debian:12"}, User: 0, Root: true, Home: "/root"}),
		"executor":  ExecutorPod(Executor{Namespace: "acme", Name: "b-1", Owner: owner, Secret: "nr", Gozer: gozer, Spec: `{"tenant":"acme"}`, Deadline: 90}),
		"executor-ansible": ExecutorPod(Executor{Namespace: "acme", Name: "b-1", Owner: owner, Secret: "nr", JobSecrets: "b-1", Gozer: gozer, Ansible: Image{Name: "gozer-ansible:dev", Pull: corev1.PullNever}, Trusted: true, Cleanup: 300, WorkLimit: ptr(resource.MustParse("1Gi")),
			Spec: `{"tenant":"acme"}`, Deadline: 90}),
		"executor-warm":    ExecutorPod(Executor{Namespace: "acme", Name: "b-1", Owner: owner, Secret: "nr", NodeSecrets: []string{"warm-debian-1"}, Gozer: gozer, Spec: `{"tenant":"acme"}`, Deadline: 90}),
		"executor-secrets": ExecutorPod(Executor{Namespace: "acme", Name: "b-1", Owner: owner, Secret: "nr", JobSecrets: "b-1", Gozer: gozer, Spec: `{"tenant":"acme"}`, Deadline: 90}),
	}
}

func TestPods(t *testing.T) {
	for name, pod := range pods() {
		t.Run(name, func(t *testing.T) {
			got, err := yaml.Marshal(pod)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name+".yaml")
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("-want +got (-update accepts it):\n%s", diff)
			}
		})
	}
}

// TestPodsAreConfined: what every Pod must not be able to do, whoever edits the specs.
func TestPodsAreConfined(t *testing.T) {
	for name, pod := range pods() {
		s := pod.Spec
		// Nodes whose label allows root: TestRootIsOfTheContainer.
		root := name == "node-sudo" || name == "node-root"
		if s.AutomountServiceAccountToken == nil || *s.AutomountServiceAccountToken {
			t.Errorf("%s: has a service account token", name)
		}
		if s.HostNetwork || s.HostPID || s.HostIPC {
			t.Errorf("%s: reaches the host", name)
		}
		if !root && (!*s.SecurityContext.RunAsNonRoot || *s.SecurityContext.RunAsUser == 0) {
			t.Errorf("%s: runs as root", name)
		}
		for _, c := range append(s.InitContainers, s.Containers...) {
			sc := c.SecurityContext
			if (!root || c.Name != "node") && (*sc.AllowPrivilegeEscalation || !*sc.ReadOnlyRootFilesystem || len(sc.Capabilities.Add) > 0 || sc.Capabilities.Drop[0] != "ALL") {
				t.Errorf("%s/%s: %+v", name, c.Name, sc)
			}
			for _, e := range c.Env {
				if e.ValueFrom != nil {
					t.Errorf("%s/%s: %s comes from elsewhere; secrets are files", name, c.Name, e.Name)
				}
			}
		}
		for _, v := range s.Volumes {
			if v.HostPath != nil {
				t.Errorf("%s: mounts the host's %s", name, v.HostPath.Path)
			}
		}
	}
	keys := func(pod string) map[string]bool {
		out := map[string]bool{}
		for _, v := range pods()[pod].Spec.Volumes {
			if v.Secret != nil {
				for _, i := range v.Secret.Items {
					out[i.Key] = true
				}
			}
		}
		return out
	}
	for _, k := range []string{KeyClientKey, KeyGitToken, KeyLogToken, KeySecrets} {
		if keys("node")[k] {
			t.Errorf("the node Pod, where strangers' code runs, has %s", k)
		}
	}
	if keys("executor")[KeySecrets] || !keys("executor-secrets")[KeySecrets] {
		t.Error("only an executor whose job has secrets has their Secret")
	}
}

// TestRootIsOfTheContainer: a label that allows root gives what Kubernetes' profile
// "baseline" allows, and nothing that reaches the machine.
func TestRootIsOfTheContainer(t *testing.T) {
	baseline := []corev1.Capability{"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"}
	for _, name := range []string{"node-sudo", "node-root"} {
		s := pods()[name].Spec
		c := s.Containers[0].SecurityContext
		if c.Privileged != nil || c.Capabilities.Drop[0] != "ALL" || s.SecurityContext.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
			t.Errorf("%s: %+v", name, c)
		}
		for _, has := range c.Capabilities.Add {
			if !slices.Contains(baseline, has) {
				t.Errorf("%s has %s", name, has)
			}
		}
	}
	if sudo, root := pods()["node-sudo"].Spec, pods()["node-root"].Spec; *sudo.SecurityContext.RunAsUser != 1000 || *root.SecurityContext.RunAsUser != 0 || *sudo.HostUsers || root.HostUsers != nil {
		t.Error("who may become root begins as the label's user; a user namespace is made when the label says so")
	}
}

// TestRunnersHaveNothing: where playbooks run there is no token, key or secret of
// the executor's, and where a change's run nothing of trusted ones.
func TestRunnersHaveNothing(t *testing.T) {
	pod := pods()["executor-ansible"]
	empty := map[string]bool{}
	for _, v := range pod.Spec.Volumes {
		empty[v.Name] = v.EmptyDir != nil
	}
	seen := map[string]map[string]bool{}
	for _, c := range pod.Spec.Containers {
		seen[c.Name] = map[string]bool{}
		for _, m := range c.VolumeMounts {
			seen[c.Name][m.Name] = true
			if c.Name != ContainerExecutor && !empty[m.Name] {
				t.Errorf("%s mounts %s", c.Name, m.Name)
			}
			if c.Name != ContainerExecutor && !m.ReadOnly && (m.Name == "trusted" || m.Name == "untrusted" || m.Name == "ansible") {
				t.Errorf("%s can write to %s", c.Name, m.Name)
			}
		}
	}
	for _, v := range []string{"trusted", "runner-trusted", "home-trusted", "tmp-trusted", "shm-trusted", "tmp", "keys", "build", "secrets"} {
		if seen["untrusted"][v] {
			t.Errorf("the untrusted container has the volume %s", v)
		}
	}
	for _, c := range pod.Spec.Containers {
		own := slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == "/dev/shm" && m.Name == "shm-"+c.Name })
		if !own && c.Name != ContainerExecutor {
			t.Errorf("%s holds secrets where the others see them", c.Name)
		}
	}
	if n := len(pod.Spec.Containers); pod.Spec.Containers[n-1].Name != ContainerExecutor {
		t.Error("the executor is started before the containers that it waits for")
	}
}

func TestOfExecutor(t *testing.T) {
	ended := func(message string, code int32, reason string) corev1.PodStatus {
		return corev1.PodStatus{Phase: corev1.PodSucceeded, ContainerStatuses: []corev1.ContainerStatus{{
			Name: "executor", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: message, ExitCode: code, Reason: reason}},
		}}}
	}
	with := func(s corev1.PodStatus, reason, message, disruption string) corev1.PodStatus {
		s.Reason, s.Message = reason, message
		s.Conditions = []corev1.PodCondition{{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: disruption}}
		return s
	}
	now := metav1.Now()
	for name, tc := range map[string]struct {
		pod     corev1.Pod
		want    buildspec.Outcome
		decided bool
	}{
		"running":        {pod: corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodRunning}}},
		"succeeded":      {corev1.Pod{Status: ended(`{"result":"SUCCESS","logBytes":7}`, 0, "Completed")}, buildspec.Outcome{Result: model.Success, LogBytes: 7}, true},
		"failed":         {corev1.Pod{Status: ended(`{"result":"FAILURE","exitCode":2,"logBytes":7}`, 0, "Completed")}, buildspec.Outcome{Result: model.Failure, ExitCode: 2, LogBytes: 7}, true},
		"out of memory":  {corev1.Pod{Status: ended("", 137, "OOMKilled")}, buildspec.Outcome{Result: model.Retry, LogBytes: -1, Reason: "the executor Pod ended without a result: OOMKilled (exit code 137)"}, true},
		"not an outcome": {corev1.Pod{Status: ended(`{"result":""}`, 0, "Completed")}, buildspec.Outcome{Result: model.Retry, LogBytes: -1, Reason: "the executor Pod ended without a result: Completed (exit code 0)"}, true},
		"evicted": {corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: "The node was low on memory."}},
			buildspec.Outcome{Result: model.Retry, LogBytes: -1, Reason: "the executor Pod ended: Evicted The node was low on memory."}, true},
		"evicted when it had time to say so": {corev1.Pod{Status: with(ended(`{"result":"RETRY","reason":"the executor was stopped","logBytes":7}`, 0, "Completed"), "Evicted", "The node was low on memory.", "TerminationByKubelet")},
			buildspec.Outcome{Result: model.Retry, LogBytes: 7, Reason: "the executor Pod was ended by its machine: Evicted The node was low on memory."}, true},
		"drained": {corev1.Pod{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &now}, Status: with(ended(`{"result":"RETRY","reason":"the executor was stopped","logBytes":7}`, 0, "Completed"), "", "", "EvictionByEvictionAPI")},
			buildspec.Outcome{Result: model.Retry, LogBytes: 7, Reason: "the executor Pod was evicted: its machine is drained"}, true},
		"drained after its end": {corev1.Pod{Status: with(ended(`{"result":"SUCCESS","logBytes":7}`, 0, "Completed"), "", "", "EvictionByEvictionAPI")},
			buildspec.Outcome{Result: model.Success, LogBytes: 7}, true},
		"machine gone": {corev1.Pod{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &now}, Status: with(corev1.PodStatus{Phase: corev1.PodRunning}, "", "", "DeletionByPodGC")},
			buildspec.Outcome{Result: model.Retry, LogBytes: -1, Reason: "the executor Pod was lost: its machine is gone"}, true},
		"disk full": {corev1.Pod{Status: with(ended(`{"result":"RETRY","reason":"the executor was stopped","logBytes":7}`, 0, "Completed"), "Evicted", `Usage of EmptyDir volume "work" exceeds the limit "1Gi". `, "TerminationByKubelet")},
			buildspec.Outcome{Result: model.DiskFull, LogBytes: 7, Reason: `the work directory is full: Usage of EmptyDir volume "work" exceeds the limit "1Gi".`}, true},
		"disk full, and nothing said": {corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: `Usage of EmptyDir volume "work" exceeds the limit "1Gi".`}},
			buildspec.Outcome{Result: model.DiskFull, LogBytes: -1, Reason: `the work directory is full: Usage of EmptyDir volume "work" exceeds the limit "1Gi".`}, true},
		"another volume full": {corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: `Usage of EmptyDir volume "tmp" exceeds the limit "1Gi".`}},
			buildspec.Outcome{Result: model.Retry, LogBytes: -1, Reason: `the executor Pod ended: Evicted Usage of EmptyDir volume "tmp" exceeds the limit "1Gi".`}, true},
		"deleted": {corev1.Pod{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &now}, Status: corev1.PodStatus{Phase: corev1.PodRunning}},
			buildspec.Outcome{Result: model.Retry, LogBytes: -1, Reason: "the executor Pod was deleted"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, decided := OfExecutor(&tc.pod)
			if diff := cmp.Diff(tc.want, got); diff != "" || decided != tc.decided {
				t.Errorf("decided %v\n%s", decided, diff)
			}
		})
	}
}

func TestOfNode(t *testing.T) {
	waiting := func(reason, message string) corev1.PodStatus {
		return corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}}}
	}
	for name, tc := range map[string]struct {
		status corev1.PodStatus
		want   NodeState
	}{
		"starting":  {corev1.PodStatus{Phase: corev1.PodPending}, NodeState{}},
		"ready":     {corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.0.0.1"}, NodeState{Ready: true}},
		"no image":  {waiting("ErrImageNeverPull", "not present"), NodeState{Failed: true, Message: "node Pod n cannot start: ErrImageNeverPull: not present"}},
		"pulling":   {waiting("ImagePullBackOff", "back-off"), NodeState{Message: "node Pod n waits for its image: back-off"}},
		"no room":   {corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "0/1 nodes available"}}}, NodeState{Message: "node Pod n cannot be scheduled: 0/1 nodes available"}},
		"preempted": {corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Preempting", Message: "to make room"}, NodeState{Failed: true, Gone: true, Message: "node Pod n ended: Preempting to make room"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := OfNode(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "n"}, Status: tc.status})
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWaiting(t *testing.T) {
	container := func(name, reason, message string) corev1.ContainerStatus {
		return corev1.ContainerStatus{Name: name, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}
	}
	for name, tc := range map[string]struct {
		status corev1.PodStatus
		want   string
	}{
		"starts": {corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{container("trusted", "ContainerCreating", "")}}, ""},
		"no image": {corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{container("trusted", "ContainerCreating", ""), container("untrusted", "ImagePullBackOff", "back-off")}},
			"the container untrusted of the executor Pod does not start: ImagePullBackOff: back-off"},
		"no room": {corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "0/1 nodes"}}}, "the executor Pod cannot be scheduled: 0/1 nodes"},
	} {
		if got := Waiting(&corev1.Pod{Status: tc.status}); got != tc.want {
			t.Errorf("%s: got %q, want %q", name, got, tc.want)
		}
	}
}
