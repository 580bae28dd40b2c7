package convert_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/convert"
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
