package intake

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/model"
)

// Cluster keeps events as TriggerEvents of a cluster.
type Cluster struct {
	Client client.Writer
	// Namespace of the operator.
	Namespace string
}

// Save implements Store.
func (c Cluster) Save(ctx context.Context, e model.TriggerEvent, delivery string) error {
	obj := convert.TriggerEventObject(c.Namespace, e, delivery)
	switch err := c.Client.Create(ctx, obj); {
	case apierrors.IsInvalid(err):
		return fmt.Errorf("TriggerEvent %s: %w: %w", e.Name, ErrInvalid, err)
	case client.IgnoreAlreadyExists(err) != nil:
		return fmt.Errorf("TriggerEvent %s: %w", e.Name, err)
	}
	return nil
}
