package cli

import (
	"context"
	"io"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
)

// watchTenant keeps a copy of the tenant's objects and tells when it changed.
func watchTenant(ctx context.Context, cfg *rest.Config, scheme *runtime.Scheme, namespace string) (<-chan struct{}, client.Reader, error) {
	// What the machinery says about reconnecting would be drawn into the picture.
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	logf.SetLogger(logr.Discard())
	c, err := cache.New(cfg, cache.Options{Scheme: scheme, DefaultNamespaces: map[string]cache.Config{namespace: {}}})
	if err != nil {
		return nil, nil, err
	}
	changed := make(chan struct{}, 1)
	tell := func() {
		select {
		case changed <- struct{}{}:
		default: // it is told already
		}
	}
	handler := toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { tell() },
		UpdateFunc: func(any, any) { tell() },
		DeleteFunc: func(any) { tell() },
	}
	go c.Start(ctx) //nolint:errcheck // it ends with the context
	for _, kind := range []client.Object{&gozer.ChangeQueue{}, &gozer.QueueItem{}, &gozer.BuildSet{}, &gozer.Build{}, &gozer.NodeRequest{}} {
		informer, err := c.GetInformer(ctx, kind)
		if err != nil {
			return nil, nil, err
		}
		if _, err := informer.AddEventHandler(handler); err != nil {
			return nil, nil, err
		}
	}
	return changed, c, nil
}
