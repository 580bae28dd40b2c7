package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// BuildSetSpec is one attempt to test an item: on one speculative state, with one set of jobs.
//
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a buildset's spec is immutable"
type BuildSetSpec struct {
	// item is the name of the QueueItem.
	// +kubebuilder:validation:MaxLength=253
	Item string `json:"item"`
	// queue is the name of the item's ChangeQueue.
	// +kubebuilder:validation:MaxLength=253
	Queue string `json:"queue"`
	// epoch of the item that is tested.
	// +kubebuilder:validation:Minimum=1
	Epoch int32 `json:"epoch"`
	// pipeline of the item.
	// +kubebuilder:validation:MaxLength=253
	Pipeline string `json:"pipeline"`
	// steps are the changes of the tested state that had not merged before, in merge order; the item's own
	// are last. There are none for a branch that was pushed to.
	// +optional
	// +kubebuilder:validation:MaxItems=1024
	// +listType=atomic
	Steps []MergeStep `json:"steps,omitempty"`
	// states are the commits that the jobs see: one for each branch of each repository they use.
	// +kubebuilder:validation:MaxItems=512
	// +listType=atomic
	States []PreparedState `json:"states"`
	// repositories of the jobs' workspaces, with the RepositoryState that has all their branches and tags.
	// Of a branch that is in states, too, jobs see that state.
	// +optional
	// +kubebuilder:validation:MaxItems=512
	// +listType=atomic
	Repositories []FrozenRepository `json:"repositories,omitempty"`
	// itemsAhead are those on which the item stands, the nearest first, where a job
	// requires what jobs of these provide.
	// +optional
	// +kubebuilder:validation:MaxItems=1024
	// +listType=atomic
	ItemsAhead []ItemAhead `json:"itemsAhead,omitempty"`
	// layout is the digest of the configuration in force for the item.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Layout string `json:"layout,omitempty"`
	// configChanged tells that the change proposes configuration.
	// +optional
	ConfigChanged bool `json:"configChanged,omitempty"`
	// alternative buildsets test what the item gets if one ahead of it, whose failed
	// build is run again, fails for good. Nothing is decided by them; if it comes so,
	// the next buildset keeps their builds.
	// +optional
	Alternative bool `json:"alternative,omitempty"`
	// failFast cancels all other jobs when a voting one fails.
	// +optional
	FailFast bool `json:"failFast,omitempty"`
	// jobs and how they depend on one another; each has a Build, created before the buildset.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=1024
	// +listType=map
	// +listMapKey=name
	Jobs []BuildSetJob `json:"jobs"`
}

// ItemAhead is an item on whose state another one is tested.
type ItemAhead struct {
	// item is the name of the QueueItem.
	// +kubebuilder:validation:MaxLength=253
	Item string `json:"item"`
	// epoch of its state.
	// +kubebuilder:validation:Minimum=1
	Epoch int32 `json:"epoch"`
}

// FrozenRepository is a repository as it was when the state was prepared.
type FrozenRepository struct {
	// project that the repository is of.
	Project ProjectRef `json:"project"`
	// state is the name of the RepositoryState.
	// +kubebuilder:validation:MaxLength=253
	State string `json:"state"`
}

// BuildSetJob is one job of the graph.
type BuildSetJob struct {
	// name of the job in this buildset. In that of a cycle it says which change
	// the job is for: "unit (acme/api#12)".
	// +kubebuilder:validation:MaxLength=512
	Name string `json:"name"`
	// build is the name of the Build that runs it.
	// +kubebuilder:validation:MaxLength=253
	Build string `json:"build"`
	// reused tells that the build was made for an earlier state of the item, with
	// the same inputs.
	// +optional
	Reused bool `json:"reused,omitempty"`
	// voting jobs decide the result.
	Voting bool `json:"voting"`
	// holdFollowing jobs must have succeeded before items behind start theirs.
	// +optional
	HoldFollowing bool `json:"holdFollowing,omitempty"`
	// noop jobs succeed without being run.
	// +optional
	Noop bool `json:"noop,omitempty"`
	// dependencies must have succeeded before this job starts.
	// +optional
	// +kubebuilder:validation:MaxItems=256
	// +listType=map
	// +listMapKey=name
	Dependencies []JobDependency `json:"dependencies,omitempty"`
	// attempts that the job has before its result is RETRY_LIMIT.
	// +kubebuilder:validation:Minimum=1
	Attempts int32 `json:"attempts"`
}

// JobDependency is an edge of the job graph.
type JobDependency struct {
	// name of the job that comes first.
	// +kubebuilder:validation:MaxLength=512
	Name string `json:"name"`
	// soft dependencies are waited for only when they run at all.
	// +optional
	Soft bool `json:"soft,omitempty"`
}

// BuildSetStatus is written by the buildset controller.
type BuildSetStatus struct {
	// jobs as far as they are decided, in the order of the spec.
	// +optional
	// +kubebuilder:validation:MaxItems=1024
	// +listType=map
	// +listMapKey=name
	Jobs []JobStatus `json:"jobs,omitempty"`
	// failing is true as soon as the item cannot succeed on this state.
	// +optional
	Failing bool `json:"failing,omitempty"`
	// retrying tells that a voting build failed and is run again before that counts.
	// +optional
	Retrying bool `json:"retrying,omitempty"`
	// canceled buildsets were overtaken: the item got another state or left its queue;
	// or given up, for they cannot say any more what they were to say.
	// +optional
	Canceled bool `json:"canceled,omitempty"`
	// pausedLost names the job for which the buildset was given up: it was lost while
	// it was paused for the jobs that depend on it. As many of an item as the job has
	// attempts are the last.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	PausedLost string `json:"pausedLost,omitempty"`
	// result once all jobs are decided: SUCCESS, FAILURE or CANCELED.
	// +optional
	// +kubebuilder:validation:Enum=SUCCESS;FAILURE;CANCELED
	Result string `json:"result,omitempty"`
	// reason for the result or the failure, in words.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason,omitempty"`
	// holding names the job for which items behind wait, this item's own or that
	// of an item ahead: "deploy of acme/api#12".
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Holding string `json:"holding,omitempty"`
	// progress tells how many jobs are done, e.g. "1/2".
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Progress string `json:"progress,omitempty"`
	// completedAt is when the last job was decided.
	// +optional
	CompletedAt *metav1.MicroTime `json:"completedAt,omitempty"`
	// conditions: Completed.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// JobStatus is what is known of one job of the buildset.
type JobStatus struct {
	// name of the job in this buildset.
	// +kubebuilder:validation:MaxLength=512
	Name string `json:"name"`
	// started jobs have been allowed to ask for nodes.
	// +optional
	Started bool `json:"started,omitempty"`
	// pausedAttempt is the attempt that jobs that depend on this one were started on,
	// as long as it is paused.
	// +optional
	PausedAttempt int32 `json:"pausedAttempt,omitempty"`
	// resume tells that all jobs are done that depend on this one, which is paused.
	// +optional
	Resume bool `json:"resume,omitempty"`
	// result of the job: see Build.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Result string `json:"result,omitempty"`
	// reason for the result, or for what it waits that other jobs of the buildset
	// do not tell, in words.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason,omitempty"`
	// providers are builds of changes ahead whose artifacts the job gets.
	// +optional
	// +kubebuilder:validation:MaxItems=1024
	// +kubebuilder:validation:items:MaxLength=253
	// +listType=atomic
	Providers []string `json:"providers,omitempty"`
}

// BuildSet is one attempt to test an item on one speculative state.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=bs,categories=gozer
// +kubebuilder:printcolumn:name="Item",type=string,JSONPath=`.spec.item`
// +kubebuilder:printcolumn:name="Epoch",type=integer,JSONPath=`.spec.epoch`
// +kubebuilder:printcolumn:name="Progress",type=string,JSONPath=`.status.progress`
// +kubebuilder:printcolumn:name="Failing",type=boolean,JSONPath=`.status.failing`
// +kubebuilder:printcolumn:name="Result",type=string,JSONPath=`.status.result`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type BuildSet struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the state and the jobs.
	Spec BuildSetSpec `json:"spec"`
	// status tells how far the jobs are.
	// +optional
	Status BuildSetStatus `json:"status,omitempty"`
}

// BuildSetList is a list of BuildSets.
//
// +kubebuilder:object:root=true
type BuildSetList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []BuildSet `json:"items"`
}
