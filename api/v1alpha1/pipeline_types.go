package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Manager is how a pipeline treats its queues.
// +kubebuilder:validation:Enum=independent;dependent;serial;supercedent
type Manager string

const (
	// ManagerIndependent tests each change on its own; nothing is merged.
	ManagerIndependent Manager = "independent"
	// ManagerDependent is the gate: changes are tested on the ones ahead and merged in order.
	ManagerDependent Manager = "dependent"
	// ManagerSerial runs the changes of a shared queue one after the other, in order; nothing is merged.
	ManagerSerial Manager = "serial"
	// ManagerSupercedent runs one item of a branch at a time; of those that wait only the newest stays.
	ManagerSupercedent Manager = "supercedent"
)

// PipelineSpec is a workflow: what starts it, what a change must fulfil, how
// its queues behave, and whom it tells. Same words as Zuul's `pipeline` object.
type PipelineSpec struct {
	// manager is "independent" (check), "dependent" (gate), "serial" (deploy) or "supercedent" (post).
	Manager Manager `json:"manager"`
	// description for people.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Description string `json:"description,omitempty"`

	// precedence orders requests for nodes between pipelines.
	// +optional
	// +kubebuilder:default=normal
	// +kubebuilder:validation:Enum=high;normal;low
	Precedence string `json:"precedence,omitempty"`

	// postReview says that only reviewed changes get here, so that jobs which need that may run.
	// +optional
	PostReview bool `json:"postReview,omitempty"`

	// ignoreDependencies tests changes without what they depend on; for independent pipelines.
	// +optional
	IgnoreDependencies bool `json:"ignoreDependencies,omitempty"`
	// keepOldPatchsets lets a change run on when a new version of it is pushed
	// (Zuul: dequeue-on-new-patchset: false).
	// +optional
	KeepOldPatchsets bool `json:"keepOldPatchsets,omitempty"`

	// retryFailed is how often a voting build that failed is run again, on the same
	// state, before it counts. Until then its item does not fail, and those behind
	// it keep theirs; the report tells of every failure. Zuul has no such thing.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10
	RetryFailed int32 `json:"retryFailed,omitempty"`

	// retryBothOutcomes lets those behind an item whose failed build is run again be
	// tested on both outcomes: besides their state, with it, on the one that they
	// get if it fails for good, on nodes that nobody else waits for.
	// +optional
	RetryBothOutcomes bool `json:"retryBothOutcomes,omitempty"`

	// reuseResults keeps a build, running or done, when its item is tested on
	// another state and nothing that the build sees of it is different: the trees of
	// its project, of the projects that it requires and of its playbooks, and its
	// definition. Only what changed is run again. Zuul has no such thing.
	// +optional
	ReuseResults bool `json:"reuseResults,omitempty"`

	// rescue lets a change that failed be rescued by one behind it, in a dependent
	// pipeline: while those that are tested on top of it may pass what it failed in,
	// they go on; as soon as one has passed, all of them merge. When the nearest that
	// runs the same jobs fails in them as well, the change is given up. The tree of
	// the rescued change alone was not seen to pass. Zuul has no such thing.
	// +optional
	Rescue bool `json:"rescue,omitempty"`

	// expedite lets an urgent change pass those that wait, in a dependent pipeline:
	// it goes right behind the last one that has started, and with reuseResults
	// further ahead, before those whose builds do not see its project. Nobody's build
	// is run again for it. Zuul has no such thing.
	// +optional
	Expedite bool `json:"expedite,omitempty"`

	// supersedes names pipelines that a change leaves when it enters this one.
	// +optional
	// +kubebuilder:validation:MaxItems=16
	// +listType=set
	Supersedes []string `json:"supersedes,omitempty"`

	// triggers say which events enqueue a change; any one suffices.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	Triggers []Trigger `json:"triggers,omitempty"`
	// require lists what a change of a connection must fulfil to enter.
	// +optional
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=connection
	Require []Requirement `json:"require,omitempty"`
	// reject lists what keeps a change of a connection out.
	// +optional
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=connection
	Reject []Requirement `json:"reject,omitempty"`

	// window bounds how many items at the front of a queue are worked on.
	// +optional
	Window *Window `json:"window,omitempty"`

	// disableAfterConsecutiveFailures is how many changes in a row may fail before
	// nothing but the disabled reporters is used any more; unset is no bound.
	// Changing the pipeline's spec enables it again.
	// +optional
	// +kubebuilder:validation:Minimum=1
	DisableAfterConsecutiveFailures int32 `json:"disableAfterConsecutiveFailures,omitempty"`

	// messages replace the first lines of reports.
	// +optional
	Messages Messages `json:"messages,omitempty"`

	// reporters say what to tell a code host, by occasion.
	// +optional
	Reporters Reporters `json:"reporters,omitempty"`
}

// Window is the part of a dependent queue that is worked on. It grows when a
// change merges and shrinks when one fails.
//
// +kubebuilder:validation:XValidation:rule="!has(self.ceiling) || self.ceiling >= self.floor",message="ceiling must not be below floor"
type Window struct {
	// initial size in items; 0 is no bound.
	// +optional
	// +kubebuilder:default=20
	// +kubebuilder:validation:Minimum=0
	Initial int32 `json:"initial"`
	// floor is the least it shrinks to.
	// +optional
	// +kubebuilder:default=3
	// +kubebuilder:validation:Minimum=1
	Floor int32 `json:"floor,omitempty"`
	// ceiling is the most it grows to; unset is no bound.
	// +optional
	// +kubebuilder:validation:Minimum=1
	Ceiling *int32 `json:"ceiling,omitempty"`
	// increaseType is how it grows: by increaseFactor (linear) or times increaseFactor (exponential).
	// +optional
	// +kubebuilder:default=linear
	// +kubebuilder:validation:Enum=linear;exponential
	IncreaseType string `json:"increaseType,omitempty"`
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=1
	IncreaseFactor int32 `json:"increaseFactor,omitempty"`
	// decreaseType is how it shrinks: by decreaseFactor (linear) or divided by decreaseFactor (exponential).
	// +optional
	// +kubebuilder:default=exponential
	// +kubebuilder:validation:Enum=linear;exponential
	DecreaseType string `json:"decreaseType,omitempty"`
	// +optional
	// +kubebuilder:default=2
	// +kubebuilder:validation:Minimum=1
	DecreaseFactor int32 `json:"decreaseFactor,omitempty"`
}

// PipelineStatus has three writers: the pipeline controller writes
// observedGeneration and the condition Ready; the timer controller writes timers;
// the changequeue controller writes the rest, for pipelines with
// disableAfterConsecutiveFailures.
type PipelineStatus struct {
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// consecutiveFailures counts the changes whose jobs failed since one succeeded.
	// +optional
	ConsecutiveFailures int32 `json:"consecutiveFailures,omitempty"`
	// disabled pipelines use their disabled reporters only, and merge nothing.
	// +optional
	Disabled bool `json:"disabled,omitempty"`
	// countedGeneration of the spec that consecutiveFailures and disabled are
	// about. They hold for no other: a new spec begins anew.
	// +optional
	CountedGeneration int64 `json:"countedGeneration,omitempty"`
	// countedItems were counted last, so that none is counted, or told, twice.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=253
	// +listType=atomic
	CountedItems []string `json:"countedItems,omitempty"`
	// timers are the times of the pipeline's timer triggers, the next first.
	// +optional
	// +kubebuilder:validation:MaxItems=1024
	// +listType=map
	// +listMapKey=time
	Timers []PipelineTimer `json:"timers,omitempty"`
	// conditions: Ready is true when events of the pipeline's connections are
	// acted on, and they have what its reporters ask for; Disabled is true when too many changes failed in a row.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// PipelineTimer is one time of a pipeline.
type PipelineTimer struct {
	// time as it is written.
	// +kubebuilder:validation:MaxLength=255
	Time string `json:"time"`
	// until: what came then or before is done with. For a time that is new, when it
	// was seen first.
	Until metav1.Time `json:"until"`
	// next is when it comes after that; branches may be later, as the time says.
	Next metav1.Time `json:"next"`
}

// Pipeline is a workflow of a tenant. Pipelines from a config project are
// owned by the Tenant and follow the repository; others are yours to apply.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:categories=gozer
// +kubebuilder:printcolumn:name="Manager",type=string,JSONPath=`.spec.manager`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Disabled",type=boolean,JSONPath=`.status.disabled`
// +kubebuilder:printcolumn:name="Next tick",type=string,priority=1,JSONPath=`.status.timers[0].next`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Pipeline struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the workflow.
	Spec PipelineSpec `json:"spec"`
	// status tells whether the pipeline is in force.
	// +optional
	Status PipelineStatus `json:"status,omitempty"`
}

// PipelineList is a list of Pipelines.
//
// +kubebuilder:object:root=true
type PipelineList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Pipeline `json:"items"`
}
