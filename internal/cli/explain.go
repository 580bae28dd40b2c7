package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/statusview"
)

func (e *env) explainCommand(name string) *cobra.Command {
	return &cobra.Command{
		Use:   "explain CHANGE|ITEM",
		Short: "Tell the story of a change: where it is, what it waits for, what was decided and why",
		Long: `Tell the story of a change: where it is, what it waits for, what was decided and why.

A change is named as "owner/repo#12", or by its URL, and a branch as "owner/repo@main". When it is in no pipeline, the reasons that
the pipelines had are shown.`,
		Example: fmt.Sprintf(`  %[1]s explain -n acme acme/web#8
  %[1]s explain -n acme acme/web@main
  %[1]s explain -n acme https://git.example.com/acme/web/pulls/8`, name),
		Args: exactly("a change or an item"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := e.connect(); err != nil {
				return err
			}
			return e.explain(c.Context(), parseTarget(args[0]))
		},
	}
}

func (e *env) explain(ctx context.Context, t target) error {
	f, err := e.facts(ctx, e.client)
	if err != nil {
		return err
	}
	// People without a role in the operator's namespace go without these.
	var events gozer.TriggerEventList
	eventsErr := e.client.List(ctx, &events, client.InNamespace(e.operatorNamespace))
	items := itemsOf(f.Items, t, "")
	if len(items) == 0 {
		return e.explainAbsence(f, t, events.Items, eventsErr)
	}
	for n, i := range items {
		// All that are in a queue; or the last that was.
		if n > 0 && rank(i) > 0 {
			break
		}
		if n > 0 {
			fmt.Fprintln(e.Out) //nolint:errcheck // the next write tells
		}
		c := i.Spec.Changes[0]
		refusals := statusview.Refusals(events.Items, e.namespace, c)
		if _, err := io.WriteString(e.Out, statusview.Explain(f, i.Name, refusals, e.style())); err != nil {
			return err
		}
	}
	return nil
}

// explainAbsence tells why a change is nowhere.
func (e *env) explainAbsence(f statusview.Facts, t target, events []gozer.TriggerEvent, eventsErr error) error {
	if t.isChange() {
		if refusals := statusview.Refusals(events, e.namespace, gozer.ChangeRef{Project: gozer.ProjectRef{Name: t.project}, Number: t.number}); len(refusals) > 0 {
			_, err := io.WriteString(e.Out, statusview.ExplainRefusals(t.name(), e.namespace, refusals, e.now(), e.style()))
			return err
		}
	}
	why := ", and no event of the last hour was about it: was it approved, or does the code host not send its webhooks?"
	switch {
	case !t.isChange():
		why = "; name a change as owner/repo#12 or by its URL, a branch as owner/repo@main, or either by the name of its item"
	case eventsErr != nil:
		why = fmt.Sprintf("; why cannot be told, because you may not read the events in %s", e.operatorNamespace)
	}
	return fmt.Errorf("%s is in no pipeline of tenant %s%s%s", statusview.Clean(t.text), e.namespace, why, didYouMean(t.text, names(f.Items)))
}

// names of items and of their changes.
func names(items []gozer.QueueItem) []string {
	var out []string
	for i := range items {
		out = append(out, items[i].Name, statusview.ChangeName(&items[i]))
	}
	return out
}
