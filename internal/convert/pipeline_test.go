package convert_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/model"
)

// Every occasion and message of the language arrives, each at its place.
func TestPipelineReports(t *testing.T) {
	limit := int64(3)
	in := &configlang.BoundPipeline{
		Pipeline: &configlang.Pipeline{Name: "check", Manager: "independent", AllowOtherConnections: true, DequeueOnNewPatchset: true,
			DisableAfterFailures: &limit, Messages: map[string]string{}},
		Reporters: map[string][]configlang.Conf{},
	}
	for _, m := range configlang.Messages {
		in.Messages[m] = m
	}
	for _, o := range configlang.Occasions {
		in.Reporters[o] = []configlang.Conf{
			{Connection: o, Driver: "gitea", Values: configlang.Values{"status": "pending", "comment": true}},
			{Connection: "history", Driver: "sql"},
		}
	}
	spec, refused, left := convert.PipelineSpec(in)
	if refused != "" || len(left) > 0 {
		t.Fatalf("refused %q, left out %q", refused, left)
	}
	of := func(occasion string) []gozer.ReportAction {
		return []gozer.ReportAction{{Connection: occasion, Status: "pending", Comment: true}}
	}
	want := gozer.PipelineSpec{
		Manager: gozer.ManagerIndependent, DisableAfterConsecutiveFailures: 3,
		Messages: gozer.Messages{Enqueue: "enqueue-message", Start: "start-message", Success: "success-message", Failure: "failure-message",
			MergeConflict: "merge-conflict-message", NoJobs: "no-jobs-message", Dequeue: "dequeue-message", Footer: "footer-message"},
		Reporters: gozer.Reporters{Enqueue: of("enqueue"), Start: of("start"), Success: of("success"), Failure: of("failure"),
			MergeConflict: of("merge-conflict"), ConfigError: of("config-error"), NoJobs: of("no-jobs"), Dequeue: of("dequeue"), Disabled: of("disabled")},
	}
	if diff := cmp.Diff(want, spec); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What no driver here can do is told, by occasion.
func TestReportersOfOtherDrivers(t *testing.T) {
	in := &configlang.BoundPipeline{
		Pipeline:  &configlang.Pipeline{Name: "check", Manager: "independent", AllowOtherConnections: true, DequeueOnNewPatchset: true},
		Reporters: map[string][]configlang.Conf{"disabled": {{Connection: "mail", Driver: "smtp"}}},
	}
	_, refused, left := convert.PipelineSpec(in)
	if diff := cmp.Diff([]string{"the disabled reporter of mail (smtp) has no effect in this version of Gozer"}, left); refused != "" || diff != "" {
		t.Errorf("%s (-want +got):\n%s", refused, diff)
	}
}

// What a pipeline says of times arrives, and so do events that they came.
func TestTimers(t *testing.T) {
	in := &configlang.BoundPipeline{
		Pipeline: &configlang.Pipeline{Name: "periodic", Manager: "independent", AllowOtherConnections: true, DequeueOnNewPatchset: true},
		Triggers: []configlang.Conf{
			{Connection: "timer", Driver: "timer", Values: configlang.Values{"time": []string{"0 2 * * *", "0 14 * * 6"}}},
			{Connection: "timer", Driver: "timer", Values: configlang.Values{"time": []string{"0 3 * * *"}, "dereference": true, "debug": true}},
		},
	}
	spec, refused, left := convert.PipelineSpec(in)
	want := []gozer.Trigger{
		{Connection: "timer", Event: "timer", Times: []string{"0 2 * * *", "0 14 * * 6"}},
		{Connection: "timer", Event: "timer", Times: []string{"0 3 * * *"}, Dereference: true},
	}
	if diff := cmp.Diff(want, spec.Triggers); diff != "" || refused != "" {
		t.Errorf("%s (-want +got):\n%s", refused, diff)
	}
	if diff := cmp.Diff([]string{"debug of a timer has no effect in this version of Gozer"}, left); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	at := time.Date(2026, 11, 22, 2, 0, 7, 0, time.UTC)
	event := model.TriggerEvent{Name: "tick", Connection: "gitea", Event: model.Timer, Project: "acme/api", Branch: "main", Ref: "refs/heads/main", NewRev: "c", Patchset: "c",
		Tenant: "acme", Pipeline: "periodic", Time: "0 2 * * *", Tick: at, ReceivedAt: at.Add(time.Second)}
	if diff := cmp.Diff(event, convert.TriggerEvent(convert.TriggerEventObject("gozer-system", event, ""))); diff != "" {
		t.Errorf("there and back (-want +got):\n%s", diff)
	}
}
