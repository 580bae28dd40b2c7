package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Labels and annotations that Gozer sets. All others on its objects are yours.
const (
	// LabelPipeline, LabelQueue, LabelItem, LabelBuildSet, LabelBuild and
	// LabelNodeRequest name the owner of an object, for `kubectl get -l`.
	LabelPipeline = "gozer.dev/pipeline"
	LabelQueue    = "gozer.dev/queue"
	// LabelAlternative is on buildsets and builds that test another outcome.
	LabelAlternative = "gozer.dev/alternative"
	LabelItem        = "gozer.dev/item"
	LabelBuildSet    = "gozer.dev/buildset"
	LabelBuild       = "gozer.dev/build"
	LabelNodeRequest = "gozer.dev/noderequest"
	// LabelSemaphores is on builds that need semaphores.
	LabelSemaphores = "gozer.dev/semaphores"
	// LabelRequires is on buildsets with jobs that require what jobs of changes ahead provide.
	LabelRequires = "gozer.dev/requires"
	// LabelUndefined is on Semaphores that nobody defined.
	LabelUndefined = "gozer.dev/undefined"
	// LabelLaunch and LabelNode say of a node Pod for which launch of its request it
	// was made, and as which node.
	LabelLaunch = "gozer.dev/launch"
	LabelNode   = "gozer.dev/node"
	// LabelPool and LabelNodeLabel say of a node Pod which pool it counts for, and
	// what it was made for, shortened to a label value.
	LabelPool      = "gozer.dev/pool"
	LabelNodeLabel = "gozer.dev/node-label"
	// LabelTemplate is on node Pods that were kept warm: a digest of what they were
	// made of.
	LabelTemplate = "gozer.dev/node-template"
	// LabelNodeState is on node Pods: a NodeState, as far as it is written with what
	// is written anyway.
	LabelNodeState = "gozer.dev/node-state"
	// LabelHold names the Hold that keeps a node Pod.
	LabelHold = "gozer.dev/hold"
	// LabelRole tells Pods apart: "node" or "executor".
	LabelRole = "gozer.dev/role"
	// LabelJob is the job's name, shortened to a label value.
	LabelJob = "gozer.dev/job"

	// AnnotationDequeue on a QueueItem asks for it to be taken out of its
	// queue; the value is the reason, which is reported.
	AnnotationDequeue = "gozer.dev/dequeue"
	// AnnotationLost on a QueueItem is the requirement for merging that its change
	// does not fulfil any more; it fails for that.
	AnnotationLost = "gozer.dev/lost"
	// AnnotationPromote on a QueueItem asks for it to go to the front of its
	// queue. Of several, the lower value goes first; a new value asks again.
	AnnotationPromote = "gozer.dev/promote"
	// AnnotationUrgent on a QueueItem asks for it to pass those that wait, where its
	// pipeline allows that; a new value asks again.
	AnnotationUrgent = "gozer.dev/urgent"
	// AnnotationPushed on a ChangeQueue names the event of a push to a branch that
	// changes of the queue are for.
	AnnotationPushed = "gozer.dev/pushed"
	// AnnotationPlaybook on a Build names the semaphores of the playbook that an attempt
	// is about to run, or runs.
	AnnotationPlaybook = "gozer.dev/playbook-semaphores"
	// AnnotationReturned on a Build is what an attempt has returned with zuul_return,
	// as far as the gate goes by it.
	AnnotationReturned = "gozer.dev/returned"
	// AnnotationHoldReason and AnnotationHoldUntil say of a node Pod that is kept why,
	// and until when.
	AnnotationHoldReason = "gozer.dev/hold-reason"
	AnnotationHoldUntil  = "gozer.dev/hold-until"
	// AnnotationHostKey and AnnotationKeySecret say of a node Pod that is kept what its
	// public SSH key is, and which Secret has the key that lets in.
	AnnotationHostKey   = "gozer.dev/host-key"
	AnnotationKeySecret = "gozer.dev/key-secret"
	// AnnotationChange names the change for people: "acme/api#12,3f2c1d4e5".
	AnnotationChange = "gozer.dev/change"
)

// Condition types. Every kind's Ready says in one word whether it does its work.
const (
	ConditionReady = "Ready"
	// ConditionPrepared of a QueueItem: its speculative state is merged and its jobs are known.
	ConditionPrepared = "Prepared"
	// ConditionCompleted of a QueueItem, BuildSet or Build: it is decided; the reason is the result.
	ConditionCompleted = "Completed"
	// ConditionReported of a QueueItem: the code host has been told.
	ConditionReported = "Reported"
	// ConditionMerged of a QueueItem: the change is in its branch, with exactly the tree that was tested.
	ConditionMerged = "Merged"
	// ConditionDisabled of a Pipeline: too many changes failed in a row.
	ConditionDisabled = "Disabled"
)

// ProjectRef names one repository of one code host.
type ProjectRef struct {
	// connection is the name of the Connection through which the project is reached.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Connection string `json:"connection"`
	// hostname is the canonical host name of that connection, e.g. "github.com".
	// +kubebuilder:validation:MaxLength=253
	Hostname string `json:"hostname"`
	// name is the path of the repository on that host, e.g. "acme/api".
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	Name string `json:"name"`
}

// BranchState is a commit of one branch of one project.
type BranchState struct {
	// project that the branch belongs to.
	Project ProjectRef `json:"project"`
	// branch, without "refs/heads/".
	// +kubebuilder:validation:MaxLength=255
	Branch string `json:"branch"`
	// base is the branch's own head when it was frozen for this item.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Base string `json:"base,omitempty"`
	// commit is the prepared state: base plus the changes ahead plus this one.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Commit string `json:"commit,omitempty"`
	// tree of commit. What is merged must have exactly this tree.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Tree string `json:"tree,omitempty"`
}

// ChangeRef is one patchset of a proposed change, or a branch at a commit, as it
// was when it was enqueued.
type ChangeRef struct {
	// project that the change belongs to.
	Project ProjectRef `json:"project"`
	// number of the pull request or review on the code host; 0 for a branch or tag.
	// +kubebuilder:validation:Minimum=0
	Number int64 `json:"number"`
	// patchset identifies the version: the head commit for pull requests, and
	// the commit that a branch was pushed to; empty for a branch as it is whenever
	// a timer comes.
	// +kubebuilder:validation:MaxLength=64
	Patchset string `json:"patchset"`
	// head is the commit that the change proposes.
	// +kubebuilder:validation:MaxLength=64
	Head string `json:"head"`
	// ref is where head is fetched from, e.g. "refs/pull/1/head".
	// +kubebuilder:validation:MaxLength=255
	Ref string `json:"ref"`
	// oldRev is what a branch was at before it was pushed to.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	OldRev string `json:"oldRev,omitempty"`
	// branch that the change is to be merged into.
	// +kubebuilder:validation:MaxLength=255
	Branch string `json:"branch"`
	// url of the change, for people.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	URL string `json:"url,omitempty"`
	// title of the change, cut to 200 characters.
	// +optional
	// +kubebuilder:validation:MaxLength=1000
	Title string `json:"title,omitempty"`
	// author of the change on the code host.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Author string `json:"author,omitempty"`
	// mergeMode is how the change is merged, from the project's configuration.
	// +optional
	// +kubebuilder:default=merge
	// +kubebuilder:validation:Enum=merge;merge-resolve;merge-recursive;merge-ort;cherry-pick;squash-merge;rebase
	MergeMode string `json:"mergeMode,omitempty"`
}

// MergeStep is one change of a speculative state.
type MergeStep struct {
	// change that is merged.
	Change ChangeRef `json:"change"`
	// time dates the commits of the step, so that every merger makes the same ones.
	Time metav1.MicroTime `json:"time"`
}

// Decision is one entry of an item's decision log: what was decided and why.
type Decision struct {
	// time of the decision.
	Time metav1.MicroTime `json:"time"`
	// action taken, e.g. "Enqueued", "Prepared", "Reset", "Reported", "Merged".
	// +kubebuilder:validation:MaxLength=40
	Action string `json:"action"`
	// message says why, in words for the author of the change.
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message"`
}
