package v1alpha1

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// BuildSpec is one job of a buildset, frozen: everything that can change its
// result is here, so that a retry runs exactly the same.
//
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a build's spec is immutable"
type BuildSpec struct {
	// buildSet that the build belongs to.
	// +kubebuilder:validation:MaxLength=253
	BuildSet string `json:"buildSet"`
	// item is the name of the QueueItem.
	// +kubebuilder:validation:MaxLength=253
	Item string `json:"item"`
	// pipeline of the item.
	// +kubebuilder:validation:MaxLength=253
	Pipeline string `json:"pipeline"`
	// change that is tested.
	Change ChangeRef `json:"change"`
	// others are further changes of the item that the job is for, by their places in it.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	Others []int32 `json:"others,omitempty"`
	// job is what to run.
	Job FrozenJob `json:"job"`
	// inputs is a digest of everything that the build sees, where the pipeline has
	// reuseResults.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Inputs string `json:"inputs,omitempty"`
	// retryFailed is how often it is run again after a failure before that counts.
	// +optional
	RetryFailed int32 `json:"retryFailed,omitempty"`
	// mayPause tells that other jobs depend on this one: it may pause while they
	// run, and its Pods may exist for as long.
	// +optional
	MayPause bool `json:"mayPause,omitempty"`
}

// FrozenJob is a job with all its parents and variants applied.
type FrozenJob struct {
	// name of the job.
	// +kubebuilder:validation:MaxLength=255
	Name string `json:"name"`
	// voting jobs decide the buildset's result.
	Voting bool `json:"voting"`
	// successMessage and failureMessage replace the words SUCCESS and FAILURE in reports.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	SuccessMessage string `json:"successMessage,omitempty"`
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	FailureMessage string `json:"failureMessage,omitempty"`
	// attempts, including the first.
	// +kubebuilder:validation:Minimum=1
	Attempts int32 `json:"attempts"`
	// timeout of pre-run and run together, in seconds; 0 is no limit.
	// +optional
	Timeout int64 `json:"timeout,omitempty"`
	// postTimeout of each post-run playbook, in seconds; 0 is no limit.
	// +optional
	PostTimeout int64 `json:"postTimeout,omitempty"`
	// preRun, run and postRun in the order in which they run.
	// +optional
	// +kubebuilder:validation:MaxItems=256
	// +listType=atomic
	PreRun []Playbook `json:"preRun,omitempty"`
	// +kubebuilder:validation:MaxItems=256
	// +listType=atomic
	Run []Playbook `json:"run"`
	// +optional
	// +kubebuilder:validation:MaxItems=256
	// +listType=atomic
	PostRun []Playbook `json:"postRun,omitempty"`
	// nodes to run on; the first one runs the scripts. A job of Ansible playbooks
	// may have none, and then runs in its executor.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	Nodes []NodeSpec `json:"nodes,omitempty"`
	// semaphores that the build holds from before it asks for nodes, or if all of
	// them are for resourcesFirst, from when it has them, until it has a result.
	// +optional
	// +kubebuilder:validation:MaxItems=256
	// +listType=map
	// +listMapKey=name
	Semaphores []JobSemaphore `json:"semaphores,omitempty"`
	// nodeAlternatives are what the job takes, in their order, when nodes cannot be had.
	// +optional
	// +kubebuilder:validation:MaxItems=99
	// +listType=atomic
	NodeAlternatives []NodeAlternative `json:"nodeAlternatives,omitempty"`
	// requiredProjects are repositories that the job has in its workspace besides the change's own.
	// +optional
	// +kubebuilder:validation:MaxItems=256
	// +listType=atomic
	RequiredProjects []ProjectRef `json:"requiredProjects,omitempty"`
	// checkouts are the repositories of the workspace: that of the change, and the required ones.
	// +optional
	// +kubebuilder:validation:MaxItems=257
	// +listType=atomic
	Checkouts []Checkout `json:"checkouts,omitempty"`
	// secrets that playbooks of the job get, each once.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +listType=map
	// +listMapKey=name
	Secrets []FrozenSecret `json:"secrets,omitempty"`
	// vars of the job.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	Vars *apiextensionsv1.JSON `json:"vars,omitempty"`
	// includeVars are files of variables, of which later ones count more, and vars
	// more than any.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	IncludeVars []IncludedVars `json:"includeVars,omitempty"`
	// extraVars, hostVars by node, and groupVars by group, for Ansible.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	ExtraVars *apiextensionsv1.JSON `json:"extraVars,omitempty"`
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	HostVars *apiextensionsv1.JSON `json:"hostVars,omitempty"`
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	GroupVars *apiextensionsv1.JSON `json:"groupVars,omitempty"`
	// workspaceScheme says where repositories are below src: by their canonical
	// names when it is empty, else flat or unique.
	// +optional
	// +kubebuilder:validation:Enum="";flat;unique
	WorkspaceScheme string `json:"workspaceScheme,omitempty"`
	// tags of the job.
	// +optional
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=255
	// +listType=atomic
	Tags []string `json:"tags,omitempty"`
	// provides are names of what the job makes, requires of what it needs of jobs
	// that test changes ahead of its own.
	// +optional
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=255
	// +listType=atomic
	Provides []string `json:"provides,omitempty"`
	// +optional
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=255
	// +listType=atomic
	Requires []string `json:"requires,omitempty"`
	// postReview says that the job runs in a pipeline for what was reviewed.
	// +optional
	PostReview bool `json:"postReview,omitempty"`
	// failureOutput are expressions (RE2): a line of the output of run that begins
	// with what one describes makes the build fail, and tells so at once.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=1024
	// +listType=atomic
	FailureOutput []string `json:"failureOutput,omitempty"`
}

// JobSemaphore is a semaphore that a job needs.
type JobSemaphore struct {
	// name as the job says it.
	// +kubebuilder:validation:MaxLength=255
	Name string `json:"name"`
	// global semaphores are shared by tenants.
	// +optional
	Global bool `json:"global,omitempty"`
	// resourcesFirst asks for nodes before it asks for the semaphore.
	// +optional
	ResourcesFirst bool `json:"resourcesFirst,omitempty"`
}

// Checkout is what a job gets of a repository: a branch as it is in the buildset's states, or a tag.
type Checkout struct {
	// project that the repository is of.
	Project ProjectRef `json:"project"`
	// branch that is checked out; empty for a tag.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Branch string `json:"branch,omitempty"`
	// tag that is checked out, and its commit.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Tag string `json:"tag,omitempty"`
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Commit string `json:"commit,omitempty"`
}

// Playbook is one thing to run.
type Playbook struct {
	// path inside the repository.
	// +kubebuilder:validation:MaxLength=1024
	Path string `json:"path"`
	// project that has it.
	Project ProjectRef `json:"project"`
	// branch of the project.
	// +kubebuilder:validation:MaxLength=255
	Branch string `json:"branch"`
	// commit from which it is taken.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Commit string `json:"commit,omitempty"`
	// trusted playbooks come from a config project.
	// +optional
	Trusted bool `json:"trusted,omitempty"`
	// secrets that the playbook gets; of several with one alias, the last. A
	// playbook that does not name a secret does not get it.
	// +optional
	// +kubebuilder:validation:MaxItems=32
	// +listType=atomic
	Secrets []PlaybookSecret `json:"secrets,omitempty"`
	// roles are the repositories in which an Ansible playbook finds roles, in order.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	Roles []PlaybookRole `json:"roles,omitempty"`
	// semaphores that the build holds while the playbook runs.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	Semaphores []JobSemaphore `json:"semaphores,omitempty"`
	// nesting counts the definitions between this one and the base job. After a
	// pre-run that failed, post-run playbooks of deeper definitions do not run.
	// +optional
	Nesting int32 `json:"nesting,omitempty"`
	// cleanup playbooks run whatever happened, and do not count.
	// +optional
	Cleanup bool `json:"cleanup,omitempty"`
}

// IncludedVars is a file of variables in a repository.
type IncludedVars struct {
	// path inside the repository.
	// +kubebuilder:validation:MaxLength=1024
	Path string `json:"path"`
	// checkout of the repository.
	Checkout Checkout `json:"checkout"`
	// trusted files come from a config project.
	// +optional
	Trusted bool `json:"trusted,omitempty"`
	// required files must be there.
	// +optional
	Required bool `json:"required,omitempty"`
}

// PlaybookRole is a repository with roles, or one that is a role.
type PlaybookRole struct {
	// project that the repository is of.
	Project ProjectRef `json:"project"`
	// branch that is checked out; empty for a tag.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Branch string `json:"branch,omitempty"`
	// tag that is checked out.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Tag string `json:"tag,omitempty"`
	// commit of the branch or tag.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Commit string `json:"commit,omitempty"`
	// name of the role that the repository is, if it is one.
	// +kubebuilder:validation:MaxLength=255
	Name string `json:"name"`
	// implicit says that the job did not ask for it: its own repository.
	// +optional
	Implicit bool `json:"implicit,omitempty"`
}

// PlaybookSecret gives one of the job's secrets to a playbook.
type PlaybookSecret struct {
	// alias is the name under which the playbook finds it.
	// +kubebuilder:validation:MaxLength=255
	Alias string `json:"alias"`
	// secret is the name of one of the job's secrets.
	// +kubebuilder:validation:MaxLength=255
	Secret string `json:"secret"`
}

// FrozenSecret is a secret as it stands in its repository: what is encrypted
// there is encrypted here. It is decrypted when a build starts, and never into
// a custom resource.
type FrozenSecret struct {
	// name of the secret.
	// +kubebuilder:validation:MaxLength=255
	Name string `json:"name"`
	// project whose key decrypts it.
	Project ProjectRef `json:"project"`
	// data of the secret. An encrypted value is an object with the only field
	// pkcs1-oaep: the list of its chunks in base64.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	Data apiextensionsv1.JSON `json:"data"`
}

// BuildPhase is where a build stands.
// +kubebuilder:validation:Enum=Waiting;Semaphores;Nodes;Running;Paused;Done
type BuildPhase string

// Phases of a build.
const (
	// BuildWaiting has jobs to wait for.
	BuildWaiting BuildPhase = "Waiting"
	// BuildSemaphores waits for its semaphores.
	BuildSemaphores BuildPhase = "Semaphores"
	// BuildNodes waits for its nodes, and then for its executor Pod to run.
	BuildNodes BuildPhase = "Nodes"
	// BuildRunning has a running executor Pod.
	BuildRunning BuildPhase = "Running"
	// BuildPaused has run, and waits for the jobs that depend on it (Zuul: zuul.pause).
	BuildPaused BuildPhase = "Paused"
	// BuildDone has a result.
	BuildDone BuildPhase = "Done"
)

// BuildStatus is written by the build controller.
type BuildStatus struct {
	// phase of the build.
	// +optional
	Phase BuildPhase `json:"phase,omitempty"`
	// attempt that is running or was the last, from 1.
	// +optional
	Attempt int32 `json:"attempt,omitempty"`
	// semaphoresHeld says that the build went on with all its semaphores.
	// +optional
	SemaphoresHeld bool `json:"semaphoresHeld,omitempty"`
	// failures are the results of attempts that failed and did not count.
	// +optional
	// +kubebuilder:validation:MaxItems=10
	// +listType=atomic
	Failures []string `json:"failures,omitempty"`
	// result: SUCCESS, FAILURE, TIMED_OUT, POST_FAILURE, DISK_FULL, RETRY_LIMIT,
	// NODE_FAILURE, SKIPPED, CANCELED or ERROR.
	// +optional
	// +kubebuilder:validation:Enum=SUCCESS;FAILURE;TIMED_OUT;POST_FAILURE;DISK_FULL;RETRY_LIMIT;NODE_FAILURE;SKIPPED;CANCELED;ERROR
	Result string `json:"result,omitempty"`
	// reason for the result, the last retry or a wait, in words for the author of the change.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason,omitempty"`
	// failing is why the running attempt is known to fail before it has ended.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Failing string `json:"failing,omitempty"`
	// resumed tells that the attempt paused, and was told to go on.
	// +optional
	Resumed bool `json:"resumed,omitempty"`
	// firstFailure is the first line of the log that tells what failed.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	FirstFailure string `json:"firstFailure,omitempty"`
	// nodeRequest of this attempt.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	NodeRequest string `json:"nodeRequest,omitempty"`
	// pod is the executor Pod of this attempt.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Pod string `json:"pod,omitempty"`
	// logURL is where people read the log.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	LogURL string `json:"logURL,omitempty"`
	// startedAt is when the executor Pod of the last attempt started.
	// +optional
	StartedAt *metav1.MicroTime `json:"startedAt,omitempty"`
	// completedAt is when the build was decided.
	// +optional
	CompletedAt *metav1.MicroTime `json:"completedAt,omitempty"`
	// returned is what the job handed over with zuul_return.
	// +optional
	Returned *Returned `json:"returned,omitempty"`
	// conditions: Completed.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Returned is what a job handed over (Zuul: zuul_return).
type Returned struct {
	// secret that has the data for the jobs that depend on this one.
	// +kubebuilder:validation:MaxLength=253
	Secret string `json:"secret"`
	// limitsChildren says that of the jobs that depend on this one only those of
	// childJobs run.
	// +optional
	LimitsChildren bool `json:"limitsChildren,omitempty"`
	// +optional
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MaxLength=1024
	// +listType=atomic
	ChildJobs []string `json:"childJobs,omitempty"`
	// artifacts that the job has left somewhere.
	// +optional
	// +kubebuilder:validation:MaxItems=100
	// +listType=atomic
	Artifacts []Artifact `json:"artifacts,omitempty"`
	// warnings for the author of the change.
	// +optional
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MaxLength=1024
	// +listType=atomic
	Warnings []string `json:"warnings,omitempty"`
	// fileComments for the author of the change.
	// +optional
	// +kubebuilder:validation:MaxItems=100
	// +listType=atomic
	FileComments []FileComment `json:"fileComments,omitempty"`
}

// FileComment is what a job says of a file.
type FileComment struct {
	// path of the file in the change's repository.
	// +kubebuilder:validation:MaxLength=512
	Path string `json:"path"`
	// line of the file as it was tested, from 1; 0 is the whole file.
	// +optional
	Line int64 `json:"line,omitempty"`
	// level: info, warning or error; empty when the job did not say.
	// +optional
	// +kubebuilder:validation:MaxLength=16
	Level string `json:"level,omitempty"`
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message"`
}

// Artifact is something that a build has left somewhere.
type Artifact struct {
	// +kubebuilder:validation:MaxLength=1024
	Name string `json:"name"`
	// +kubebuilder:validation:MaxLength=1024
	URL string `json:"url"`
	// metadata as the job gave it.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	Metadata *apiextensionsv1.JSON `json:"metadata,omitempty"`
}

// Build is one job of a buildset.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:categories=gozer
// +kubebuilder:printcolumn:name="Job",type=string,JSONPath=`.spec.job.name`
// +kubebuilder:printcolumn:name="Change",type=string,JSONPath=`.metadata.annotations['gozer\.dev/change']`
// +kubebuilder:printcolumn:name="Pipeline",type=string,JSONPath=`.spec.pipeline`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Attempt",type=integer,JSONPath=`.status.attempt`
// +kubebuilder:printcolumn:name="Result",type=string,JSONPath=`.status.result`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.reason`,priority=1
type Build struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the frozen job and the commits it sees.
	Spec BuildSpec `json:"spec"`
	// status tells how far it is and what came of it.
	// +optional
	Status BuildStatus `json:"status,omitempty"`
}

// BuildList is a list of Builds.
//
// +kubebuilder:object:root=true
type BuildList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Build `json:"items"`
}
