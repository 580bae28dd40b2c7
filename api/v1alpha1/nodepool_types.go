package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// NodePoolSpec says what node labels mean on this cluster.
type NodePoolSpec struct {
	// labels that this pool provides. When several pools provide a label, the
	// first pool by name that allows the tenant serves it.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +listType=map
	// +listMapKey=name
	Labels []NodeLabel `json:"labels"`
	// allowedTenants are the namespaces that may use the pool; unset allows all.
	// +optional
	// +kubebuilder:validation:MaxItems=1024
	// +kubebuilder:validation:items:MaxLength=63
	// +listType=set
	AllowedTenants []string `json:"allowedTenants,omitempty"`
	// maxNodes bounds the node Pods of this pool that exist at once; unset is no bound.
	// +optional
	// +kubebuilder:validation:Minimum=1
	MaxNodes *int32 `json:"maxNodes,omitempty"`
	// maxNodesPerTenant bounds the nodes of the pool that one tenant's builds have at
	// once; unset is no bound. Warm nodes that wait do not count for it.
	// +optional
	// +kubebuilder:validation:Minimum=1
	MaxNodesPerTenant *int32 `json:"maxNodesPerTenant,omitempty"`
	// queueName of Kueue that node Pods are admitted by: their label
	// kueue.x-k8s.io/queue-name.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	QueueName string `json:"queueName,omitempty"`
	// launchTimeout, in seconds, after which a node Pod that is not ready counts as failed.
	// +optional
	// +kubebuilder:default=300
	// +kubebuilder:validation:Minimum=5
	LaunchTimeout int32 `json:"launchTimeout,omitempty"`
	// launchAttempts, including the first, before nodes count as not to be had.
	// +optional
	// +kubebuilder:default=3
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=20
	LaunchAttempts int32 `json:"launchAttempts,omitempty"`
	// maxHoldAge, in seconds, is how long nodes of the pool may be kept for a Hold;
	// 0 forbids it. Kubernetes ends a node so much later than its job may last,
	// whatever becomes of Gozer.
	// +optional
	// +kubebuilder:default=604800
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=31536000
	MaxHoldAge *int32 `json:"maxHoldAge,omitempty"`
}

// NodeLabel is a kind of node: the Pod that jobs asking for it get.
//
// +kubebuilder:validation:XValidation:rule="!has(self.maxReady) || self.maxReady >= (has(self.minReady) ? self.minReady : 0)",message="maxReady is at least minReady"
// +kubebuilder:validation:XValidation:rule="!has(self.volumeMounts) || self.volumeMounts.all(m, has(self.volumes) && self.volumes.exists(v, v.name == m.name))",message="a volume mount names one of the volumes"
// +kubebuilder:validation:XValidation:rule="!has(self.volumeMounts) || self.volumeMounts.all(m, !has(self.home) || m.mountPath != self.home)",message="the home is a volume of its own: mount below it"
type NodeLabel struct {
	// name that nodesets ask for, e.g. "debian".
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	Name string `json:"name"`
	// image of the node: anything with a shell.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Image string `json:"image"`
	// imagePullPolicy as in a Pod.
	// +optional
	// +kubebuilder:validation:Enum=Always;IfNotPresent;Never
	ImagePullPolicy corev1.PullPolicy `json:"imagePullPolicy,omitempty"`
	// minReady nodes are kept warm in the namespace of each tenant whom the pool
	// serves: a request takes one that is ready, and another takes its place.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	MinReady int32 `json:"minReady,omitempty"`
	// maxReady warm nodes may wait; those above it go. Unset is minReady. With more
	// than minReady, nodes that a smaller minReady leaves over wait until they are
	// taken or too old.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	MaxReady *int32 `json:"maxReady,omitempty"`
	// maxAge of a warm node that nobody took, in seconds; then it is replaced. 0 is
	// no bound.
	// +optional
	// +kubebuilder:validation:Minimum=0
	MaxAge int32 `json:"maxAge,omitempty"`
	// user is the numeric user that commands run as.
	// +optional
	// +kubebuilder:default=1000
	// +kubebuilder:validation:Minimum=1
	User int64 `json:"user,omitempty"`
	// root says whether what runs on the node may be root in its container, as jobs
	// may on a virtual machine (Ansible's become). Unset is never.
	// +optional
	Root NodeRoot `json:"root,omitempty"`
	// userNamespace gives every node a user namespace of its own: its root is nobody
	// outside. The machine's kernel and container runtime must know them.
	// +optional
	UserNamespace bool `json:"userNamespace,omitempty"`
	// home of that user, a fresh volume in every node.
	// +optional
	// +kubebuilder:default=/home/zuul
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:Pattern=`^/[A-Za-z0-9_./-]+$`
	Home string `json:"home,omitempty"`
	// pythonPath is the Python that Ansible uses on the node, or how it looks for
	// one: auto, auto_silent, auto_legacy or auto_legacy_silent. A job that sets
	// ansible_python_interpreter has its own.
	// +optional
	// +kubebuilder:default=auto
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:Pattern=`^(auto|auto_silent|auto_legacy|auto_legacy_silent|/[A-Za-z0-9_./-]+)$`
	PythonPath string `json:"pythonPath,omitempty"`
	// shell that runs commands on the node, by its path in the image; unset is the
	// SHELL of the image, else /bin/sh.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:Pattern=`^/[A-Za-z0-9_./-]+$`
	Shell string `json:"shell,omitempty"`
	// env are variables of whatever runs on the node. They are for everybody to read:
	// secrets are the configuration's.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +listType=map
	// +listMapKey=name
	Env []NodeEnv `json:"env,omitempty"`
	// volumes that the node has besides its home and /tmp.
	// +optional
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=name
	Volumes []NodeVolume `json:"volumes,omitempty"`
	// volumeMounts say where these volumes are.
	// +optional
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=mountPath
	VolumeMounts []NodeVolumeMount `json:"volumeMounts,omitempty"`
	// resources of the node.
	// +optional
	Resources corev1.ResourceRequirements `json:"resources,omitempty"`
	// nodeSelector as in a Pod.
	// +optional
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	// tolerations as in a Pod.
	// +optional
	// +kubebuilder:validation:MaxItems=32
	// +listType=atomic
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`
}

// NodeRoot is how what runs on a node may be root in its container.
//
// +kubebuilder:validation:Enum=Sudo;Always
type NodeRoot string

const (
	// RootBySudo runs commands as the label's user, who becomes root with the
	// image's sudo, if its sudoers let him.
	RootBySudo NodeRoot = "Sudo"
	// RootAlways runs all commands as root, and not as the label's user.
	RootAlways NodeRoot = "Always"
)

// NodeEnv is a variable of a node.
//
// +kubebuilder:validation:XValidation:rule="!(self.name in ['HOME', 'SHELL', 'USER', 'LOGNAME'])",message="HOME and SHELL are fields of the label, USER and LOGNAME follow from its user"
type NodeEnv struct {
	// name of the variable.
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:Pattern=`^[A-Za-z_][A-Za-z0-9_]*$`
	Name string `json:"name"`
	// value of it, as it stands.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Value string `json:"value,omitempty"`
}

// NodeVolume is one of a few safe kinds of volumes; what it names is in the
// tenant's namespace, where the node is.
//
// +kubebuilder:validation:XValidation:rule="(has(self.emptyDir) ? 1 : 0) + (has(self.configMap) ? 1 : 0) + (has(self.persistentVolumeClaim) ? 1 : 0) == 1",message="a volume is one of emptyDir, configMap and persistentVolumeClaim"
// +kubebuilder:validation:XValidation:rule="!(self.name in ['agent', 'home', 'tmp', 'keys'])",message="every node has volumes agent, home, tmp and keys: choose another name"
type NodeVolume struct {
	// name that a mount names it by.
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`
	// emptyDir is fresh in every node.
	// +optional
	EmptyDir *NodeEmptyDir `json:"emptyDir,omitempty"`
	// configMap shows its keys as files.
	// +optional
	ConfigMap *NodeConfigMap `json:"configMap,omitempty"`
	// persistentVolumeClaim is shared by all nodes that mount it.
	// +optional
	PersistentVolumeClaim *NodeClaim `json:"persistentVolumeClaim,omitempty"`
}

// NodeEmptyDir is a fresh directory.
type NodeEmptyDir struct {
	// sizeLimit of it: a node that writes more is ended.
	SizeLimit resource.Quantity `json:"sizeLimit"`
	// medium is Memory for one that is on no disk; it counts for the node's memory.
	// +optional
	// +kubebuilder:validation:Enum="";Memory
	Medium corev1.StorageMedium `json:"medium,omitempty"`
}

// NodeConfigMap names a ConfigMap.
type NodeConfigMap struct {
	// name of the ConfigMap. A node does not start before there is one.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// NodeClaim names a PersistentVolumeClaim.
type NodeClaim struct {
	// claimName is the name of the PersistentVolumeClaim.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	ClaimName string `json:"claimName"`
	// writable lets nodes write to it. What one build writes there the next one
	// reads, also what was written by a change that nobody has looked at.
	// +optional
	Writable bool `json:"writable,omitempty"`
}

// NodeVolumeMount is where a volume is.
//
// +kubebuilder:validation:XValidation:rule="!self.mountPath.matches('^/(gozer|proc|sys|dev|tmp|etc/gozer)(/|$)')",message="a mount is not in /gozer, /etc/gozer, /proc, /sys, /dev or /tmp"
type NodeVolumeMount struct {
	// name of the volume.
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`
	// mountPath is where it is in the node.
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:Pattern=`^(/\.?[A-Za-z0-9_-][A-Za-z0-9_.-]*)+$`
	MountPath string `json:"mountPath"`
	// subPath is the directory of the volume that is there; unset is all of it.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:Pattern=`^\.?[A-Za-z0-9_-][A-Za-z0-9_.-]*(/\.?[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$`
	SubPath string `json:"subPath,omitempty"`
	// readOnly forbids writing here.
	// +optional
	ReadOnly bool `json:"readOnly,omitempty"`
}

// NodePoolStatus is written by the nodepool controller.
type NodePoolStatus struct {
	// launched counts the warm nodes that were ever made; it is part of their names.
	// +optional
	Launched int64 `json:"launched,omitempty"`
	// total of all labels.
	// +optional
	Total NodeCounts `json:"total,omitempty"`
	// labels of the pool, with how many of their nodes there are. It is some seconds old.
	// +optional
	// +kubebuilder:validation:MaxItems=256
	// +listType=map
	// +listMapKey=name
	Labels []NodeLabelStatus `json:"labels,omitempty"`
	// conditions: Ready, whether all warm nodes are there that should be.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// NodeLabelStatus counts the node Pods of a label.
type NodeLabelStatus struct {
	// name of the label.
	// +kubebuilder:validation:MaxLength=255
	Name       string `json:"name"`
	NodeCounts `json:",inline"`
}

// NodeState is what a node does, by the names that Nodepool has for it. The label
// gozer.dev/node-state of a node Pod is building, ready or failed as long as it is
// kept warm, in-use from when a request has it, whether it was made for it or
// taken by it, and hold from when it is held. That its Pod still starts, or is
// deleted already, is in the Pod's own status, and `gozerctl nodes` tells it.
type NodeState string

// States of nodes.
const (
	// NodeBuilding starts.
	NodeBuilding NodeState = "building"
	// NodeReady is warm and waits for a build.
	NodeReady NodeState = "ready"
	// NodeInUse has a build.
	NodeInUse NodeState = "in-use"
	// NodeUsed had a build that is over, and is about to go.
	NodeUsed NodeState = "used"
	// NodeDeleting is being deleted.
	NodeDeleting NodeState = "deleting"
	// NodeHold is kept for a person to look at.
	NodeHold NodeState = "hold"
	// NodeFailed did not start, or has ended.
	NodeFailed NodeState = "failed"
)

// NodeCounts are numbers of node Pods by what they do.
type NodeCounts struct {
	// building nodes are starting.
	// +optional
	Building int32 `json:"building"`
	// ready nodes are warm and wait for a build.
	// +optional
	Ready int32 `json:"ready"`
	// inUse nodes have a build.
	// +optional
	InUse int32 `json:"inUse"`
	// held nodes are kept for a Hold.
	// +optional
	Held int32 `json:"held"`
}

// NodePool says what node labels mean on this cluster. It lives in the operator's namespace.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=np,categories=gozer
// +kubebuilder:printcolumn:name="Labels",type=string,JSONPath=`.spec.labels[*].name`
// +kubebuilder:printcolumn:name="Max",type=integer,JSONPath=`.spec.maxNodes`
// +kubebuilder:printcolumn:name="Building",type=integer,JSONPath=`.status.total.building`
// +kubebuilder:printcolumn:name="Ready",type=integer,JSONPath=`.status.total.ready`
// +kubebuilder:printcolumn:name="In use",type=integer,JSONPath=`.status.total.inUse`
// +kubebuilder:printcolumn:name="Held",type=integer,JSONPath=`.status.total.held`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type NodePool struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the labels mean.
	Spec NodePoolSpec `json:"spec"`
	// status tells how many nodes there are.
	// +optional
	Status NodePoolStatus `json:"status,omitempty"`
}

// NodePoolList is a list of NodePools.
//
// +kubebuilder:object:root=true
type NodePoolList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []NodePool `json:"items"`
}
