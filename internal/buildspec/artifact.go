package buildspec

import (
	"encoding/json"

	"github.com/gozer-dev/gozer/internal/returned"
)

// Artifact is something that another build has left somewhere. What it says is that
// build's, and may be a stranger's.
type Artifact struct {
	// Project is its name on its host, Job that of the build.
	Project string `json:"project"`
	Job     string `json:"job"`
	Branch  string `json:"branch,omitempty"`
	// Change and Patchset, or of a branch or tag the Ref with its revisions.
	Change   int64  `json:"change,omitempty"`
	Patchset string `json:"patchset,omitempty"`
	Ref      string `json:"ref,omitempty"`
	OldRev   string `json:"oldRev,omitempty"`
	NewRev   string `json:"newRev,omitempty"`

	Name     string          `json:"name"`
	URL      string          `json:"url"`
	Metadata json.RawMessage `json:"metadata,omitempty"`
}

// Each says of some artifacts what they are of.
func (a Artifact) Each(all []returned.Artifact) []Artifact {
	var out []Artifact
	for _, one := range all {
		a.Name, a.URL, a.Metadata = one.Name, one.URL, one.Metadata
		out = append(out, a)
	}
	return out
}
