package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// QueueItemSpec is a change in a pipeline. It never changes: a new patchset is a new item.
//
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="an item's spec is immutable; dequeue it and enqueue the new patchset"
type QueueItemSpec struct {
	// pipeline that the change is in.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Pipeline string `json:"pipeline"`
	// queue is the name of the ChangeQueue.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Queue string `json:"queue"`
	// changes of the item, in the order in which they merge. More than one only
	// for a dependency cycle: they are tested together and merge one after the other.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	Changes []ChangeRef `json:"changes"`
	// messages of the changes: what their authors say of them, cut to what an object
	// has room for. Of a branch or tag it is empty.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=16384
	// +listType=atomic
	Messages []string `json:"messages,omitempty"`
	// live items run jobs and are reported. The others are there because a live
	// item depends on them: they are merged into its state and not reported.
	Live bool `json:"live"`
	// needs are the names of items ahead that this one depends on (Depends-On).
	// +optional
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=253
	// +listType=set
	Needs []string `json:"needs,omitempty"`
	// event is the name of the TriggerEvent that enqueued the change.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Event string `json:"event,omitempty"`
	// reason why the change was enqueued, in words.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason,omitempty"`
	// enqueuedAt orders the items of a queue, and dates the commits of its speculative state.
	EnqueuedAt metav1.MicroTime `json:"enqueuedAt"`
}

// ItemState is where an item stands.
// +kubebuilder:validation:Enum=Waiting;Preparing;Running;Failing;Ready;Done
type ItemState string

// States of an item.
const (
	// ItemWaiting is outside the window, or waits for the item ahead to be prepared.
	ItemWaiting ItemState = "Waiting"
	// ItemPreparing is being merged and configured.
	ItemPreparing ItemState = "Preparing"
	// ItemRunning has jobs running.
	ItemRunning ItemState = "Running"
	// ItemFailing cannot succeed any more on its present state.
	ItemFailing ItemState = "Failing"
	// ItemReady has all its jobs done and waits for the items ahead.
	ItemReady ItemState = "Ready"
	// ItemDone has left its queue.
	ItemDone ItemState = "Done"
)

// MayBeRescued ends the reason of an item that failed while those behind it still
// stand on it.
const MayBeRescued = "a change behind it may still rescue it"

// QueueItemStatus has two writers: the queueitem controller writes merge,
// configErrors, jobs and buildSet; the changequeue controller writes state,
// result, reason, decisions, reported, merged and the conditions.
type QueueItemStatus struct {
	// state of the item.
	// +optional
	State ItemState `json:"state,omitempty"`
	// result once the item is decided: SUCCESS, FAILURE, MERGE_CONFLICT,
	// MERGE_FAILURE, CONFIG_ERROR, NO_JOBS or DEQUEUED.
	// +optional
	// +kubebuilder:validation:Enum=SUCCESS;FAILURE;MERGE_CONFLICT;MERGE_FAILURE;CONFIG_ERROR;NO_JOBS;DEQUEUED
	Result string `json:"result,omitempty"`
	// reason for the state or result, in words for the author of the change.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Reason string `json:"reason,omitempty"`
	// aheadChange is the change that this one is tested on, for people; empty for the branch.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	AheadChange string `json:"aheadChange,omitempty"`
	// builds tells how many of the item's jobs are done, e.g. "1/2".
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Builds string `json:"builds,omitempty"`

	// merge is the prepared speculative state.
	// +optional
	Merge *ItemMerge `json:"merge,omitempty"`

	// enqueueReported tells that the enqueue reporters were used.
	// +optional
	EnqueueReported bool `json:"enqueueReported,omitempty"`
	// startReported is the epoch for which the start was reported; 0 for none.
	// +optional
	StartReported int32 `json:"startReported,omitempty"`
	// reported is set when the result was told to the code host.
	// +optional
	Reported *metav1.MicroTime `json:"reported,omitempty"`
	// merged is set when the change was merged by the gate.
	// +optional
	Merged *ItemMerged `json:"merged,omitempty"`
	// completedAt is when the item was decided.
	// +optional
	CompletedAt *metav1.MicroTime `json:"completedAt,omitempty"`

	// decisions about this item, oldest first, at most 50.
	// +optional
	// +kubebuilder:validation:MaxItems=50
	// +listType=atomic
	Decisions []Decision `json:"decisions,omitempty"`

	// conditions: Completed, Reported and Merged.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// ItemMerge is the speculative state of one epoch, written by the queueitem controller.
type ItemMerge struct {
	// epoch that the state belongs to.
	Epoch int32 `json:"epoch"`
	// states are the commits of all branches that the item or one ahead of it changes.
	// +optional
	// +kubebuilder:validation:MaxItems=512
	// +listType=atomic
	States []PreparedState `json:"states,omitempty"`
	// configChanged tells that the change proposes configuration.
	// +optional
	ConfigChanged bool `json:"configChanged,omitempty"`
	// problem, when the state could not be prepared: MERGE_CONFLICT, MERGE_FAILURE or CONFIG_ERROR.
	// +optional
	// +kubebuilder:validation:Enum=MERGE_CONFLICT;MERGE_FAILURE;CONFIG_ERROR
	Problem string `json:"problem,omitempty"`
	// message tells the problem to the author of the change.
	// +optional
	// +kubebuilder:validation:MaxLength=8192
	Message string `json:"message,omitempty"`
	// configErrors are the new errors in the configuration that the change proposes.
	// +optional
	// +kubebuilder:validation:MaxItems=20
	// +listType=atomic
	ConfigErrors []ConfigError `json:"configErrors,omitempty"`
	// needsConfig tells that there are no such errors once the changes to config
	// projects, on which this one depends, are merged.
	// +optional
	NeedsConfig bool `json:"needsConfig,omitempty"`
	// layout is the digest of the configuration in force for the item.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Layout string `json:"layout,omitempty"`
	// jobs is the number of jobs; a BuildSet exists when it is not 0.
	// +optional
	Jobs int32 `json:"jobs,omitempty"`
	// buildSet that tests the state.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	BuildSet string `json:"buildSet,omitempty"`
}

// PreparedState is a branch as the item's jobs see it.
type PreparedState struct {
	BranchState `json:",inline"`
	// expectedTree is the tree that the branch must have when the item merges:
	// the one its own change was merged onto.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	ExpectedTree string `json:"expectedTree,omitempty"`
	// baseTree is the tree of base.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	BaseTree string `json:"baseTree,omitempty"`
	// proposedConfig tells that configuration is read from commit instead of base.
	// +optional
	ProposedConfig bool `json:"proposedConfig,omitempty"`
	// extra branches are there for jobs only; no change of the state touches them.
	// +optional
	Extra bool `json:"extra,omitempty"`
}

// ItemMerged tells how the change was merged.
type ItemMerged struct {
	// commit that the code host made, of the last change of a cycle.
	// +kubebuilder:validation:MaxLength=64
	Commit string `json:"commit"`
	// tree of that commit; equal to the tested tree.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Tree string `json:"tree,omitempty"`
	// differs tells that a branch has another tree than was tested: somebody
	// changed it at the same moment.
	// +optional
	Differs bool `json:"differs,omitempty"`
	// rescuedBy is the item whose jobs passed what this one failed in.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	RescuedBy string `json:"rescuedBy,omitempty"`
	// at is when it was seen to be merged.
	At metav1.MicroTime `json:"at"`
}

// QueueItem is a change in a pipeline: where it stands, what it is tested on,
// what was decided about it and why. Delete it to take the change out without
// a report; `gozerctl dequeue` takes it out with one.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=qi,categories=gozer
// +kubebuilder:printcolumn:name="Change",type=string,JSONPath=`.metadata.annotations['gozer\.dev/change']`
// +kubebuilder:printcolumn:name="Pipeline",type=string,JSONPath=`.spec.pipeline`
// +kubebuilder:printcolumn:name="Ahead",type=string,JSONPath=`.status.aheadChange`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Builds",type=string,JSONPath=`.status.builds`
// +kubebuilder:printcolumn:name="Result",type=string,JSONPath=`.status.result`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Queue",type=string,JSONPath=`.spec.queue`,priority=1
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.reason`,priority=1
type QueueItem struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the change and its pipeline.
	Spec QueueItemSpec `json:"spec"`
	// status tells where the item stands and why.
	// +optional
	Status QueueItemStatus `json:"status,omitempty"`
}

// QueueItemList is a list of QueueItems.
//
// +kubebuilder:object:root=true
type QueueItemList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []QueueItem `json:"items"`
}
