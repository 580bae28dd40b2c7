package artifacts

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gozer-dev/gozer/internal/model"
)

// Build of a change ahead.
type Build struct {
	Name, Job string
	Provides  []string
	// Result is empty while it is not decided.
	Result model.BuildResult
	// Paused builds have what they provide.
	Paused bool
	// Project and Change that it is for.
	Project string
	Change  int64
}

// Item ahead of a job's own.
type Item struct {
	// Title is how people name its changes.
	Title string
	// Unknown says that its jobs are not known yet.
	Unknown bool
	Builds  []Build
}

// Needed is what a job that requires something has to go by.
type Needed struct {
	// Waits says for what it waits; Fails that it cannot run, in Zuul's words.
	Waits, Fails string
	// Providers are the builds of which it gets the artifacts, the front first.
	Providers []string
}

// Require decides about a job; ahead has the nearest item first.
func Require(job string, requires []string, ahead []Item) Needed {
	var out Needed
	if len(requires) == 0 {
		return out
	}
	for _, item := range ahead {
		if item.Unknown {
			return Needed{Waits: fmt.Sprintf("waits until the jobs of %s are known, for it requires %s", item.Title, strings.Join(requires, ", "))}
		}
		var own []string
		for _, b := range item.Builds {
			what := common(requires, b.Provides)
			switch {
			case len(what) == 0:
			case b.Result == model.Success, b.Result == model.Undetermined && b.Paused:
				own = append(own, b.Name)
			case b.Result == model.Undetermined:
				return Needed{Waits: fmt.Sprintf("waits for %s of job %s of %s", strings.Join(what, ", "), b.Job, item.Title)}
			default:
				return Needed{Fails: fmt.Sprintf("Job %s requires artifact(s) %s provided by build %s (triggered by change %d on project %s), but that build failed with result %q",
					job, strings.Join(what, ", "), b.Name, b.Change, b.Project, string(b.Result))}
			}
		}
		out.Providers = append(own, out.Providers...)
	}
	return out
}

// Provides says whether a build has anything of what is required.
func Provides(requires, provides []string) bool { return len(common(requires, provides)) > 0 }

func common(requires, provides []string) []string {
	var out []string
	for _, name := range requires {
		if slices.Contains(provides, name) {
			out = append(out, name)
		}
	}
	return out
}
