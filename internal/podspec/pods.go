package podspec

import (
	"fmt"
	"maps"
	"path"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gozer-dev/gozer/internal/buildspec"
)

// Keys of the Secret that belongs to a node request. Each Pod mounts only its own.
const (
	KeyHostKey       = "host_key"
	KeyAuthorizedKey = "authorized_key"
	KeyClientKey     = "client_key"
	KeyGitToken      = "git_token"
	KeyLogToken      = "log_token"
)

// KeySecrets is the key of the Secret that has the job's own secrets, decrypted.
// It is another Secret than that of the keys, and only the executor mounts it.
const KeySecrets = "secrets.json"

// AnnotationSpec carries the build's specification into its executor Pod.
const AnnotationSpec = "gozer.dev/build-spec"

// executorUser is the user of the gozer image, and executorHome that user's home.
const (
	executorUser = 65532
	executorHome = "/home/gozer"
)

// Image is an image and when to pull it.
type Image struct {
	Name string
	Pull corev1.PullPolicy
}

// Node is what a node Pod is made of.
type Node struct {
	Namespace, Name string
	Labels          map[string]string
	Owner           metav1.OwnerReference
	// Secret with the node's keys.
	Secret string
	// Gozer is the image that the node agent is copied from.
	Gozer Image
	// Image of the node itself.
	Image Image
	// User that commands run as; 0 is root, and takes Root.
	User int64
	// Root lets what runs on the node be root in its container.
	Root bool
	// UserNamespace makes that root nobody outside of the Pod.
	UserNamespace bool
	Home          string
	Resources     corev1.ResourceRequirements
	NodeSelector  map[string]string
	Tolerations   []corev1.Toleration
	// Shell that runs commands; the image's own when it is empty.
	Shell string
	// Env, Volumes and Mounts come to those that every node has.
	Env     []corev1.EnvVar
	Volumes []corev1.Volume
	Mounts  []corev1.VolumeMount
	// Deadline in seconds after which Kubernetes ends the Pod whatever happens; 0 for none.
	Deadline int64
}

// NodePod is the Pod of a node.
func NodePod(n Node) *corev1.Pod {
	pod := base(n.Namespace, n.Name, n.Labels, n.Owner, n.User, n.Deadline)
	pod.Spec.NodeSelector, pod.Spec.Tolerations = n.NodeSelector, n.Tolerations
	pod.Spec.Volumes = []corev1.Volume{
		emptyDir("agent"), emptyDir("home"), emptyDir("tmp"),
		secret("keys", n.Secret, KeyHostKey, KeyAuthorizedKey),
	}
	agent := corev1.VolumeMount{Name: "agent", MountPath: "/gozer"}
	pod.Spec.InitContainers = []corev1.Container{{
		Name: "agent", Image: n.Gozer.Name, ImagePullPolicy: n.Gozer.Pull,
		Command:         []string{"gozer", "node", "install", "/gozer"},
		VolumeMounts:    []corev1.VolumeMount{agent},
		SecurityContext: confined(),
	}}
	agent.ReadOnly = true
	pod.Spec.Containers = []corev1.Container{{
		Name: "node", Image: n.Image.Name, ImagePullPolicy: n.Image.Pull,
		Command:    []string{buildspec.AgentBinary, "node"},
		WorkingDir: n.Home,
		Env:        []corev1.EnvVar{{Name: "HOME", Value: n.Home}},
		Ports:      []corev1.ContainerPort{{Name: "ssh", ContainerPort: buildspec.SSHPort}},
		Resources:  n.Resources,
		VolumeMounts: []corev1.VolumeMount{
			agent, {Name: "home", MountPath: n.Home}, {Name: "tmp", MountPath: "/tmp"},
			{Name: "keys", MountPath: "/etc/gozer/node", ReadOnly: true},
		},
		SecurityContext: confined(),
	}}
	if n.Root {
		n.allowRoot(pod)
	}
	if n.UserNamespace {
		pod.Spec.HostUsers = ptr(false)
	}
	n.addOwn(pod)
	return pod
}

// rootCapabilities are what root has in a node's container: enough to install
// packages, to own files and to be another user. They are within the profile
// "baseline" of the Pod Security Standards, without making devices.
var rootCapabilities = []corev1.Capability{
	"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
}

// allowRoot gives the node's container, and it alone, what root needs there.
func (n Node) allowRoot(pod *corev1.Pod) {
	pod.Spec.SecurityContext.RunAsNonRoot = nil
	c := &pod.Spec.Containers[0]
	c.SecurityContext = &corev1.SecurityContext{
		AllowPrivilegeEscalation: ptr(true), // for sudo
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}, Add: rootCapabilities},
	}
	// /etc/hosts and /etc/resolv.conf are mounts, which cannot be replaced by a
	// rename: with this Ansible's modules write into them.
	c.Env = append(c.Env, corev1.EnvVar{Name: "ANSIBLE_UNSAFE_WRITES", Value: "1"})
}

// addOwn adds what the label has of its own. What every node has comes last: of
// two variables of one name the last counts.
func (n Node) addOwn(pod *corev1.Pod) {
	c := &pod.Spec.Containers[0]
	if n.Shell != "" {
		c.Env = append(c.Env, corev1.EnvVar{Name: "SHELL", Value: n.Shell})
	}
	c.Env = slices.Concat(n.Env, c.Env)
	c.VolumeMounts = append(c.VolumeMounts, n.Mounts...)
	pod.Spec.Volumes = append(pod.Spec.Volumes, n.Volumes...)
}

// Executor is what an executor Pod is made of.
type Executor struct {
	Namespace, Name string
	Labels          map[string]string
	Owner           metav1.OwnerReference
	// Secret with the client key and the tokens.
	Secret string
	// NodeSecrets are those of nodes that have a client key of their own.
	NodeSecrets []string
	// JobSecrets is the Secret with the job's own secrets; "" when it has none.
	JobSecrets string
	// Parents are Secrets with what other jobs have returned, under ParentsKey.
	Parents    []string
	ParentsKey string
	Gozer      Image
	// Ansible is the image of the containers that run playbooks of Ansible; no name
	// for builds that run none. Trusted adds the one for trusted playbooks.
	Ansible Image
	Trusted bool
	// Spec is the build's specification as JSON.
	Spec string
	// WorkLimit bounds the work directory; nil for no bound.
	WorkLimit *resource.Quantity
	// Cleanup is how long, in seconds, playbooks may clean up after the Pod was deleted.
	Cleanup int64
	// Deadline in seconds after which Kubernetes ends the Pod whatever happens; 0 for none.
	Deadline int64
}

// ExecutorPod is the Pod that runs a build.
func ExecutorPod(e Executor) *corev1.Pod {
	pod := base(e.Namespace, e.Name, e.Labels, e.Owner, executorUser, e.Deadline)
	pod.Annotations = map[string]string{AnnotationSpec: e.Spec}
	pod.Spec.Volumes = []corev1.Volume{
		workDir(e.WorkLimit), emptyDir("tmp"),
		executorKeys(e),
		{Name: "build", VolumeSource: corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{
			Items: []corev1.DownwardAPIVolumeFile{{
				Path:     "spec.json",
				FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.annotations['" + AnnotationSpec + "']"},
			}},
		}}},
	}
	pod.Spec.Containers = []corev1.Container{{
		Name: ContainerExecutor, Image: e.Gozer.Name, ImagePullPolicy: e.Gozer.Pull,
		Command: []string{"gozer", "executor"},
		VolumeMounts: []corev1.VolumeMount{
			{Name: "work", MountPath: buildspec.WorkDir}, {Name: "tmp", MountPath: "/tmp"},
			{Name: "keys", MountPath: buildspec.KeysDir, ReadOnly: true},
			{Name: "build", MountPath: "/etc/gozer/build", ReadOnly: true},
		},
		Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("20m"), corev1.ResourceMemory: resource.MustParse("32Mi"),
		}},
		TerminationMessagePath: buildspec.OutcomeFile,
		SecurityContext:        confined(),
	}}
	if e.JobSecrets != "" {
		pod.Spec.Volumes = append(pod.Spec.Volumes, secret("secrets", e.JobSecrets, KeySecrets))
		c := &pod.Spec.Containers[0]
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: "secrets", MountPath: buildspec.SecretsDir, ReadOnly: true})
	}
	if len(e.Parents) > 0 {
		pod.Spec.Volumes = append(pod.Spec.Volumes, parents(e))
		c := &pod.Spec.Containers[0]
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: "parents", MountPath: buildspec.ParentsDir, ReadOnly: true})
	}
	if e.Ansible.Name != "" {
		addRunners(pod, e)
	}
	*pod.Spec.TerminationGracePeriodSeconds += e.Cleanup
	return pod
}

// volumeWork is the work directory of a build.
const volumeWork = "work"

// workDir is bounded, if there is a bound: what fills it is ended by Kubernetes.
func workDir(limit *resource.Quantity) corev1.Volume {
	v := emptyDir(volumeWork)
	v.EmptyDir.SizeLimit = limit
	return v
}

// parents has a file for each, in order. One that somebody deleted is left out.
func parents(e Executor) corev1.Volume {
	v := &corev1.ProjectedVolumeSource{DefaultMode: ptr(int32(0o440))}
	for n, name := range e.Parents {
		v.Sources = append(v.Sources, corev1.VolumeProjection{Secret: &corev1.SecretProjection{
			LocalObjectReference: corev1.LocalObjectReference{Name: name}, Optional: ptr(true),
			Items: []corev1.KeyToPath{{Key: e.ParentsKey, Path: fmt.Sprintf("%04d.json", n)}},
		}})
	}
	return corev1.Volume{Name: "parents", VolumeSource: corev1.VolumeSource{Projected: v}}
}

// executorKeys are the client keys of all nodes, and the tokens.
func executorKeys(e Executor) corev1.Volume {
	own := secret("keys", e.Secret, KeyClientKey, KeyGitToken, KeyLogToken)
	if len(e.NodeSecrets) == 0 {
		return own
	}
	project := func(name string, items ...corev1.KeyToPath) corev1.VolumeProjection {
		return corev1.VolumeProjection{Secret: &corev1.SecretProjection{LocalObjectReference: corev1.LocalObjectReference{Name: name}, Items: items}}
	}
	all := &corev1.ProjectedVolumeSource{DefaultMode: own.Secret.DefaultMode, Sources: []corev1.VolumeProjection{project(e.Secret, own.Secret.Items...)}}
	for _, s := range e.NodeSecrets {
		all.Sources = append(all.Sources, project(s, corev1.KeyToPath{Key: KeyClientKey, Path: NodeKeyFile(s)}))
	}
	return corev1.Volume{Name: own.Name, VolumeSource: corev1.VolumeSource{Projected: all}}
}

// NodeKeyFile is where an executor has the client key of a node's own Secret.
func NodeKeyFile(secret string) string { return KeyClientKey + "." + secret }

// ContainerExecutor is the container of an executor Pod whose end is the build's.
const ContainerExecutor = "executor"

// addRunners adds the containers that run playbooks. Each sees the work
// directory, the configuration, the repositories that it may, and a directory
// of its own, in which the executor reaches it; and nothing of the executor's:
// no token, no key, no secret. They are started first: Kubernetes starts
// containers in order, and the executor waits for them.
func addRunners(pod *corev1.Pod, e Executor) {
	executor := pod.Spec.Containers[0]
	share := func(name, path string, to *corev1.Container, readOnly bool) {
		to.VolumeMounts = append(to.VolumeMounts, corev1.VolumeMount{Name: name, MountPath: path, ReadOnly: readOnly})
	}
	for _, v := range []struct{ name, path string }{
		{"ansible", buildspec.AnsibleDir}, {"untrusted", buildspec.UntrustedDir}, {"trusted", buildspec.TrustedDir}, {"ssh-agent", path.Join(buildspec.RunnersDir, buildspec.SSHAgentDir)},
	} {
		pod.Spec.Volumes = append(pod.Spec.Volumes, emptyDir(v.name))
		share(v.name, v.path, &executor, false)
	}
	names := []string{buildspec.RunnerUntrusted}
	if e.Trusted {
		names = append(names, buildspec.RunnerTrusted)
	}
	var runners []corev1.Container
	for _, name := range names {
		own, dir := "runner-"+name, path.Join(buildspec.RunnersDir, name)
		pod.Spec.Volumes = append(pod.Spec.Volumes, emptyDir(own), emptyDir("tmp-"+name), emptyDir("home-"+name), memory("shm-"+name))
		share(own, dir, &executor, false)
		repositories := []string{"untrusted"}
		if name == buildspec.RunnerTrusted {
			repositories = []string{"untrusted", "trusted"}
		}
		c := corev1.Container{
			Name: name, Image: e.Ansible.Name, ImagePullPolicy: e.Ansible.Pull,
			Command: []string{"gozer", "node", "--socket", path.Join(dir, buildspec.RunnerSocket)},
			Env:     []corev1.EnvVar{{Name: "HOME", Value: executorHome}},
			Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
				corev1.ResourceCPU: resource.MustParse("50m"), corev1.ResourceMemory: resource.MustParse("96Mi"),
			}},
			SecurityContext: confined(),
		}
		if e.Cleanup > 0 {
			c.Command = append(c.Command, "--outlast", fmt.Sprint(e.Cleanup, "s"))
		}
		share("work", buildspec.WorkDir, &c, false)
		share("tmp-"+name, "/tmp", &c, false)
		share("home-"+name, executorHome, &c, false)
		// The containers of a Pod share /dev/shm, and secrets are held there.
		share("shm-"+name, "/dev/shm", &c, false)
		share(own, dir, &c, false)
		share("ansible", buildspec.AnsibleDir, &c, true)
		share("ssh-agent", path.Join(buildspec.RunnersDir, buildspec.SSHAgentDir), &c, true)
		for _, r := range repositories {
			share(r, map[string]string{"untrusted": buildspec.UntrustedDir, "trusted": buildspec.TrustedDir}[r], &c, true)
		}
		runners = append(runners, c)
	}
	pod.Spec.Containers = slices.Concat(runners, []corev1.Container{executor})
}

func base(namespace, name string, labels map[string]string, owner metav1.OwnerReference, user, deadline int64) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: maps.Clone(labels), OwnerReferences: []metav1.OwnerReference{owner}},
		Spec: corev1.PodSpec{
			RestartPolicy:                 corev1.RestartPolicyNever,
			AutomountServiceAccountToken:  ptr(false),
			EnableServiceLinks:            ptr(false),
			TerminationGracePeriodSeconds: ptr(int64(10)),
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot: ptr(true), RunAsUser: ptr(user), RunAsGroup: ptr(user), FSGroup: ptr(user),
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
		},
	}
	if deadline > 0 {
		pod.Spec.ActiveDeadlineSeconds = ptr(deadline)
	}
	return pod
}

func ptr[T any](v T) *T { return &v }

func confined() *corev1.SecurityContext {
	return &corev1.SecurityContext{
		AllowPrivilegeEscalation: ptr(false),
		ReadOnlyRootFilesystem:   ptr(true),
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
}

func emptyDir(name string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}
}

// memory is an emptyDir that is on no disk.
func memory(name string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{
		Medium: corev1.StorageMediumMemory, SizeLimit: ptr(resource.MustParse("64Mi")),
	}}}
}

func secret(volume, name string, keys ...string) corev1.Volume {
	s := &corev1.SecretVolumeSource{SecretName: name, DefaultMode: ptr(int32(0o440))}
	for _, k := range keys {
		s.Items = append(s.Items, corev1.KeyToPath{Key: k, Path: k})
	}
	return corev1.Volume{Name: volume, VolumeSource: corev1.VolumeSource{Secret: s}}
}

// Names that playbooks know the user of a node by: Zuul's default, and root where
// all commands run as root, so that Ansible need not become it. The node agent
// does not look at them: commands run as the user of the container.
const (
	UserName = "zuul"
	RootName = "root"
)
