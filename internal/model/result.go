package model

// BuildResult is the outcome of one build (Zuul: build result, FEATURES 5.4).
type BuildResult string

// Results of builds. The empty result means: not decided yet.
const (
	Success      BuildResult = "SUCCESS"
	Failure      BuildResult = "FAILURE"
	TimedOut     BuildResult = "TIMED_OUT"
	PostFailure  BuildResult = "POST_FAILURE"
	Retry        BuildResult = "RETRY"
	RetryLimit   BuildResult = "RETRY_LIMIT"
	DiskFull     BuildResult = "DISK_FULL"
	NodeFailure  BuildResult = "NODE_FAILURE"
	Skipped      BuildResult = "SKIPPED"
	Canceled     BuildResult = "CANCELED"
	BuildError   BuildResult = "ERROR"
	Undetermined BuildResult = ""
)

// SkippedByChildJobs begins the reason of a job that another one left out on
// purpose (Zuul: zuul_return's child_jobs).
const SkippedByChildJobs = "Skipped due to child_jobs return value in job "

// Failed says whether a voting build with this result fails its item.
func (r BuildResult) Failed() bool {
	switch r {
	case Success, Skipped, Undetermined, Retry:
		return false
	}
	return true
}

// ItemResult is the outcome of a queue item (Zuul: buildset result, FEATURES 3.6).
type ItemResult string

// Results of items.
const (
	ItemSuccess       ItemResult = "SUCCESS"
	ItemFailure       ItemResult = "FAILURE"
	ItemMergeConflict ItemResult = "MERGE_CONFLICT"
	ItemMergeFailure  ItemResult = "MERGE_FAILURE"
	ItemConfigError   ItemResult = "CONFIG_ERROR"
	ItemNoJobs        ItemResult = "NO_JOBS"
	ItemDequeued      ItemResult = "DEQUEUED"
	ItemUndecided     ItemResult = ""
)
