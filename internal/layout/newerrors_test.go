package layout_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/model"
)

// texts are files by project and branch, of a config project and two others.
type texts map[[2]string]string

func (w texts) tenant() *layout.Tenant {
	t := &layout.Tenant{Name: "acme", DefaultParent: "base", DefaultAnsibleVersion: "9", MaxNodesPerJob: 2, MaxJobTimeout: 1000,
		Connections: configlang.Connections{Drivers: map[string]string{"gitea": "gitea"}}}
	classes := []string{"pipeline", "job", "nodeset", "project", "project-template", "secret", "semaphore", "queue", "image"}
	for _, name := range []string{"acme/config", "acme/a", "acme/b"} {
		t.Projects = append(t.Projects, &layout.Project{
			Project: model.Project{Connection: "gitea", Hostname: "git.example", Name: name}, Trusted: name == "acme/config", Classes: classes,
			DefaultBranch: "main", DefaultMergeMode: "merge", Branches: []layout.Branch{{Name: "main", Files: w.files(name, "main")}},
		})
	}
	return t
}

func (w texts) files(project, branch string) []layout.File {
	text := w[[2]string{project, branch}]
	if text == "" {
		return nil
	}
	return []layout.File{{Path: "zuul.yaml", File: configlang.Parse(text)}}
}

func TestNewErrors(t *testing.T) {
	w := texts{
		{"acme/config", "main"}: "- pipeline: {name: check, manager: independent}\n- job: {name: base, parent: null, run: x}\n",
		{"acme/a", "main"}:      "- job: {name: unit, parent: gone}\n",
		{"acme/b", "main"}:      "- job: {name: child, parent: unit, run: x}\n- job: {name: lost, parent: nobody}\n",
	}
	l := layout.Build(w.tenant())
	for name, tc := range map[string]struct {
		project, text string
		want          []string
	}{
		"nothing new":               {"acme/a", "- job: {name: unit, parent: base}\n", nil},
		"lines move":                {"acme/b", "# a comment\n- job: {name: child, parent: unit, run: x}\n", nil},
		"its own old errors":        {"acme/b", "- job: {name: lost, parent: nobody}\n- job: {name: child, parent: unit, run: y}\n", []string{"Job nobody not defined"}},
		"it breaks another project": {"acme/a", "- job: {name: unix, parent: base}\n", []string{"Job unit not defined"}},
		"a new error":               {"acme/a", "- job: {name: unit, timeout: soon}\n", []string{"this must be a whole number, not a string", "Job unit not defined"}},
		"a warning":                 {"acme/a", "- job: {name: unit, cleanup-run: x.yaml}\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := texts{{tc.project, "main"}: tc.text}
			next := l.With(false, layout.Change{Project: "git.example/" + tc.project, Branch: "main", Files: w.files(tc.project, "main")})
			var got []string
			for _, e := range layout.NewErrors(next, l, "git.example/"+tc.project, "main") {
				got = append(got, e.Message)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
