package jobgraph

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/model"
)

func TestReuse(t *testing.T) {
	job := func(name string, change int, needs ...string) *Job {
		j := &Job{Name: name, Change: change}
		for _, n := range needs {
			j.Dependencies = append(j.Dependencies, Dependency{Name: n})
		}
		return j
	}
	for name, tc := range map[string]struct {
		jobs   []*Job
		inputs []string
		past   []Past
		want   []int
	}{
		"the same inputs": {
			[]*Job{job("unit", 0), job("lint", 0)}, []string{"u", "l"}, []Past{{"l", model.Success}, {"u", ""}}, []int{1, 0},
		},
		"other inputs": {[]*Job{job("unit", 0)}, []string{"u2"}, []Past{{"u", model.Success}}, []int{-1}},
		"not known":    {[]*Job{job("unit", 0)}, []string{""}, []Past{{"", model.Success}}, []int{-1}},
		"a failure is what the inputs led to": {
			[]*Job{job("unit", 0)}, []string{"u"}, []Past{{"u", model.Failure}}, []int{0},
		},
		"what is no fault of the inputs is run again": {
			[]*Job{job("unit", 0)}, []string{"u"},
			[]Past{{"u", model.Canceled}, {"u", model.NodeFailure}, {"u", model.RetryLimit}, {"u", model.BuildError}, {"u", model.Skipped}}, []int{-1},
		},
		"the latest that serves": {
			[]*Job{job("unit", 0)}, []string{"u"}, []Past{{"u", model.Canceled}, {"u", model.Failure}, {"u", model.Success}}, []int{1},
		},
		"behind a new build, a new build": {
			[]*Job{job("build", 0), job("test", 0, "build"), job("publish", 0, "test"), job("lint", 0)}, []string{"b2", "t", "p", "l"},
			[]Past{{"b", model.Success}, {"t", model.Success}, {"p", model.Success}, {"l", model.Success}}, []int{-1, -1, -1, 3},
		},
		"of a cycle, each change by itself": {
			[]*Job{job("build", 0), job("build", 1), job("test", 0, "build"), job("test", 1, "build")}, []string{"x2", "y", "tx", "ty"},
			[]Past{{"y", model.Success}, {"tx", model.Success}, {"ty", model.Success}}, []int{-1, 0, -1, 2},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Reuse(tc.jobs, tc.inputs, tc.past)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestInOrder(t *testing.T) {
	a, b, c := &Job{Name: "a"}, &Job{Name: "b"}, &Job{Name: "c"}
	a.Dependencies = []Dependency{{Name: "b"}}
	b.Dependencies = []Dependency{{Name: "c"}, {Name: "gone"}}
	var got []string
	for _, j := range InOrder([]*Job{a, b, c}) {
		got = append(got, j.Name)
	}
	if diff := cmp.Diff([]string{"c", "b", "a"}, got); diff != "" {
		t.Error(diff)
	}
}
