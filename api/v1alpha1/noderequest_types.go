package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// NodeRequestSpec asks for the nodes of one attempt of one build.
//
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a node request's spec is immutable"
type NodeRequestSpec struct {
	// build that asks.
	// +kubebuilder:validation:MaxLength=253
	Build string `json:"build"`
	// attempt of the build.
	// +kubebuilder:validation:Minimum=1
	Attempt int32 `json:"attempt"`
	// nodes wanted: all or none. A build that runs in its executor wants none, and
	// only gets its keys.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +listType=map
	// +listMapKey=name
	Nodes []NodeSpec `json:"nodes,omitempty"`
	// alternatives are asked for, in their order, when nodes cannot be had.
	// +optional
	// +kubebuilder:validation:MaxItems=99
	// +listType=atomic
	Alternatives []NodeAlternative `json:"alternatives,omitempty"`
	// priority orders requests: lower is served first (high precedence 100, normal 200, low 300,
	// what only takes idle nodes 1000).
	// +optional
	// +kubebuilder:default=200
	Priority int32 `json:"priority,omitempty"`
}

// NodeSpec is one node that a job asks for.
type NodeSpec struct {
	// name of the node in the job, e.g. "controller".
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	Name string `json:"name"`
	// label that a NodePool provides, e.g. "debian".
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	Label string `json:"label"`
	// groups of the job's inventory that the node is in.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=255
	// +listType=set
	Groups []string `json:"groups,omitempty"`
}

// NodeAlternative is a nodeset that is taken when those before it cannot be had.
type NodeAlternative struct {
	// nodes of it; none for a job that then runs in its executor.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	Nodes []NodeSpec `json:"nodes,omitempty"`
}

// NodeRequestState is where a request stands.
// +kubebuilder:validation:Enum=Requested;Pending;Fulfilled;Failed;Released
type NodeRequestState string

// States of a node request.
const (
	// NodesRequested waits for room.
	NodesRequested NodeRequestState = "Requested"
	// NodesPending has Pods that are starting.
	NodesPending NodeRequestState = "Pending"
	// NodesFulfilled has all its nodes ready.
	NodesFulfilled NodeRequestState = "Fulfilled"
	// NodesFailed cannot be served; message says why.
	NodesFailed NodeRequestState = "Failed"
	// NodesReleased is done with: its Pods are gone or going.
	NodesReleased NodeRequestState = "Released"
)

// NodeRequestStatus is written by the noderequest controller.
type NodeRequestStatus struct {
	// state of the request.
	// +optional
	State NodeRequestState `json:"state,omitempty"`
	// message says why it waits or failed, in plain words.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
	// alternative that is asked for, or was given: 0 is spec.nodes, 1 the first of
	// spec.alternatives.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Alternative int32 `json:"alternative,omitempty"`
	// failedLaunches of this alternative; another begins until there were as many as
	// the pool's launchAttempts.
	// +optional
	// +kubebuilder:validation:Minimum=0
	FailedLaunches int32 `json:"failedLaunches,omitempty"`
	// failures say why the alternatives before this one could not be had.
	// +optional
	// +kubebuilder:validation:MaxItems=99
	// +kubebuilder:validation:items:MaxLength=512
	// +listType=atomic
	Failures []string `json:"failures,omitempty"`
	// relativePriority orders requests of one priority where the manager has
	// --relative-priority: lower is served first. In a dependent pipeline it is
	// the item's place in its queue, elsewhere how many items of its projects are
	// ahead of it in the pipeline: exact below 10, by tens below 100, then by
	// hundreds. It is what it was when state or message last changed.
	// +optional
	// +kubebuilder:validation:Minimum=0
	RelativePriority int32 `json:"relativePriority,omitempty"`
	// lost tells that a node vanished: the build is worth another attempt.
	// +optional
	Lost bool `json:"lost,omitempty"`
	// launchedAt is when the node Pods were made; the pool's launchTimeout counts from then.
	// +optional
	LaunchedAt *metav1.MicroTime `json:"launchedAt,omitempty"`
	// nodes that were made, in the order of the spec.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +listType=map
	// +listMapKey=name
	Nodes []NodeStatus `json:"nodes,omitempty"`
	// conditions: Ready.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// NodeStatus is one node Pod.
type NodeStatus struct {
	// name of the node in the job.
	// +kubebuilder:validation:MaxLength=255
	Name string `json:"name"`
	// label it was made for.
	// +kubebuilder:validation:MaxLength=255
	Label string `json:"label"`
	// pod that is the node.
	// +kubebuilder:validation:MaxLength=253
	Pod string `json:"pod"`
	// address of the Pod.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Address string `json:"address,omitempty"`
	// user that commands run as.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	User string `json:"user,omitempty"`
	// home of that user; the workspace goes there.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Home string `json:"home,omitempty"`
	// pythonPath is the Python that Ansible uses there, as the label says.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	PythonPath string `json:"pythonPath,omitempty"`
	// hostKey is the node's public SSH key.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	HostKey string `json:"hostKey,omitempty"`
	// secret with the keys of a node that was kept warm; others have those of the request.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Secret string `json:"secret,omitempty"`
}

// NodeRequest asks for the nodes of one attempt of a build.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=nr,categories=gozer
// +kubebuilder:printcolumn:name="Build",type=string,JSONPath=`.spec.build`
// +kubebuilder:printcolumn:name="Attempt",type=integer,JSONPath=`.spec.attempt`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type NodeRequest struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what is asked for.
	Spec NodeRequestSpec `json:"spec"`
	// status tells what was given.
	// +optional
	Status NodeRequestStatus `json:"status,omitempty"`
}

// NodeRequestList is a list of NodeRequests.
//
// +kubebuilder:object:root=true
type NodeRequestList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []NodeRequest `json:"items"`
}
