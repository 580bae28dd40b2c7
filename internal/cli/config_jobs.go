package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/confview"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/statusview"
)

// jobsFlags choose what is frozen.
type jobsFlags struct {
	configFlags
	project, pipeline string
	branches, files   []string
}

func (e *env) configJobsCommand(name string) *cobra.Command {
	f := &jobsFlags{}
	c := &cobra.Command{
		Use:   "jobs",
		Short: "List the jobs that projects run, with all their settings",
		Long: `List the jobs that projects run, with all their settings: for each project,
pipeline and branch the frozen job graph, as the gate would make it.

File matchers count only with --changed-file.`,
		Example: fmt.Sprintf(`  %[1]s config jobs --tenant main.yaml --tenant-name acme --root src --project acme/web
  %[1]s config jobs --tenant main.yaml --tenant-name acme --root src --branch main -o jsonl > jobs.jsonl
  %[1]s config jobs ... --project acme/web --pipeline check --changed-file docs/index.md`, name),
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return e.configJobs(f) },
	}
	f.add(c, "text", "jsonl")
	c.Flags().StringVar(&f.project, "project", "", "only this project")
	c.Flags().StringVar(&f.pipeline, "pipeline", "", "only this pipeline")
	c.Flags().StringArrayVar(&f.branches, "branch", nil, "branch to freeze for; may repeat; the default branch of each project when not given")
	c.Flags().StringArrayVar(&f.files, "changed-file", nil, "file that the change touches; may repeat")
	return c
}

func (e *env) configJobs(f *jobsFlags) error {
	l, err := f.one()
	if err != nil {
		return err
	}
	projects, pipelines, err := f.choose(l)
	if err != nil {
		return err
	}
	w := newJSONLines(e.Out)
	cache := &jobgraph.Cache{}
	for _, p := range projects {
		branches := f.branches
		if len(branches) == 0 {
			branches = []string{p.DefaultBranch}
		}
		for _, pl := range pipelines {
			for _, b := range branches {
				r, ok := confview.Jobs(l, cache, p, pl, b, f.files)
				if !ok {
					continue
				}
				if f.output == "text" {
					err = e.textJobs(r)
				} else {
					err = w.Encode(r)
				}
				if err != nil {
					return err
				}
			}
		}
	}
	return w.done()
}

// choose selects projects and pipelines; none of a name is a mistake.
func (f *jobsFlags) choose(l *layout.Layout) ([]*layout.Project, []*configlang.BoundPipeline, error) {
	projects, pipelines := l.Projects, l.Pipelines()
	if f.project != "" {
		p := l.ProjectNamed(f.project)
		if p == nil {
			return nil, nil, usage("the tenant has no project %q, or it needs its host in front", f.project)
		}
		projects = []*layout.Project{p}
	}
	if f.pipeline != "" {
		var names []string
		for _, p := range pipelines {
			names = append(names, p.Name)
		}
		pipelines = slices.DeleteFunc(pipelines, func(p *configlang.BoundPipeline) bool { return p.Name != f.pipeline })
		if len(pipelines) == 0 {
			return nil, nil, usage("the tenant has no pipeline %q; it has: %s", f.pipeline, strings.Join(names, ", "))
		}
	}
	return projects, pipelines, nil
}

func (e *env) textJobs(r confview.JobsRecord) error {
	if r.Error != nil {
		_, err := fmt.Fprintf(e.Out, "%s %s %s: %s\n", r.Project, r.Pipeline, r.Branch, configlang.Bound(*r.Error))
		return err
	}
	if _, err := fmt.Fprintf(e.Out, "%s %s %s:\n", r.Project, r.Pipeline, r.Branch); err != nil {
		return err
	}
	for _, j := range r.Jobs {
		var notes []string
		if !j.Voting {
			notes = append(notes, "non-voting")
		}
		for _, d := range j.Dependencies {
			kind := "after "
			if d.Soft {
				kind = "softly after "
			}
			notes = append(notes, kind+statusview.Clean(d.Name))
		}
		if len(j.Files)+len(j.IrrelevantFiles) > 0 {
			notes = append(notes, "for some files")
		}
		if _, err := fmt.Fprintf(e.Out, "  %s%s\n", statusview.Clean(j.Name), parenthesised(notes)); err != nil {
			return err
		}
	}
	return nil
}

func parenthesised(notes []string) string {
	if len(notes) == 0 {
		return ""
	}
	return " (" + strings.Join(notes, ", ") + ")"
}
