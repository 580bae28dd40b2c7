package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/confview"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/statusview"
)

func (e *env) configExplainCommand(name string) *cobra.Command {
	f := &jobsFlags{}
	branch := ""
	c := &cobra.Command{
		Use:   "explain-job JOB",
		Short: "Tell which definition, variant or template gives each setting of a job",
		Example: fmt.Sprintf(`  %[1]s config explain-job unit --tenant main.yaml --tenant-name acme --root src --project acme/web
  %[1]s config explain-job unit ... --project acme/web --pipeline gate --branch stable/1 -o json`, name),
		Args: exactly("JOB"),
		RunE: func(_ *cobra.Command, args []string) error { return e.explainJob(f, branch, args[0]) },
	}
	f.add(c, "text", "json")
	c.Flags().StringVar(&f.project, "project", "", "project that runs the job")
	c.Flags().StringVar(&f.pipeline, "pipeline", "", "pipeline; the first that has the job when not given")
	c.Flags().StringVar(&branch, "branch", "", "branch; the project's default branch when not given")
	return c
}

func (e *env) explainJob(f *jobsFlags, branch, job string) error {
	if f.project == "" {
		return usage("give --project")
	}
	l, err := f.one()
	if err != nil {
		return err
	}
	projects, pipelines, err := f.choose(l)
	if err != nil {
		return err
	}
	p := projects[0]
	if branch == "" {
		branch = p.DefaultBranch
	}
	x, err := findJob(l, p, pipelines, branch, job)
	if err != nil {
		return exitError{code: 1, error: err}
	}
	if f.output == "json" {
		w := newJSONLines(e.Out)
		w.SetIndent("", "  ")
		if err := w.Encode(x); err != nil {
			return err
		}
		return w.done()
	}
	return e.textExplanation(x)
}

// findJob freezes the project's pipelines until one has the job.
func findJob(l *layout.Layout, p *layout.Project, pipelines []*configlang.BoundPipeline, branch, job string) (confview.Explanation, error) {
	var broken error
	for _, pl := range pipelines {
		g, err := jobgraph.Freeze(l, jobgraph.Input{
			Pipeline: pl.Name, PostReview: pl.PostReview, AllFiles: true,
			Changes: []jobgraph.Change{{Project: p.Project, Ref: layout.Ref{Branch: branch}}},
		})
		if err != nil {
			broken = fmt.Errorf("the jobs of %s in %s cannot be frozen: %w", p.Name, pl.Name, err)
			continue
		}
		if i := slices.IndexFunc(g.Jobs, func(j *jobgraph.Job) bool { return j.Name == job }); i >= 0 {
			return confview.Explain(l, g.Jobs[i], p, pl.Name, branch), nil
		}
	}
	if broken != nil {
		return confview.Explanation{}, broken
	}
	if !l.Defined(job) {
		return confview.Explanation{}, fmt.Errorf("there is no job %q in the tenant", job)
	}
	return confview.Explanation{}, fmt.Errorf("%s does not run %s on %s in any of the pipelines that were asked for", p.Name, job, branch)
}

func (e *env) textExplanation(x confview.Explanation) error {
	fmt.Fprintf(e.Out, "job %s of %s in %s on %s\n\ndefinitions, in the order in which they are applied:\n", x.Job, x.Project, x.Pipeline, x.Branch) //nolint:errcheck // the flush below tells
	w := tabwriter.NewWriter(e.Out, 0, 0, 2, ' ', 0)
	for i, d := range x.Definitions {
		fmt.Fprintf(w, "  %d\t%s\t%s\t%s\n", i+1, statusview.Clean(d.Name), statusview.Clean(d.Kind), d.Where()) //nolint:errcheck // the flush below tells
	}
	fmt.Fprintf(w, "\nattributes, the last that sets one wins:\n") //nolint:errcheck // the flush below tells
	for _, a := range x.Attributes {
		for n, part := range a.From {
			name := a.Name
			if n > 0 {
				name = ""
			}
			d := x.Definitions[part.Definition]
			line := part.Line
			if line == 0 {
				line = d.Line
			}
			fmt.Fprintf(w, "  %s\t%s\t%s\t%d: %s:%d\n", name, part.How, shown(part.Value), part.Definition+1, d.Path, line) //nolint:errcheck // the flush below tells
		}
	}
	return w.Flush()
}

const maxShown = 100

// shown is a value on one line.
func shown(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return "?"
	}
	s := statusview.Clean(string(raw))
	if r := []rune(s); len(r) > maxShown {
		return string(r[:maxShown]) + "…"
	}
	return s
}
