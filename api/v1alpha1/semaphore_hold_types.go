package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// SemaphoreSpec bounds how many builds hold it at once.
type SemaphoreSpec struct {
	// name of the semaphore as jobs say it, where metadata.name cannot be that.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Name string `json:"name,omitempty"`
	// max holders. A smaller number takes it from nobody; nobody gets it before
	// fewer hold it.
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1024
	Max int32 `json:"max"`
}

// SemaphoreHolder is a build that holds a semaphore.
type SemaphoreHolder struct {
	// tenant is the namespace of the build.
	// +kubebuilder:validation:MaxLength=63
	Tenant string `json:"tenant"`
	// build is the name of the Build.
	// +kubebuilder:validation:MaxLength=253
	Build string `json:"build"`
	// item is the name of the QueueItem that the build is for.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Item string `json:"item,omitempty"`
	// since when it holds it.
	Since metav1.MicroTime `json:"since"`
}

// SemaphoreStatus is written by the semaphore controller.
type SemaphoreStatus struct {
	// holders, in the order in which they got it.
	// +optional
	// +kubebuilder:validation:MaxItems=1024
	// +listType=map
	// +listMapKey=tenant
	// +listMapKey=build
	Holders []SemaphoreHolder `json:"holders,omitempty"`
	// held counts the holders.
	// +optional
	Held int32 `json:"held"`
	// waiting counts the builds that wait for it.
	// +optional
	Waiting int32 `json:"waiting"`
	// next is the build that gets it next, with its tenant: "acme/gate-api-12-…".
	// +optional
	// +kubebuilder:validation:MaxLength=320
	Next string `json:"next,omitempty"`
}

// Semaphore bounds how many builds that name it run at once: builds of the tenant
// of its namespace or, in the operator's namespace, of all tenants that list it in
// their semaphores. One that a tenant's configuration defines is made by the tenant
// controller. One that nobody defines is made with room for one when a build asks
// for it.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:categories=gozer
// +kubebuilder:printcolumn:name="Max",type=integer,JSONPath=`.spec.max`
// +kubebuilder:printcolumn:name="Held",type=integer,JSONPath=`.status.held`
// +kubebuilder:printcolumn:name="Waiting",type=integer,JSONPath=`.status.waiting`
// +kubebuilder:printcolumn:name="Holders",type=string,JSONPath=`.status.holders[*].build`
// +kubebuilder:printcolumn:name="Next",type=string,JSONPath=`.status.next`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Semaphore struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the bound.
	Spec SemaphoreSpec `json:"spec"`
	// status tells who holds it.
	// +optional
	Status SemaphoreStatus `json:"status,omitempty"`
}

// SemaphoreList is a list of Semaphores.
//
// +kubebuilder:object:root=true
type SemaphoreList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Semaphore `json:"items"`
}

// HoldSpec asks to keep the nodes of failing builds (Zuul: autohold).
//
// +kubebuilder:validation:XValidation:rule="!(has(self.change) && has(self.ref))",message="give change or ref, not both"
type HoldSpec struct {
	// project whose builds are meant, by its canonical name, e.g.
	// "github.com/acme/api", or without the host.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Project string `json:"project"`
	// job whose nodes are kept.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	Job string `json:"job"`
	// change narrows it to one change, by number.
	// +optional
	// +kubebuilder:validation:Minimum=1
	Change *int64 `json:"change,omitempty"`
	// ref narrows it to refs that begin with what this regular expression matches,
	// e.g. "refs/heads/stable/.*".
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Ref *string `json:"ref,omitempty"`
	// reason, for people.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason"`
	// count of builds whose nodes are kept.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=256
	Count int32 `json:"count,omitempty"`
	// nodeExpiration, in seconds, after which kept nodes are deleted. The maxHoldAge
	// of their pools may make it less.
	// +optional
	// +kubebuilder:default=86400
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=31536000
	NodeExpiration int64 `json:"nodeExpiration,omitempty"`
	// expiresAt is when it ceases to be for builds that end; unset is never. What it
	// keeps then stays until its own time is over.
	// +optional
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`
}

// HeldBuild is a build whose nodes are kept, or were.
type HeldBuild struct {
	// build is the name of the Build, which is deleted long before.
	// +kubebuilder:validation:MaxLength=253
	Build string `json:"build"`
	// change that it was for, for people.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Change string `json:"change,omitempty"`
	// result of the build.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Result string `json:"result,omitempty"`
	// heldAt is when it ended.
	HeldAt metav1.MicroTime `json:"heldAt"`
	// expiresAt is when its nodes are deleted.
	ExpiresAt metav1.Time `json:"expiresAt"`
	// nodes are the node Pods that are still there.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=253
	// +listType=set
	Nodes []string `json:"nodes,omitempty"`
}

// HoldStatus is written by the hold controller.
type HoldStatus struct {
	// builds whose nodes are kept, or were, in the order in which they ended.
	// +optional
	// +kubebuilder:validation:MaxItems=256
	// +listType=map
	// +listMapKey=build
	Builds []HeldBuild `json:"builds,omitempty"`
	// held counts these builds; with as many as spec.count it is done.
	// +optional
	Held int32 `json:"held"`
	// nodes counts the node Pods that are kept now.
	// +optional
	Nodes int32 `json:"nodes"`
	// conditions: Ready, whether it waits for builds to fail. Its reason is Waiting,
	// Done, Expired or Invalid.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Hold keeps the nodes of builds that fail, for a person to look at (Zuul:
// autohold). They belong to it: when it is deleted, they go. One that is done, and
// keeps nothing any more, is deleted after a day.
//
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 63",message="a hold's name is at most 63 characters long: it is a label of the nodes that it keeps"
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:categories=gozer
// +kubebuilder:printcolumn:name="Project",type=string,JSONPath=`.spec.project`
// +kubebuilder:printcolumn:name="Job",type=string,JSONPath=`.spec.job`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Held",type=integer,JSONPath=`.status.held`
// +kubebuilder:printcolumn:name="Count",type=integer,JSONPath=`.spec.count`
// +kubebuilder:printcolumn:name="Nodes",type=integer,JSONPath=`.status.nodes`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.spec.reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Hold struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says which builds are meant.
	Spec HoldSpec `json:"spec"`
	// status tells which nodes are kept.
	// +optional
	Status HoldStatus `json:"status,omitempty"`
}

// HoldList is a list of Holds.
//
// +kubebuilder:object:root=true
type HoldList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Hold `json:"items"`
}
