package configsource

import (
	"context"
	"errors"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/confview"
)

// ErrNoTenant says that a namespace has no tenant whose configuration was read.
var ErrNoTenant = errors.New("there is no such tenant, or its configuration has not been read yet")

// Errors are all errors and warnings of the configuration that a tenant has in
// force: its status has room for some of them only.
func (l *Loader) Errors(ctx context.Context, c client.Reader, namespace string) ([]confview.ErrorRecord, error) {
	var list gozer.TenantList
	if err := c.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	for i := range list.Items {
		t := &list.Items[i]
		if t.Status.Layout == nil {
			continue
		}
		config, err := l.Layout(ctx, t, t.Status.Layout.Heads, nil)
		if err != nil {
			return nil, fmt.Errorf("configuration of the tenant %s: %w", namespace, err)
		}
		records := []confview.ErrorRecord{}
		for _, e := range config.Errors() {
			records = append(records, confview.Error(e))
		}
		return records, nil
	}
	return nil, ErrNoTenant
}
