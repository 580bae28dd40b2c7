package v1alpha1

// Messages are the first lines of reports. In enqueue, start and noJobs these
// fields are filled in: "{pipeline.name}", "{item_url}", "{status_url}",
// "{change.project}", "{change.number}", "{change.patchset}", "{change.branch}"
// and "{change.url}". What is none of them stays as it is.
type Messages struct {
	// enqueue is said when a change enters; without one, nothing is.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Enqueue string `json:"enqueue,omitempty"`
	// start is said when the first jobs of a change start; "Starting {pipeline.name} jobs." if unset.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Start string `json:"start,omitempty"`
	// success is "Build succeeded." if unset.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Success string `json:"success,omitempty"`
	// failure is "Build failed." if unset.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Failure string `json:"failure,omitempty"`
	// mergeConflict is "Merge Failed." and what to do, if unset.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	MergeConflict string `json:"mergeConflict,omitempty"`
	// noJobs is said when no job runs for a change; without one, nothing is.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	NoJobs string `json:"noJobs,omitempty"`
	// dequeue is "Build canceled." if unset.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Dequeue string `json:"dequeue,omitempty"`
	// footer is appended to every report.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Footer string `json:"footer,omitempty"`
}

// Reporters are the actions taken on each occasion. Changes that are there only
// because others depend on them are never reported.
type Reporters struct {
	// enqueue: the change enters the pipeline.
	// +optional
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=connection
	Enqueue []ReportAction `json:"enqueue,omitempty"`
	// start: the first jobs of the change start. Once, however often it is tested anew.
	// +optional
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=connection
	Start []ReportAction `json:"start,omitempty"`
	// success: all voting jobs succeeded.
	// +optional
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=connection
	Success []ReportAction `json:"success,omitempty"`
	// failure: a voting job failed, or the change does not merge.
	// +optional
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=connection
	Failure []ReportAction `json:"failure,omitempty"`
	// mergeConflict: the change conflicts with what it is tested on. As failure, if there are none.
	// +optional
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=connection
	MergeConflict []ReportAction `json:"mergeConflict,omitempty"`
	// configError: the configuration that the change proposes is wrong. As failure, if there are none.
	// +optional
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=connection
	ConfigError []ReportAction `json:"configError,omitempty"`
	// noJobs: no job runs for the change.
	// +optional
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=connection
	NoJobs []ReportAction `json:"noJobs,omitempty"`
	// dequeue: the change left before it was decided, and its start had been told.
	// +optional
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=connection
	Dequeue []ReportAction `json:"dequeue,omitempty"`
	// disabled: the only ones while the pipeline is disabled, whatever the result;
	// see disableAfterConsecutiveFailures.
	// +optional
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=connection
	Disabled []ReportAction `json:"disabled,omitempty"`
}

// ReportAction is what to do on one code host.
type ReportAction struct {
	// connection to act through; only changes of that connection are acted on.
	// +kubebuilder:validation:MaxLength=63
	Connection string `json:"connection"`
	// status to set on the change's head commit, with context "<tenant>/<pipeline>".
	// +optional
	// +kubebuilder:validation:Enum=pending;success;failure
	Status string `json:"status,omitempty"`
	// check to set on the change's head commit, named "<tenant>/<pipeline>", with
	// the table of builds and what they have to say of lines of files.
	// +optional
	// +kubebuilder:validation:Enum=in_progress;success;failure;cancelled;skipped;neutral
	Check string `json:"check,omitempty"`
	// review to give.
	// +optional
	// +kubebuilder:validation:Enum=approve;request-changes;comment
	Review string `json:"review,omitempty"`
	// reviewBody is the review's text; the report if unset.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	ReviewBody string `json:"reviewBody,omitempty"`
	// labels to set on the change.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=255
	// +listType=atomic
	Labels []string `json:"labels,omitempty"`
	// unlabels are labels to take away.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=255
	// +listType=atomic
	Unlabels []string `json:"unlabels,omitempty"`
	// comment says whether to comment on the change.
	// +optional
	Comment bool `json:"comment,omitempty"`
	// merge says whether to merge the change.
	// +optional
	Merge bool `json:"merge,omitempty"`
}
