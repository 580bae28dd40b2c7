package queueitem

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
)

// TestEarlierIsNotLost: what still seems to run of a buildset whose paused job was lost
// is not kept: its end is only not told yet.
func TestEarlierIsNotLost(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := gozer.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	labels := map[string]string{gozer.LabelItem: "item"}
	build := func(name, result string) *gozer.Build {
		return &gozer.Build{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: name, Labels: labels}, Status: gozer.BuildStatus{Result: result}}
	}
	set := func(name, lost string, builds ...string) *gozer.BuildSet {
		b := &gozer.BuildSet{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: name, Labels: labels}, Status: gozer.BuildSetStatus{PausedLost: lost}}
		for _, n := range builds {
			b.Spec.Jobs = append(b.Spec.Jobs, gozer.BuildSetJob{Name: n, Build: n})
		}
		return b
	}
	c := fake.NewClientBuilder().WithScheme(scheme).
		WithIndex(&gozer.BuildSet{}, "label "+gozer.LabelItem, func(o client.Object) []string { return []string{o.GetLabels()[gozer.LabelItem]} }).
		WithObjects(set("item-1", "", "kept"), set("item-2", "registry", "registry", "image"), build("kept", ""), build("registry", ""), build("image", "SUCCESS")).Build()
	s := &scope{item: &gozer.QueueItem{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "item"}}, entry: gozer.QueueEntry{Epoch: 3}}
	s.pipeline.Spec.ReuseResults = true
	list, err := (&Reconciler{Client: c}).earlier(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range list {
		got = append(got, b.Name)
	}
	if diff := cmp.Diff([]string{"image", "kept"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
