package controllers_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/build"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/podspec"
)

// kubelets plays many nodes at once, each of which is told of its Pods: one that
// lists all Pods and serves one after the other would be what is measured.
type kubelets struct {
	*world
	cache cache.Cache
	queue workqueue.TypedInterface[types.NamespacedName]

	mu    sync.Mutex
	specs map[types.UID]*buildspec.Spec
}

const kubeletWorkers = 8

// watched is a view of the tenant that follows the API server.
func (w *world) watched(t testing.TB) cache.Cache {
	t.Helper()
	c, err := cache.New(restConfig, cache.Options{Scheme: w.client.Scheme(), DefaultNamespaces: map[string]cache.Config{w.tenant: {}}})
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = c.Start(t.Context()) }()
	return c
}

func (w *world) manyKubelets(ctx context.Context, c cache.Cache) error {
	k := &kubelets{world: w, cache: c, queue: workqueue.NewTyped[types.NamespacedName](), specs: map[types.UID]*buildspec.Spec{}}
	informer, err := c.GetInformer(ctx, &corev1.Pod{})
	if err != nil {
		return err
	}
	seen := func(obj any) {
		if p, ok := obj.(*corev1.Pod); ok {
			k.queue.Add(client.ObjectKeyFromObject(p))
		}
	}
	if _, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{AddFunc: seen, UpdateFunc: func(_, obj any) { seen(obj) }}); err != nil {
		return err
	}
	for range kubeletWorkers {
		go k.work(ctx)
	}
	go func() {
		tick := time.NewTicker(w.tick)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				k.queue.ShutDown()
				return
			case <-tick.C:
				k.revisit(ctx)
			}
		}
	}()
	return nil
}

func (k *kubelets) work(ctx context.Context) {
	for {
		key, down := k.queue.Get()
		if down {
			return
		}
		var p corev1.Pod
		if k.cache.Get(ctx, key, &p) == nil {
			k.play(ctx, &p, k.says)
		}
		k.queue.Done(key)
	}
}

// revisit looks at the Pods whose executor may end now.
func (k *kubelets) revisit(ctx context.Context) {
	var pods corev1.PodList
	if k.cache.List(ctx, &pods, client.MatchingLabels{gozer.LabelRole: build.RoleExecutor}, client.UnsafeDisableDeepCopy) != nil {
		return
	}
	for i := range pods.Items {
		if p := &pods.Items[i]; p.Status.Phase == corev1.PodRunning && p.DeletionTimestamp == nil && k.says(p) != nil {
			k.queue.Add(client.ObjectKeyFromObject(p))
		}
	}
}

// says is what the executor of a Pod answers now.
func (k *kubelets) says(p *corev1.Pod) *buildspec.Outcome {
	k.mu.Lock()
	defer k.mu.Unlock()
	spec := k.specs[p.UID]
	if spec == nil {
		spec = &buildspec.Spec{}
		if err := json.Unmarshal([]byte(p.Annotations[podspec.AnnotationSpec]), spec); err != nil {
			return &buildspec.Outcome{Result: model.BuildError, Reason: err.Error()}
		}
		k.specs[p.UID] = spec
	}
	return k.answer(*spec)
}
