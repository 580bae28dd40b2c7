package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ChangeQueueSpec names a sequence of changes that are tested on one another.
//
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a queue's spec is immutable"
type ChangeQueueSpec struct {
	// pipeline that the queue belongs to.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Pipeline string `json:"pipeline"`
	// queue is the name of the shared queue, or of the only project in it.
	// Queues of independent pipelines hold one change each and go with it.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Queue string `json:"queue"`
	// manager is the pipeline's manager.
	Manager Manager `json:"manager"`
	// dynamic queues are made for one change and removed when they are empty.
	// +optional
	Dynamic bool `json:"dynamic,omitempty"`
	// item is the live QueueItem for which a dynamic queue is made. Nothing is
	// done about the queue before that item is there.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Item string `json:"item,omitempty"`
}

// ChangeQueueStatus is the plan of the queue, written by the changequeue
// controller alone and as a whole: order, what each item is tested on, and the
// window change in one write.
type ChangeQueueStatus struct {
	// items in the order in which they are to merge.
	// +optional
	// +kubebuilder:validation:MaxItems=4096
	// +listType=map
	// +listMapKey=item
	Items []QueueEntry `json:"items,omitempty"`
	// alternatives are the places that items get if the failed builds that are run
	// again now fail for good.
	// +optional
	// +kubebuilder:validation:MaxItems=4096
	// +listType=map
	// +listMapKey=item
	Alternatives []AlternativePlace `json:"alternatives,omitempty"`
	// length is the number of items.
	// +optional
	Length int32 `json:"length"`
	// window is the number of items at the front that are worked on; 0 is no bound.
	// +optional
	Window int32 `json:"window"`
	// windowSet tells that window was given its first value.
	// +optional
	WindowSet bool `json:"windowSet,omitempty"`
	// looked is the last push about which the queue looked at its branches.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Looked string `json:"looked,omitempty"`
	// merged counts the changes that merged through this queue.
	// +optional
	Merged int64 `json:"merged,omitempty"`
	// resets counts how often an item lost its builds because of an item ahead.
	// +optional
	Resets int64 `json:"resets,omitempty"`
	// conditions: Ready is false with a reason when the queue cannot go on by itself.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// AlternativePlace is where an item would stand.
type AlternativePlace struct {
	// item is the name of the QueueItem.
	// +kubebuilder:validation:MaxLength=253
	Item string `json:"item"`
	// ahead is the item on whose state it would be tested; empty for the branches themselves.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Ahead string `json:"ahead,omitempty"`
	// aheadEpoch is the epoch of the item ahead; one that it does not have yet is
	// that of an alternative, too.
	// +optional
	AheadEpoch int32 `json:"aheadEpoch,omitempty"`
	// epoch that the item would have.
	// +kubebuilder:validation:Minimum=1
	Epoch int32 `json:"epoch"`
}

// QueueEntry is one item's place.
type QueueEntry struct {
	// item is the name of the QueueItem.
	// +kubebuilder:validation:MaxLength=253
	Item string `json:"item"`
	// ahead is the item on whose state this one is tested; empty for the branches themselves.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Ahead string `json:"ahead,omitempty"`
	// aheadEpoch is the epoch of the item ahead on which this one is tested.
	// +optional
	AheadEpoch int32 `json:"aheadEpoch,omitempty"`
	// epoch counts the speculative states the item was given, from 1; each has its own BuildSet.
	// +kubebuilder:validation:Minimum=1
	Epoch int32 `json:"epoch"`
	// active items are within the window: their state is prepared and their jobs run.
	// +optional
	Active bool `json:"active,omitempty"`
	// halted items are not worked on: a change that they need is failing.
	// +optional
	Halted bool `json:"halted,omitempty"`
	// rescuer is the item behind this one that passed what it failed in: both merge.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Rescuer string `json:"rescuer,omitempty"`
	// givenUp items failed, and nobody behind them will rescue them; only where the
	// pipeline rescues.
	// +optional
	GivenUp bool `json:"givenUp,omitempty"`
	// promoted is the request for the front of the queue that was fulfilled last.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Promoted string `json:"promoted,omitempty"`
	// urgent is the request to pass those that wait that was fulfilled last; empty
	// for an item that is not urgent.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Urgent string `json:"urgent,omitempty"`
	// why the item is on this state, in words.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Why string `json:"why,omitempty"`
	// since when the item is on this state.
	// +optional
	Since *metav1.MicroTime `json:"since,omitempty"`
}

// ChangeQueue is a sequence of changes that merge in order, each tested on the
// nearest one ahead that does not fail.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=cq,categories=gozer
// +kubebuilder:printcolumn:name="Pipeline",type=string,JSONPath=`.spec.pipeline`
// +kubebuilder:printcolumn:name="Queue",type=string,JSONPath=`.spec.queue`
// +kubebuilder:printcolumn:name="Length",type=integer,JSONPath=`.status.length`
// +kubebuilder:printcolumn:name="Window",type=integer,JSONPath=`.status.window`
// +kubebuilder:printcolumn:name="Merged",type=integer,JSONPath=`.status.merged`
// +kubebuilder:printcolumn:name="Resets",type=integer,JSONPath=`.status.resets`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ChangeQueue struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec names the queue.
	Spec ChangeQueueSpec `json:"spec"`
	// status is the order of the items and what each is tested on.
	// +optional
	Status ChangeQueueStatus `json:"status,omitempty"`
}

// ChangeQueueList is a list of ChangeQueues.
//
// +kubebuilder:object:root=true
type ChangeQueueList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ChangeQueue `json:"items"`
}
