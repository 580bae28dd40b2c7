package model

import "time"

// TriggerEvent is one thing that happened on a code host, in the words that
// all drivers share.
type TriggerEvent struct {
	// Name is unique; the same delivery has the same name.
	Name       string
	Connection string
	// Event is "pull_request", "pull_request_review", "push", "check_run", "enqueue" or Timer.
	Event  string
	Action string
	// Project is the path on the host, e.g. "acme/api".
	Project  string
	Number   int64
	Patchset string
	Branch   string
	Ref      string
	OldRev   string
	NewRev   string
	Comment  string
	// State of a review: "approved", "changes_requested" or "commented".
	State string
	Label string
	// Status that was set on the change's head, as "who:context:state"; Check that
	// ended or was asked for again, as "app:name:conclusion".
	Status, Check string
	Account       string
	// Tenant and Pipeline, for the events "enqueue" and Timer.
	Tenant, Pipeline string
	// Urgent changes pass those that wait, for the event "enqueue".
	Urgent bool
	// Time of the pipeline that came, and when it came for this branch, for the event Timer.
	Time       string
	Tick       time.Time
	ReceivedAt time.Time
}

// Timer is the event of a time that came, and the connection that has it.
const Timer = "timer"

// Forced says that the event is for one pipeline, whatever its triggers want.
func (e TriggerEvent) Forced() bool { return e.Event == "enqueue" || e.Event == Timer }
