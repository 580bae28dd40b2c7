package cleanup

import (
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
)

// TestRepositories: a state goes when it is old and nobody names it.
func TestRepositories(t *testing.T) {
	made := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		age, keep time.Duration
		named     bool
		gone      bool
		again     time.Duration
	}{
		"young":                      {age: time.Hour, keep: 4 * time.Hour, again: 3 * time.Hour},
		"old":                        {age: 4 * time.Hour, keep: 4 * time.Hour, gone: true},
		"old and named":              {age: 9 * time.Hour, keep: 4 * time.Hour, named: true, again: 4 * time.Hour},
		"younger than may be needed": {age: time.Hour, keep: time.Minute, again: 2 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			scheme := runtime.NewScheme()
			if err := gozer.AddToScheme(scheme); err != nil {
				t.Fatal(err)
			}
			state := &gozer.RepositoryState{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "refs", CreationTimestamp: metav1.NewTime(made)}}
			set := &gozer.BuildSet{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "set"}}
			if c.named {
				set.Spec.Repositories = []gozer.FrozenRepository{{State: "another"}, {State: "refs"}}
			}
			r := &Repositories{Client: fake.NewClientBuilder().WithScheme(scheme).WithObjects(state, set).Build(), Keep: c.keep, Now: func() time.Time { return made.Add(c.age) }}
			for range 2 { // again, when it may be gone
				got, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(state)})
				if err != nil || got.RequeueAfter != c.again {
					t.Errorf("comes again after %s: %v", got.RequeueAfter, err)
				}
			}
			if err := r.Get(t.Context(), client.ObjectKeyFromObject(state), state); apierrors.IsNotFound(err) != c.gone {
				t.Errorf("gone: %v", err)
			}
		})
	}
}
