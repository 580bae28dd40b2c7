package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/statusview"
)

func (e *env) autoholdListCommand(name string) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:     "autohold-list",
		Short:   "List the holds of a tenant",
		Example: fmt.Sprintf(`  %[1]s autohold-list -n acme`, name),
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := e.connectFor(output); err != nil {
				return err
			}
			holds, err := e.holds(c.Context())
			if err != nil {
				return err
			}
			if output == "json" {
				return json.NewEncoder(e.Out).Encode(holds)
			}
			return holdTable(e.Out, holds)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return c
}

// holds of the tenant, the oldest first.
func (e *env) holds(ctx context.Context) ([]gozer.Hold, error) {
	var l gozer.HoldList
	if err := e.client.List(ctx, &l, client.InNamespace(e.namespace)); err != nil {
		return nil, e.explainError(err)
	}
	slices.SortFunc(l.Items, func(a, b gozer.Hold) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return l.Items, nil
}

func holdTable(out io.Writer, holds []gozer.Hold) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tPROJECT\tJOB\tFOR\tSTATE\tHELD\tNODES\tREASON")
	for _, h := range holds {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d/%d\t%d\t%s\n", h.Name, statusview.Clean(h.Spec.Project), statusview.Clean(h.Spec.Job), statusview.Clean(cmp.Or(holdTarget(h.Spec), "all")),
			standing(h), h.Status.Held, h.Spec.Count, h.Status.Nodes, statusview.Clean(h.Spec.Reason))
	}
	return w.Flush()
}

// standing of a hold, in a word.
func standing(h gozer.Hold) string {
	for _, c := range h.Status.Conditions {
		if c.Type == gozer.ConditionReady {
			return c.Reason
		}
	}
	return "New"
}

func (e *env) autoholdInfoCommand(name string) *cobra.Command {
	return e.holdCommand(name, "autohold-info", "Show a hold: the builds that it has, their nodes, and until when", func(_ context.Context, h *gozer.Hold) error {
		_, err := io.WriteString(e.Out, holdText(*h))
		return err
	})
}

// holdCommand does something with the hold that it is given the name of.
func (e *env) holdCommand(name, own, short string, do func(context.Context, *gozer.Hold) error) *cobra.Command {
	return &cobra.Command{
		Use:     own + " HOLD",
		Short:   short,
		Example: fmt.Sprintf(`  %s %s -n acme unit-5f78b91e`, name, own),
		Args:    exactly("a hold"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := e.connect(); err != nil {
				return err
			}
			h, err := e.findHold(c.Context(), args[0])
			if err != nil {
				return err
			}
			return do(c.Context(), h)
		},
	}
}

func (e *env) findHold(ctx context.Context, name string) (*gozer.Hold, error) {
	holds, err := e.holds(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for i := range holds {
		if holds[i].Name == name {
			return &holds[i], nil
		}
		names = append(names, holds[i].Name)
	}
	return nil, fmt.Errorf("tenant %s has no hold %s%s; `autohold-list` lists those that there are", e.namespace, statusview.Clean(name), didYouMean(name, names))
}

func holdText(h gozer.Hold) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s of %s%s: %s\n", h.Name, statusview.Clean(h.Spec.Job), statusview.Clean(h.Spec.Project), statusview.Clean(narrowed(h.Spec)), statusview.Clean(h.Spec.Reason))
	fmt.Fprintf(&b, "%s, %d of %d builds; nodes are kept for %s", standing(h), h.Status.Held, h.Spec.Count, statusview.Span(time.Duration(h.Spec.NodeExpiration)*time.Second))
	if h.Spec.ExpiresAt != nil {
		fmt.Fprintf(&b, "; for builds until %s", h.Spec.ExpiresAt.UTC().Format(time.RFC3339))
	}
	b.WriteString("\n")
	for _, x := range h.Status.Builds {
		fmt.Fprintf(&b, "  %s  %s  %s  until %s\n", x.Build, statusview.Clean(x.Change), x.Result, x.ExpiresAt.UTC().Format(time.RFC3339))
		for _, n := range x.Nodes {
			fmt.Fprintf(&b, "    %s\n", n)
		}
		if len(x.Nodes) == 0 {
			b.WriteString("    its nodes are gone\n")
		}
	}
	return b.String()
}

func (e *env) autoholdDeleteCommand(name string) *cobra.Command {
	return e.holdCommand(name, "autohold-delete", "Delete a hold; the nodes that it has go with it", func(ctx context.Context, h *gozer.Hold) error {
		if err := e.client.Delete(ctx, h); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("cannot delete the hold: %w; it takes a role that may delete holds in %s, as `gozer-tenant-admin`", err, e.namespace)
		}
		_, err := fmt.Fprintf(e.Out, "%s is deleted, with the %d nodes that it had\n", h.Name, h.Status.Nodes)
		return err
	})
}
