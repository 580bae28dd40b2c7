package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
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
}

// NodeLabel is a kind of node: the Pod that jobs asking for it get.
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
	// home of that user, a fresh volume in every node.
	// +optional
	// +kubebuilder:default=/home/zuul
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:Pattern=`^/[A-Za-z0-9_./-]+$`
	Home string `json:"home,omitempty"`
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
