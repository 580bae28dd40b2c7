package statusview

import (
	"cmp"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/model"
)

func changeLabel(c gozer.ChangeRef) string { return convert.ChangeName(c) }

// jobs of a buildset, in the order of the project's configuration.
func (x *index) jobs(bs *gozer.BuildSet) []Job {
	decided := map[string]gozer.JobStatus{}
	for _, j := range bs.Status.Jobs {
		decided[j.Name] = j
	}
	var out []Job
	for _, spec := range bs.Spec.Jobs {
		j := Job{Name: clean(spec.Name), Build: clean(spec.Build), Voting: spec.Voting, State: "waiting"}
		j.Result = decided[spec.Name].Result
		if b := x.builds[spec.Build]; b != nil {
			x.build(&j, b)
		}
		if j.Result != "" {
			j.State = "done"
		} else if j.State == "waiting" {
			j.Wait = cmp.Or(after(spec, decided), clean(decided[spec.Name].Reason))
		}
		out = append(out, j)
	}
	return out
}

func (x *index) build(j *Job, b *gozer.Build) {
	if j.Result == "" {
		j.Result = b.Status.Result
	}
	j.Attempt = b.Status.Attempt
	j.Started, j.Finished = moment(b.Status.StartedAt), moment(b.Status.CompletedAt)
	j.LogURL, j.Failure = clean(b.Status.LogURL), clean(b.Status.FirstFailure)
	if b.Status.Result == "" {
		j.Failing = clean(b.Status.Failing)
	}
	switch b.Status.Phase {
	case gozer.BuildSemaphores:
		j.State, j.Wait = "semaphores", clean(b.Status.Reason)
	case gozer.BuildNodes:
		j.State, j.Wait = "nodes", "waits for nodes"
		switch r := x.requests[b.Status.NodeRequest]; {
		case r != nil && r.Status.State == gozer.NodesFulfilled:
			j.State, j.Wait = "starting", "starting"
		case r != nil && r.Status.Message != "":
			j.Wait = clean(r.Status.Message)
		}
	case gozer.BuildRunning:
		j.State = "running"
	case gozer.BuildPaused:
		j.State, j.Wait = "paused", "waits for the jobs that depend on it"
	}
}

func moment(t *metav1.MicroTime) *time.Time {
	if t == nil || t.IsZero() {
		return nil
	}
	return &t.Time
}

// after names the jobs that a job waits for.
func after(spec gozer.BuildSetJob, decided map[string]gozer.JobStatus) string {
	var names []string
	for _, d := range spec.Dependencies {
		if decided[d.Name].Result == "" {
			names = append(names, clean(d.Name))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "after " + strings.Join(names, ", ")
}

func failed(result string) bool { return model.BuildResult(result).Failed() }
