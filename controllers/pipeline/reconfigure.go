package pipeline

import (
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/configsource"
	"github.com/gozer-dev/gozer/internal/convert"
)

// dropRemoved takes out what a new configuration has no place for: items of
// pipelines and of projects that are gone (FEATURES 9.1). All others go on as
// they were: their builds were chosen by the configuration that they were
// prepared with, and a new one is used when they are prepared anew.
func (r *Reconciler) dropRemoved(ctx context.Context, t *gozer.Tenant) error {
	var items gozer.QueueItemList
	if err := r.List(ctx, &items, client.InNamespace(t.Namespace)); err != nil {
		return err
	}
	var pipelines gozer.PipelineList
	if err := r.List(ctx, &pipelines, client.InNamespace(t.Namespace)); err != nil {
		return err
	}
	projects, err := r.Loader.Projects(ctx, t)
	if err != nil {
		return err
	}
	for i := range items.Items {
		item := &items.Items[i]
		if item.Status.Result != "" || item.DeletionTimestamp != nil {
			continue
		}
		if why := removed(item, pipelines.Items, projects); why != "" {
			if err := r.dequeue(ctx, item, why); err != nil {
				return err
			}
		}
	}
	return nil
}

// removed says what of an item is gone; empty if it may stay.
func removed(item *gozer.QueueItem, pipelines []gozer.Pipeline, projects []configsource.Project) string {
	if !slices.ContainsFunc(pipelines, func(p gozer.Pipeline) bool { return p.Name == item.Spec.Pipeline }) {
		return fmt.Sprintf("The pipeline %s was taken out of the configuration.", item.Spec.Pipeline)
	}
	for _, c := range item.Spec.Changes {
		own := convert.Project(c.Project)
		if !slices.ContainsFunc(projects, func(p configsource.Project) bool { return p.Project == own }) {
			return fmt.Sprintf("The project %s was taken out of the tenant.", own.Name)
		}
	}
	return ""
}
