package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/statusview"
)

func (e *env) dequeueCommand(name string) *cobra.Command {
	var pipeline, reason string
	c := &cobra.Command{
		Use:     "dequeue CHANGE|ITEM --reason TEXT",
		Short:   "Take a change out of its pipeline; the pipeline's dequeue reporter tells why",
		Example: fmt.Sprintf(`  %[1]s dequeue -n acme acme/web#8 --reason "makes the site fall over"`, name),
		Args:    exactly("a change or an item"),
		RunE: func(c *cobra.Command, args []string) error {
			if strings.TrimSpace(reason) == "" {
				return usage("say why with --reason: the author of the change will read it")
			}
			if len(reason) > maxReason {
				return usage("the reason has %d bytes; at most %d are possible", len(reason), maxReason)
			}
			if err := e.connect(); err != nil {
				return err
			}
			return e.dequeue(c.Context(), parseTarget(args[0]), pipeline, reason)
		},
	}
	c.Flags().StringVar(&pipeline, "pipeline", "", "the pipeline, when the change is in several")
	c.Flags().StringVar(&reason, "reason", "", "why; it is reported on the change")
	return c
}

const maxReason = 1000

func (e *env) dequeue(ctx context.Context, t target, pipeline, reason string) error {
	var all gozer.QueueItemList
	if err := e.client.List(ctx, &all, client.InNamespace(e.namespace)); err != nil {
		return e.explainError(err)
	}
	i, err := e.unfinished(all.Items, t, pipeline, "taken out of")
	if err != nil {
		return err
	}
	if was := i.Annotations[gozer.AnnotationDequeue]; was != "" {
		_, err := fmt.Fprintf(e.Out, "%s is being taken out of %s already: %s\n", statusview.ChangeName(i), i.Spec.Pipeline, statusview.Clean(was))
		return err
	}
	before := i.DeepCopy()
	if i.Annotations == nil {
		i.Annotations = map[string]string{}
	}
	i.Annotations[gozer.AnnotationDequeue] = reason
	if err := e.client.Patch(ctx, i, client.MergeFrom(before)); err != nil {
		return fmt.Errorf("cannot take %s out: %w", statusview.ChangeName(i), err)
	}
	_, err = fmt.Fprintf(e.Out, "%s is being taken out of %s\n", statusview.ChangeName(i), i.Spec.Pipeline)
	return err
}
