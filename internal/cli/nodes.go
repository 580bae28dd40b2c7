package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/nodeview"
)

type nodesOptions struct {
	requests, all bool
	output        string
}

func (e *env) nodesCommand(name string) *cobra.Command {
	var o nodesOptions
	c := &cobra.Command{
		Use:     "nodes [--requests]",
		Aliases: []string{"node-list"},
		Short:   "List the nodes of a tenant: what each does, and for which build; or what waits for nodes, and why",
		Example: fmt.Sprintf(`  %[1]s nodes -n acme
  %[1]s nodes --all-tenants --output json | jq '.[] | select(.state == "hold").name'
  %[1]s nodes -n acme --requests`, name),
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := e.connectFor(o.output); err != nil {
				return err
			}
			return e.nodes(c.Context(), o)
		},
	}
	c.Flags().BoolVar(&o.requests, "requests", false, "list the requests for nodes that are not over instead")
	c.Flags().BoolVarP(&o.all, "all-tenants", "A", false, "those of all tenants")
	c.Flags().StringVarP(&o.output, "output", "o", "text", "text or json")
	return c
}

func (e *env) nodes(ctx context.Context, o nodesOptions) error {
	f, err := e.nodeFacts(ctx, o)
	if err != nil {
		return err
	}
	switch {
	case o.requests && o.output == "json":
		return json.NewEncoder(e.Out).Encode(nodeview.Requests(f))
	case o.requests:
		return nodeview.WriteRequests(e.Out, nodeview.Requests(f))
	case o.output == "json":
		return json.NewEncoder(e.Out).Encode(nodeview.Nodes(f))
	}
	return nodeview.WriteNodes(e.Out, nodeview.Nodes(f))
}

func (e *env) nodeFacts(ctx context.Context, o nodesOptions) (nodeview.Facts, error) {
	f := nodeview.Facts{Now: e.now()}
	where := client.InNamespace(e.namespace)
	if o.all {
		where = ""
	}
	var requests gozer.NodeRequestList
	var builds gozer.BuildList
	for _, l := range []client.ObjectList{&requests, &builds} {
		if err := e.client.List(ctx, l, where); err != nil {
			return f, e.explainNodes(err, o.all)
		}
	}
	f.Requests, f.Builds = requests.Items, builds.Items
	if o.requests {
		return f, nil
	}
	var pods corev1.PodList
	if err := e.client.List(ctx, &pods, where, client.MatchingLabels{gozer.LabelRole: roleNode}); err != nil {
		return f, e.explainNodes(err, o.all)
	}
	f.Pods = pods.Items
	return f, nil
}

// roleNode is the value of LabelRole of node Pods.
const roleNode = "node"

func (e *env) explainNodes(err error, all bool) error {
	switch {
	case apierrors.IsForbidden(err) && all:
		return fmt.Errorf("you may not read all tenants: %w; leave --all-tenants out, and name one with -n", err)
	case apierrors.IsForbidden(err):
		return fmt.Errorf("you may not read the nodes of tenant %s: %w; it takes a role that may list pods, builds and noderequests there, as Kubernetes' own `view` does", e.namespace, err)
	}
	return e.explainError(err)
}
