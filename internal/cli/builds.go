package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/statusview"
)

func (e *env) buildsCommand(name string) *cobra.Command {
	return &cobra.Command{
		Use:   "builds [CHANGE]",
		Short: "List builds, the newest first",
		Example: fmt.Sprintf(`  %[1]s builds -n acme
  %[1]s builds -n acme acme/web#8`, name),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("give one change, or none")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if err := e.connect(); err != nil {
				return err
			}
			builds, err := e.builds(c.Context())
			if err != nil {
				return err
			}
			if len(args) == 1 {
				t := parseTarget(args[0])
				builds = slices.DeleteFunc(builds, func(b gozer.Build) bool { return !t.isOf(b) })
				if len(builds) == 0 {
					return fmt.Errorf("%s has no builds in tenant %s", statusview.Clean(args[0]), e.namespace)
				}
			}
			return e.table(builds)
		},
	}
}

// builds of the tenant, the newest first.
func (e *env) builds(ctx context.Context) ([]gozer.Build, error) {
	var l gozer.BuildList
	if err := e.client.List(ctx, &l, client.InNamespace(e.namespace)); err != nil {
		return nil, e.explainError(err)
	}
	slices.SortStableFunc(l.Items, func(a, b gozer.Build) int {
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(b.Spec.BuildSet, a.Spec.BuildSet), cmp.Compare(a.Name, b.Name))
	})
	return l.Items, nil
}

// isOf says whether a build is of the change or item that is meant.
func (t target) isOf(b gozer.Build) bool {
	i := gozer.QueueItem{Spec: gozer.QueueItemSpec{Changes: []gozer.ChangeRef{b.Spec.Change}}}
	i.Name = b.Spec.Item
	return t.is(i)
}

func (e *env) table(builds []gozer.Build) error {
	w := tabwriter.NewWriter(e.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tJOB\tCHANGE\tPIPELINE\tRESULT\tTIME\tREASON") //nolint:errcheck // Flush tells
	for _, b := range builds {
		result, took := b.Status.Result, ""
		if result == "" {
			result = cmp.Or(string(b.Status.Phase), "Waiting")
		}
		if s := b.Status.StartedAt; s != nil {
			end := e.now()
			if c := b.Status.CompletedAt; c != nil {
				end = c.Time
			}
			took = statusview.Span(end.Sub(s.Time))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", b.Name, statusview.Clean(b.Spec.Job.Name), statusview.Clean(convert.ChangeName(b.Spec.Change)), //nolint:errcheck // Flush tells
			b.Spec.Pipeline, result, took, statusview.Clean(cmp.Or(b.Status.FirstFailure, b.Status.Reason)))
	}
	return w.Flush()
}
