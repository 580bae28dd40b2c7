package history

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gozer-dev/gozer/internal/returned"
)

// TestProvided: what builds provided is found by the build, by the buildset, and by
// the version of a change, of which the latest buildset counts.
func TestProvided(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	s := open(t, path)
	image := returned.Artifact{Name: "image", URL: "docker://x", Metadata: json.RawMessage(`{"type":"container"}`)}
	of := func(n, epoch, attempt int, result string, artifacts ...returned.Artifact) Build {
		return build(n, func(b *Build) {
			b.BuildSet, b.Epoch, b.Attempt, b.Result = []string{"", "set-1", "set-2"}[epoch], epoch, attempt, result
			b.Provides, b.Artifacts = []string{"docs", "image"}, artifacts
		})
	}
	again := of(1, 2, 1, "RETRY")
	record(t, s, of(0, 1, 1, "SUCCESS", image), again, of(1, 2, 2, "FAILURE"), build(5, func(b *Build) { b.Patchset, b.BuildSet = "other", "set-3" }))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path) // what was written stays
	first, second := of(0, 1, 1, "SUCCESS", image), of(1, 2, 2, "FAILURE")
	ofChange := Provided{Tenant: "acme", Pipeline: "gate", Project: "git.example.com/acme/api", Change: 12, Patchset: "3f2c"}
	unknown := ofChange
	unknown.Patchset = "new"
	for name, tc := range map[string]struct {
		ask  Provided
		want []Build
	}{
		"a build":             {Provided{Tenant: "acme", Build: first.Name}, []Build{first}},
		"a buildset":          {Provided{Tenant: "acme", BuildSet: "set-1"}, []Build{first}},
		"the latest buildset": {ofChange, []Build{second}},
		"never tested":        {unknown, nil},
		"another tenant":      {Provided{Tenant: "other", Build: first.Name}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := s.Provided(t.Context(), tc.ask)
			if err != nil {
				t.Fatal(err)
			}
			rest := cmpopts.IgnoreFields(Build{}, "UID", "Pipeline", "ChangeURL", "Voting", "LogURL", "Item", "Epoch", "TestedOn")
			if diff := cmp.Diff(tc.want, got, rest, cmpopts.IgnoreTypes(time.Time{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
