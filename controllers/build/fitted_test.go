package build

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/buildspec"
)

// TestFitted: what others have said does not end a build.
func TestFitted(t *testing.T) {
	artifacts := func(n int) []buildspec.Artifact {
		var out []buildspec.Artifact
		for i := range n {
			out = append(out, buildspec.Artifact{Name: fmt.Sprint("image-", i), URL: "docker://" + strings.Repeat("x", 1000)})
		}
		return out
	}
	for name, c := range map[string]struct {
		spec   buildspec.Spec
		left   []string
		kept   int
		broken bool
	}{
		"all fits":               {spec: buildspec.Spec{Messages: map[string]string{"a": strings.Repeat("<", 60<<10)}, Artifacts: artifacts(100)}, kept: 100},
		"messages have no room":  {spec: buildspec.Spec{Messages: map[string]string{"a": strings.Repeat("x", 60<<10)}, Artifacts: artifacts(180)}, left: []string{"the messages of the changes"}, kept: 180},
		"artifacts have no room": {spec: buildspec.Spec{Artifacts: artifacts(300)}, left: []string{"150 artifacts of other jobs"}, kept: 150},
		"the job's own":          {spec: buildspec.Spec{Job: strings.Repeat("x", maxSpec), Artifacts: artifacts(3)}, broken: true},
	} {
		t.Run(name, func(t *testing.T) {
			raw, err := fitted(&c.spec)
			if c.broken {
				if err == nil {
					t.Fatal("it fits")
				}
				return
			}
			var got buildspec.Spec
			if err != nil || len(raw) > maxSpec || json.Unmarshal([]byte(raw), &got) != nil {
				t.Fatalf("%d bytes, %v", len(raw), err)
			}
			if diff := cmp.Diff(c.left, got.LeftOut); diff != "" || len(got.Artifacts) != c.kept {
				t.Errorf("%d artifacts are kept; left out (-want +got):\n%s", len(got.Artifacts), diff)
			}
		})
	}
}
