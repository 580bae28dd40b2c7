// Package controllers puts the controllers of the manager together.
package controllers

import (
	"cmp"
	"context"
	"fmt"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/gozer-dev/gozer/controllers/build"
	"github.com/gozer-dev/gozer/controllers/buildset"
	"github.com/gozer-dev/gozer/controllers/changequeue"
	"github.com/gozer-dev/gozer/controllers/cleanup"
	"github.com/gozer-dev/gozer/controllers/connection"
	"github.com/gozer-dev/gozer/controllers/hold"
	"github.com/gozer-dev/gozer/controllers/index"
	"github.com/gozer-dev/gozer/controllers/nodepool"
	"github.com/gozer-dev/gozer/controllers/noderequest"
	"github.com/gozer-dev/gozer/controllers/pipeline"
	"github.com/gozer-dev/gozer/controllers/queueitem"
	"github.com/gozer-dev/gozer/controllers/semaphore"
	"github.com/gozer-dev/gozer/controllers/tenant"
	"github.com/gozer-dev/gozer/controllers/timer"
	"github.com/gozer-dev/gozer/internal/configsource"
	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/merger"
	semaphores "github.com/gozer-dev/gozer/internal/semaphore"
	"github.com/gozer-dev/gozer/internal/token"
)

// Hosts is what controllers need to know of connections.
type Hosts interface {
	Host(ctx context.Context, connection string) (drivers.Host, error)
	Connections(ctx context.Context, tenantNamespace string) (map[string]layout.Connection, error)
}

// History of builds.
type History interface {
	build.History
	connection.History
}

// Options of the controllers.
type Options struct {
	// Namespace of the operator.
	Namespace string
	Key       token.Key
	Hosts     Hosts
	Merger    merger.Merger
	History   History
	Logs      build.Logs
	// Keys decrypt the secrets of jobs.
	Keys  build.Keys
	Build build.Settings
	// ItemTTL and EventTTL say how long what is done with is kept.
	ItemTTL, EventTTL time.Duration
	// RelativePriority serves node requests by where their items stand, before age.
	RelativePriority bool
	// UndefinedSemaphores is how many of them a tenant may have; semaphores.MaxUndefined when it is 0.
	UndefinedSemaphores int
	// Loader reads configuration; one of its own when it is nil.
	Loader *configsource.Loader
	// Now is the clock; time.Now when it is nil.
	Now func() time.Time
}

// Workers of the controllers that wait for others most of the time.
const (
	eventWorkers   = 8
	queueWorkers   = 2
	prepareWorkers = 8
	buildWorkers   = 8
)

// Setup registers all controllers with a manager.
func Setup(mgr ctrl.Manager, o Options) error {
	now := o.Now
	if now == nil {
		now = time.Now
	}
	if err := index.Setup(context.Background(), mgr); err != nil {
		return err
	}
	c := mgr.GetClient()
	loader := o.Loader
	if loader == nil {
		loader = &configsource.Loader{Merger: o.Merger, Hosts: o.Hosts}
	}
	holds := &hold.Reconciler{Client: c, Now: now}
	requests := &noderequest.Reconciler{Client: c, Holds: holds, Namespace: o.Namespace, Image: o.Build.Image, Key: o.Key, Relative: o.RelativePriority, Now: now}
	undefined := cmp.Or(o.UndefinedSemaphores, semaphores.MaxUndefined)
	events := mgr.GetEventRecorderFor("gozer") //nolint:staticcheck // events/v1 needs two more words for each event and shows the same
	for name, r := range map[string]interface{ SetupWithManager(ctrl.Manager) error }{
		"connection": &connection.Reconciler{Client: c, Hosts: o.Hosts, History: o.History, Namespace: o.Namespace, Now: now},
		"tenant":     &tenant.Reconciler{Client: c, Loader: loader, Namespace: o.Namespace, Now: now},
		"pipeline":   &pipeline.Reconciler{Client: c, Live: mgr.GetAPIReader(), Hosts: o.Hosts, Loader: loader, Namespace: o.Namespace, Workers: eventWorkers, Now: now},
		"timer":      &timer.Reconciler{Client: c, Loader: loader, Namespace: o.Namespace, Grace: timer.GraceOf(o.EventTTL), Now: now},
		"changequeue": &changequeue.Reconciler{Client: c, Live: mgr.GetAPIReader(), Hosts: o.Hosts, Tips: o.Merger,
			Recorder: events, WebURL: o.Build.WebURL, Workers: queueWorkers, Now: now},
		"failures":     &changequeue.Failures{Client: c, Recorder: events, Now: now},
		"queueitem":    &queueitem.Reconciler{Client: c, Merger: o.Merger, Loader: loader, Now: now, Workers: prepareWorkers},
		"buildset":     &buildset.Reconciler{Client: c, History: o.History, Now: now},
		"build":        &build.Reconciler{Client: c, Live: mgr.GetAPIReader(), Merger: o.Merger, History: o.History, Logs: o.Logs, Keys: o.Keys, Settings: o.Build, Now: now, Namespace: o.Namespace, UndefinedSemaphores: undefined, Workers: buildWorkers},
		"semaphore":    &semaphore.Reconciler{Client: c, Live: mgr.GetAPIReader(), Namespace: o.Namespace, Undefined: undefined, Now: now},
		"hold":         holds,
		"noderequest":  requests,
		"nodepool":     &nodepool.Reconciler{Client: c, Namespace: o.Namespace, Nodes: requests, Now: now},
		"items":        &cleanup.Items{Client: c, Merger: o.Merger, Keep: o.ItemTTL, Now: now},
		"repositories": &cleanup.Repositories{Client: c, Keep: o.ItemTTL, Now: now},
		"events":       &cleanup.Events{Client: c, Keep: o.EventTTL, Now: now},
	} {
		if err := r.SetupWithManager(mgr); err != nil {
			return fmt.Errorf("controller %s: %w", name, err)
		}
	}
	return nil
}
