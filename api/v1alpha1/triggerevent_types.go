package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// TriggerEventSpec is one thing that happened, as a code host told it, a person
// asked for it, or a time came. It is stored before the host gets its answer.
//
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="an event's spec is immutable"
type TriggerEventSpec struct {
	// connection that the event came through; for the event timer, that of the project.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Connection string `json:"connection"`
	// delivery is the host's id of the webhook delivery.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Delivery string `json:"delivery,omitempty"`
	// event is the kind: pull_request, pull_request_review, push, check_run, enqueue
	// when a person asked, or timer when a time came.
	// +kubebuilder:validation:Enum=pull_request;pull_request_review;push;check_run;enqueue;timer
	Event string `json:"event"`
	// action of the event, e.g. opened, changed, closed, comment, status, submitted.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Action string `json:"action,omitempty"`
	// project is the repository's path on the host.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	Project string `json:"project"`
	// number of the change; 0 for events about a ref.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Number int64 `json:"number,omitempty"`
	// patchset that the event is about; empty when the host does not say. For the
	// event timer, newRev if the trigger says dereference.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Patchset string `json:"patchset,omitempty"`
	// branch that the change is to be merged into, or that was pushed to.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Branch string `json:"branch,omitempty"`
	// ref, oldRev and newRev of a push; of the event timer, the branch and its head.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Ref string `json:"ref,omitempty"`
	// +optional
	// +kubebuilder:validation:MaxLength=64
	OldRev string `json:"oldRev,omitempty"`
	// +optional
	// +kubebuilder:validation:MaxLength=64
	NewRev string `json:"newRev,omitempty"`
	// comment, cut to 8 KiB.
	// +optional
	// +kubebuilder:validation:MaxLength=8192
	Comment string `json:"comment,omitempty"`
	// state of a review: approved, changes_requested, commented, dismissed.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	State string `json:"state,omitempty"`
	// label that was added or removed.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Label string `json:"label,omitempty"`
	// status that was set on the head, as "user:context:state"; for the action status.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Status string `json:"status,omitempty"`
	// check that ended or is to run again, as "app:name:conclusion"; for check_run.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Check string `json:"check,omitempty"`
	// account that caused the event.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Account string `json:"account,omitempty"`
	// tenant and pipeline to enqueue into, for the events enqueue and timer.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Tenant string `json:"tenant,omitempty"`
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Pipeline string `json:"pipeline,omitempty"`
	// urgent changes pass those that wait, where the pipeline allows it; for the event enqueue.
	// +optional
	Urgent bool `json:"urgent,omitempty"`
	// time of the pipeline that came, as it is written, for the event timer.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Time string `json:"time,omitempty"`
	// tick is when it came for this branch, for the event timer.
	// +optional
	Tick *metav1.Time `json:"tick,omitempty"`
	// receivedAt orders events.
	ReceivedAt metav1.MicroTime `json:"receivedAt"`
}

// TriggerEventStatus is written by the pipeline controller.
type TriggerEventStatus struct {
	// tenants that have dealt with the event.
	// +optional
	// +kubebuilder:validation:MaxItems=1024
	// +listType=map
	// +listMapKey=tenant
	Tenants []EventOutcome `json:"tenants,omitempty"`
}

// EventOutcome is what a tenant made of an event.
type EventOutcome struct {
	// tenant is the namespace of the tenant.
	// +kubebuilder:validation:MaxLength=63
	Tenant string `json:"tenant"`
	// pipelines that took it or refused it, at most 20.
	// +optional
	// +kubebuilder:validation:MaxItems=20
	// +listType=map
	// +listMapKey=pipeline
	Pipelines []PipelineOutcome `json:"pipelines,omitempty"`
}

// PipelineOutcome is what a pipeline made of an event that one of its triggers matched.
type PipelineOutcome struct {
	// pipeline that was asked.
	// +kubebuilder:validation:MaxLength=253
	Pipeline string `json:"pipeline"`
	// item that was enqueued; empty when it was refused.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Item string `json:"item,omitempty"`
	// message says why it was refused or what was done, in words.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
	// patchset of the event's change that was refused as unmergeable: another one is
	// not let in by this event.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Patchset string `json:"patchset,omitempty"`
	// unmergeable names the change that the code host would not merge as it was, if
	// that is why the event was refused: its own, one of its cycle, or one that it
	// needs; "host/path#number". While the event is kept, a later one about that
	// change makes the pipeline look again.
	// +optional
	// +kubebuilder:validation:MaxLength=600
	Unmergeable string `json:"unmergeable,omitempty"`
}

// TriggerEvent is one thing that happened on a code host. It goes after an
// hour, once every tenant that has the project dealt with it.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=te,categories=gozer
// +kubebuilder:printcolumn:name="Connection",type=string,JSONPath=`.spec.connection`
// +kubebuilder:printcolumn:name="Event",type=string,JSONPath=`.spec.event`
// +kubebuilder:printcolumn:name="Action",type=string,JSONPath=`.spec.action`
// +kubebuilder:printcolumn:name="Project",type=string,JSONPath=`.spec.project`
// +kubebuilder:printcolumn:name="Number",type=integer,JSONPath=`.spec.number`
// +kubebuilder:printcolumn:name="Done by",type=string,JSONPath=`.status.tenants[*].tenant`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type TriggerEvent struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what happened.
	Spec TriggerEventSpec `json:"spec"`
	// status tells what was made of it.
	// +optional
	Status TriggerEventStatus `json:"status,omitempty"`
}

// TriggerEventList is a list of TriggerEvents.
//
// +kubebuilder:object:root=true
type TriggerEventList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []TriggerEvent `json:"items"`
}
