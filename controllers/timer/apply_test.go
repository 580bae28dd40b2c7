package timer

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/timer"
)

// TestNoted: the status is written when something came, and not for every second of a jitter.
func TestNoted(t *testing.T) {
	at := func(clock string) time.Time {
		m, err := time.Parse(time.DateTime, "2026-11-21 "+clock)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for name, tc := range map[string]struct{ time, until, now, want string }{
		"new":                         {"0 * * * *", "", "12:30:00", "12:30:00"},
		"nothing came":                {"0 * * * *", "12:00:00", "12:59:59", "12:00:00"},
		"it came":                     {"0 * * * *", "12:00:00", "13:00:00", "13:00:00"},
		"it came while nobody looked": {"0 * * * *", "12:00:00", "15:30:00", "15:30:00"},
		"every second":                {"* * * * * *", "12:00:00", "12:00:59", "12:00:00"},
		"every second, a minute ago":  {"* * * * * *", "12:00:00", "12:01:00", "12:01:00"},
		"within a jitter":             {"0 * * * * 0 90", "12:00:00", "12:00:30", "12:00:00"},
		"late in a jitter":            {"0 * * * * 0 90", "12:00:00", "12:01:30", "12:01:30"},
		"after a jitter":              {"0 * * * * 0 90", "12:01:30", "12:40:00", "12:01:30"},
		"the clock was ahead":         {"0 * * * *", "18:00:00", "12:30:00", "12:30:00"},
	} {
		t.Run(name, func(t *testing.T) {
			schedule, err := timer.Parse(tc.time)
			if err != nil {
				t.Fatal(err)
			}
			var p gozer.Pipeline
			if tc.until != "" {
				p.Status.Timers = []gozer.PipelineTimer{{Time: tc.time, Until: metav1.NewTime(at(tc.until)), Next: metav1.NewTime(schedule.Next(at(tc.until)))}}
			}
			got := noted(&p, timer.Timer{Time: tc.time, Schedule: schedule}, at(tc.now).Add(time.Second/2))
			want := gozer.PipelineTimer{Time: tc.time, Until: metav1.NewTime(at(tc.want)), Next: metav1.NewTime(schedule.Next(at(tc.want)))}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
