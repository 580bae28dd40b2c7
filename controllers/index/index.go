// Package index finds objects in the manager's cache by a label, without looking at
// all objects of their kind: with thousands of builds, that is what most lists
// would do.
package index

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
)

// indexed are the labels by which objects of a kind are looked for often.
var indexed = []struct {
	kind   client.Object
	labels []string
}{
	{&corev1.Pod{}, []string{gozer.LabelNodeRequest, gozer.LabelBuild}},
	{&gozer.NodeRequest{}, []string{gozer.LabelBuild}},
	{&gozer.Build{}, []string{gozer.LabelBuildSet}},
	{&gozer.BuildSet{}, []string{gozer.LabelQueue, gozer.LabelItem}},
}

// Setup has the cache of a manager keep the indexes. It comes before the
// controllers start.
func Setup(ctx context.Context, mgr ctrl.Manager) error {
	for _, k := range indexed {
		for _, label := range k.labels {
			of := func(obj client.Object) []string {
				if value := obj.GetLabels()[label]; value != "" {
					return []string{value}
				}
				return nil
			}
			if err := mgr.GetFieldIndexer().IndexField(ctx, k.kind, field(label), of); err != nil {
				return fmt.Errorf("index of %T by %s: %w", k.kind, label, err)
			}
		}
	}
	return nil
}

// By lists what has the value in a label, of which there is an index for that
// kind. Only the manager's cache knows it.
func By(label, value string) client.ListOption { return client.MatchingFields{field(label): value} }

func field(label string) string { return "label " + label }
