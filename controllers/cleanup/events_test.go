package cleanup

import (
	"testing"
	"time"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
)

// An event that may still bring a change in is kept for longer than a repeated
// delivery may come, but not for less.
func TestKeep(t *testing.T) {
	outcome := func(unmergeable string) []gozer.EventOutcome {
		return []gozer.EventOutcome{{Tenant: "a"}, {Tenant: "b", Pipelines: []gozer.PipelineOutcome{{Pipeline: "check"}, {Pipeline: "gate", Unmergeable: unmergeable}}}}
	}
	for name, tc := range map[string]struct {
		keep    time.Duration
		tenants []gozer.EventOutcome
		want    time.Duration
	}{
		"not dealt with": {time.Hour, nil, time.Hour},
		"dealt with":     {time.Hour, outcome(""), time.Hour},
		"refused":        {time.Hour, outcome("git.example/acme/api#1"), 24 * time.Hour},
		"kept for long":  {48 * time.Hour, outcome("git.example/acme/api#1"), 48 * time.Hour},
	} {
		e := &gozer.TriggerEvent{Status: gozer.TriggerEventStatus{Tenants: tc.tenants}}
		if got := (&Events{Keep: tc.keep}).keep(e); got != tc.want {
			t.Errorf("%s: kept for %s, want %s", name, got, tc.want)
		}
	}
}
