package jobgraph

import (
	"slices"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/layout"
)

// IsNoop says whether it is the built-in job, that always succeeds.
func (j *Job) IsNoop() bool { return j.Name == layout.Noop }

// commitMessage is a file of Gerrit's that is none.
const commitMessage = "/COMMIT_MSG"

// matchesFiles applies `files` and `irrelevant-files` (FEATURES 2.6). A change
// whose files are not known, or that has none, runs everything.
func matchesFiles(j *Job, changed []string) bool {
	var files []string
	for _, f := range changed {
		if f != commitMessage {
			files = append(files, f)
		}
	}
	if len(files) == 0 {
		return true
	}
	if j.Files != nil && !slices.ContainsFunc(files, func(f string) bool { return anyMatch(j.Files, f) }) {
		return false
	}
	return j.IrrelevantFiles == nil || slices.ContainsFunc(files, func(f string) bool { return !anyMatch(j.IrrelevantFiles, f) })
}

func anyMatch(ms []configlang.Matcher, text string) bool {
	return slices.ContainsFunc(ms, func(m configlang.Matcher) bool { return m.Match(text) })
}

// updates says whether the item's own configuration makes the job another one.
// Where the configuration ahead is broken, nobody knows which jobs are new:
// the files decide then.
func (f *freezer) updates(j *Job) bool {
	if f.in.Ahead == nil {
		return false
	}
	if !f.aheadDone {
		f.aheadDone = true
		in := f.in
		in.Ahead, in.AllFiles, in.Cache = nil, true, nil
		if g, err := Freeze(f.in.Ahead, in); err == nil {
			f.ahead = map[jobKey]*Job{}
			for _, a := range g.Jobs {
				for _, change := range append([]int{a.Change}, a.Others...) {
					f.ahead[jobKey{a.Name, change}] = a
				}
			}
		}
	}
	if f.ahead == nil {
		return false
	}
	old := f.ahead[jobKey{j.Name, j.Change}]
	return old == nil || !SameConfig(old, j)
}
