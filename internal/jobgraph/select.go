package jobgraph

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gozer-dev/gozer/internal/configlang"
)

// selectByFiles says which jobs run for the files that a change touches. A job
// that a running one depends on runs too.
func selectByFiles(all map[string]Job, changed []string) map[string]bool {
	wanted := map[string]bool{}
	var want func(name string)
	want = func(name string) {
		j, ok := all[name]
		if !ok || wanted[name] {
			return
		}
		wanted[name] = true
		for _, d := range j.Dependencies {
			if !d.Soft {
				want(d.Name)
			}
		}
	}
	for name, j := range all {
		if matchesFiles(j, changed) {
			want(name)
		}
	}
	return wanted
}

// matchesFiles applies `files` and `irrelevant-files` (FEATURES 2.6). A change
// whose files are not known, or that has none, runs everything.
func matchesFiles(j Job, changed []string) bool {
	if len(changed) == 0 {
		return true
	}
	if j.files != nil && !slices.ContainsFunc(changed, func(f string) bool { return anyMatch(j.files, f) }) {
		return false
	}
	if j.irrelevantFiles != nil && !slices.ContainsFunc(changed, func(f string) bool { return !anyMatch(j.irrelevantFiles, f) }) {
		return false
	}
	return true
}

func anyMatch(ms []configlang.Matcher, text string) bool {
	return slices.ContainsFunc(ms, func(m configlang.Matcher) bool { return m.Match(text) })
}

// resolveDependencies drops soft dependencies on jobs that do not run, and
// refuses hard ones and cycles.
func resolveDependencies(jobs []Job) ([]Job, error) {
	index := map[string]int{}
	for i, j := range jobs {
		index[j.Name] = i
	}
	for i := range jobs {
		j := &jobs[i]
		var kept []Dependency
		for _, d := range j.Dependencies {
			_, runs := index[d.Name]
			switch {
			case runs:
				kept = append(kept, d)
			case !d.Soft:
				return nil, fmt.Errorf("job %s depends on %s which was not run", j.Name, d.Name)
			}
		}
		j.Dependencies = kept
	}
	if err := findCycle(jobs, index); err != nil {
		return nil, err
	}
	return jobs, nil
}

// findCycle visits the graph depth first; a job met again on the way down is in a cycle.
func findCycle(jobs []Job, index map[string]int) error {
	const (
		unseen = iota
		onPath
		done
	)
	state := make([]int, len(jobs))
	var way []string
	var visit func(i int) error
	visit = func(i int) error {
		way = append(way, jobs[i].Name)
		defer func() { way = way[:len(way)-1] }()
		switch state[i] {
		case done:
			return nil
		case onPath:
			return fmt.Errorf("dependency cycle detected in job %s: %s", jobs[i].Name, strings.Join(way, " -> "))
		}
		state[i] = onPath
		for _, d := range jobs[i].Dependencies {
			if err := visit(index[d.Name]); err != nil {
				return err
			}
		}
		state[i] = done
		return nil
	}
	for i := range jobs {
		if err := visit(i); err != nil {
			return err
		}
	}
	return nil
}
