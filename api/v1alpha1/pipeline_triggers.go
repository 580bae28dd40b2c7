package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Trigger matches events of one connection. All attributes given must match;
// of a list, any one.
//
// +kubebuilder:validation:XValidation:rule="self.event == 'timer' ? self.connection == 'timer' && has(self.times) : !has(self.times)",message="a trigger of the connection timer has the event timer and times, and no other has"
type Trigger struct {
	// connection whose events are looked at; "timer" for times.
	// +kubebuilder:validation:MaxLength=63
	Connection string `json:"connection"`
	// event is the kind of event.
	// +kubebuilder:validation:Enum=pull_request;pull_request_review;push;check_run;timer
	Event string `json:"event"`
	// times at which every branch that has jobs in the pipeline is brought in; for timer.
	// "minute hour day month weekday", in UTC, and if need be the second and the
	// most seconds that a branch may be late, to spread the load. Monday is 0;
	// the day and the weekday must both match.
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=255
	// +listType=atomic
	Times []string `json:"times,omitempty"`
	// dereference brings a branch in again that is in the pipeline still, if it has
	// another commit by now, and tells jobs the commit as zuul.newrev; for timer.
	// +optional
	Dereference bool `json:"dereference,omitempty"`
	// actions of the event: opened, changed, reopened, closed, comment, labeled,
	// unlabeled, status for pull_request; submitted, dismissed for
	// pull_request_review; completed, rerequested for check_run.
	// +optional
	// +kubebuilder:validation:MaxItems=16
	// +listType=atomic
	Actions []string `json:"actions,omitempty"`
	// branches are regular expressions (RE2), matched at the start of the branch's name.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	Branches []string `json:"branches,omitempty"`
	// refs are regular expressions (RE2), matched at the start of the ref that was
	// pushed to, e.g. "^refs/heads/main$"; for push.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	Refs []string `json:"refs,omitempty"`
	// comments are regular expressions (RE2), searched in the comment.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	Comments []string `json:"comments,omitempty"`
	// states of a review: approved, changes_requested, commented, dismissed.
	// +optional
	// +kubebuilder:validation:MaxItems=8
	// +listType=atomic
	States []string `json:"states,omitempty"`
	// labels that were added or removed.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	Labels []string `json:"labels,omitempty"`
	// statuses are regular expressions (RE2) that the whole of a status that was
	// set matches, "user:context:state"; for the action status.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=1024
	// +listType=atomic
	Statuses []string `json:"statuses,omitempty"`
	// checks are regular expressions (RE2) that the whole of a check matches,
	// "app:name:conclusion"; for check_run.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=1024
	// +listType=atomic
	Checks []string `json:"checks,omitempty"`
	// require is what the event's change must fulfil for this trigger.
	// +optional
	Require *ChangeRequirement `json:"require,omitempty"`
	// reject is what keeps the event's change from this trigger.
	// +optional
	Reject *ChangeRequirement `json:"reject,omitempty"`
}

// Requirement is what a change of a connection must have, or must not have.
type Requirement struct {
	// connection whose changes are looked at.
	// +kubebuilder:validation:MaxLength=63
	Connection string `json:"connection"`

	ChangeRequirement `json:",inline"`
}

// ChangeRequirement is what a change must have, or must not have.
type ChangeRequirement struct {
	// open asks whether the change is open.
	// +optional
	Open *bool `json:"open,omitempty"`
	// merged asks whether the change is merged.
	// +optional
	Merged *bool `json:"merged,omitempty"`
	// draft asks whether the change is a draft.
	// +optional
	Draft *bool `json:"draft,omitempty"`
	// currentPatchset asks that the event is about the latest version.
	// +optional
	CurrentPatchset *bool `json:"currentPatchset,omitempty"`
	// firstContributionApproved asks that somebody with write permission has approved
	// a change of an author of whom nothing was merged there yet.
	// +optional
	FirstContributionApproved *bool `json:"firstContributionApproved,omitempty"`
	// reviews each must be given by some reviewer (require), or any keeps out (reject).
	// +optional
	// +kubebuilder:validation:MaxItems=16
	// +listType=atomic
	Reviews []ReviewRequirement `json:"reviews,omitempty"`
	// labels all must be there (require), or any keeps out (reject).
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	Labels []string `json:"labels,omitempty"`
	// statuses are regular expressions (RE2) that the whole of a status or check of
	// the head matches, "user:context:state". Any one must be there (require), or
	// keeps out (reject).
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=1024
	// +listType=atomic
	Statuses []string `json:"statuses,omitempty"`
}

// ReviewRequirement matches one reviewer's current verdict on the current patchset.
type ReviewRequirement struct {
	// type of the review.
	// +optional
	// +kubebuilder:validation:Enum=approved;changes_requested;comment
	Type string `json:"type,omitempty"`
	// username is a regular expression (RE2) that the reviewer's whole name matches.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Username string `json:"username,omitempty"`
	// email is a regular expression (RE2) that is searched in the reviewer's address.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Email string `json:"email,omitempty"`
	// permission that the reviewer must have at least.
	// +optional
	// +kubebuilder:validation:Enum=read;write;admin
	Permission string `json:"permission,omitempty"`
	// olderThan is how long ago the review must have been given, e.g. "36h".
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('0s')",message="olderThan is a duration, e.g. 36h"
	OlderThan *metav1.Duration `json:"olderThan,omitempty"`
	// newerThan is how long ago the review may have been given at most.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('0s')",message="newerThan is a duration, e.g. 36h"
	NewerThan *metav1.Duration `json:"newerThan,omitempty"`
}
