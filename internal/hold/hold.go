// Package hold decides which request to keep nodes is for a build that failed,
// and when what is kept goes (Zuul: autohold).
//
// Of several requests that are for a build, one for its ref counts before one for
// its change, and that before one for the job alone; of those alike, the older.
// A request that has all the builds that it asked for, or whose time is over, is
// for none. Builds that succeeded or were cancelled are nobody's to look at.
package hold

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/zuulregex"
)

// Request to keep nodes.
type Request struct {
	Name string
	// Project by its canonical name, or without the host.
	Project, Job string
	// Change and Ref narrow it: a number, or a pattern for the beginning of a ref.
	Change int64
	Ref    string
	// Left is for how many builds more it is.
	Left int
	// Until it is for builds at all; zero for ever.
	Until time.Time
	Since time.Time
}

// Build that is over.
type Build struct {
	Project model.Project
	Job     string
	Change  int64
	Ref     string
	Result  model.BuildResult
}

// Holds says whether nodes of a build with this result may be kept.
func Holds(result model.BuildResult) bool {
	return slices.Contains([]model.BuildResult{model.Failure, model.RetryLimit, model.PostFailure, model.TimedOut}, result)
}

// Check says what is wrong with the pattern of a request; empty if nothing is.
func Check(ref string) string {
	if _, err := zuulregex.Compile(ref); err != nil {
		return fmt.Sprintf("spec.ref is no regular expression: %v; write e.g. refs/heads/main", err)
	}
	return ""
}

// scope is how close a request is to a build: what is closer counts more.
type scope int

const (
	notAtAll scope = iota
	byJob
	byChange
	byRef
)

// Choose names the request that a build's nodes are kept for; empty if there is none.
func Choose(requests []Request, b Build, now time.Time) string {
	if !Holds(b.Result) {
		return ""
	}
	sorted := slices.SortedFunc(slices.Values(requests), func(x, y Request) int {
		return cmp.Or(cmp.Compare(y.scope(b), x.scope(b)), x.Since.Compare(y.Since), cmp.Compare(x.Name, y.Name))
	})
	for _, r := range sorted {
		if r.scope(b) != notAtAll && r.Left > 0 && (r.Until.IsZero() || now.Before(r.Until)) {
			return r.Name
		}
	}
	return ""
}

func (r Request) scope(b Build) scope {
	switch {
	case r.Job != b.Job, r.Project != b.Project.Canonical() && r.Project != b.Project.Name:
		return notAtAll
	case r.Ref != "":
		pattern, err := zuulregex.Compile(r.Ref)
		if err != nil || !pattern.Match(b.Ref) {
			return notAtAll
		}
		return byRef
	case r.Change != 0 && r.Change != b.Change:
		return notAtAll
	case r.Change != 0:
		return byChange
	}
	return byJob
}

// Deadline in seconds that a node may have from its start, so that it ends when
// its time is over also if nobody deletes it; 0 when it is to stay as it is. A
// deadline can be made shorter only.
func Deadline(started, until time.Time, has int64) int64 {
	want := max(1, int64(until.Sub(started).Seconds()))
	if has > 0 && has <= want {
		return 0
	}
	return want
}

// Left is how long a node with that deadline may still be kept; longest if it has none.
func Left(started, now time.Time, has int64, longest time.Duration) time.Duration {
	if has == 0 {
		return longest
	}
	return max(0, min(longest, started.Add(time.Duration(has)*time.Second).Sub(now)))
}
