package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/statusview"
)

func (e *env) promoteCommand(name string) *cobra.Command {
	var pipeline string
	c := &cobra.Command{
		Use:   "promote CHANGE|ITEM...",
		Short: "Bring changes to the front of their queue, in the order given",
		Long: `Bring changes to the front of their queue, in the order given, with what they need ahead of them.

Changes that are at the front already stay as they are; everybody else is tested anew on the new order.`,
		Example: fmt.Sprintf(`  %[1]s promote -n acme --pipeline gate acme/web#8 acme/api#12`, name),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("say which changes or items")
			}
			if err := e.connect(); err != nil {
				return err
			}
			return e.promote(c.Context(), args, pipeline)
		},
	}
	c.Flags().StringVar(&pipeline, "pipeline", "", "the pipeline, when a change is in several")
	return c
}

// promote asks for all or for none: every change is looked up first.
func (e *env) promote(ctx context.Context, args []string, pipeline string) error {
	var all gozer.QueueItemList
	if err := e.client.List(ctx, &all, client.InNamespace(e.namespace)); err != nil {
		return e.explainError(err)
	}
	var items []*gozer.QueueItem
	for _, arg := range args {
		i, err := e.unfinished(all.Items, parseTarget(arg), pipeline, "promoted in")
		if err != nil {
			return err
		}
		items = append(items, i)
	}
	now := time.Now().UTC().Format("20060102T150405.000000000")
	for n, i := range items {
		before := i.DeepCopy()
		if i.Annotations == nil {
			i.Annotations = map[string]string{}
		}
		i.Annotations[gozer.AnnotationPromote] = fmt.Sprintf("%s-%03d", now, n)
		if err := e.client.Patch(ctx, i, client.MergeFrom(before)); err != nil {
			return fmt.Errorf("cannot promote %s: %w", statusview.ChangeName(i), err)
		}
		if _, err := fmt.Fprintf(e.Out, "%s goes to the front of %s\n", statusview.ChangeName(i), i.Spec.Pipeline); err != nil {
			return err
		}
	}
	return nil
}

// unfinished finds the one item of a change that has no result; what is what
// somebody wants of it: "taken out of".
func (e *env) unfinished(all []gozer.QueueItem, t target, pipeline, what string) (*gozer.QueueItem, error) {
	var in []gozer.QueueItem
	var pipelines []string
	for _, i := range itemsOf(all, t, pipeline) {
		if rank(i) == 0 {
			in = append(in, i)
			pipelines = append(pipelines, i.Spec.Pipeline)
		}
	}
	switch len(in) {
	case 0:
		return nil, fmt.Errorf("%s is in no pipeline of tenant %s that it could be %s%s", statusview.Clean(t.text), e.namespace, what, didYouMean(t.text, names(all)))
	case 1:
		return &in[0], nil
	}
	return nil, fmt.Errorf("%s is in several pipelines: %s; say which with --pipeline", statusview.Clean(t.text), strings.Join(pipelines, ", "))
}
