// Package retry says how controllers come back after an error: soon at first,
// and never later than half a minute, so that the end of an outage is noticed.
package retry

import (
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

const (
	first = 20 * time.Millisecond
	most  = 30 * time.Second
)

// Options of a controller with so many workers; one at least.
func Options(workers int) controller.Options {
	return controller.Options{
		MaxConcurrentReconciles: max(1, workers),
		RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](first, most),
	}
}
