package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers"
	"github.com/gozer-dev/gozer/controllers/build"
	"github.com/gozer-dev/gozer/internal/apimetrics"
	"github.com/gozer-dev/gozer/internal/configsource"
	"github.com/gozer-dev/gozer/internal/confview"
	"github.com/gozer-dev/gozer/internal/history"
	"github.com/gozer-dev/gozer/internal/hosts"
	"github.com/gozer-dev/gozer/internal/identity"
	"github.com/gozer-dev/gozer/internal/logstore"
	"github.com/gozer-dev/gozer/internal/managerapi"
	"github.com/gozer-dev/gozer/internal/merger"
	"github.com/gozer-dev/gozer/internal/podspec"
	"github.com/gozer-dev/gozer/internal/projectkeys"
)

type managerFlags struct {
	image, ansibleImage, imagePullPolicy, workLimit, mergerURL, managerURL, webURL string
	dataDir, apiBind, healthBind, metricsBind                                      string
	itemTTL, eventTTL                                                              time.Duration
	relativePriority                                                               bool
	logs                                                                           logFlags
}

func managerCommand() *cobra.Command {
	var in installationFlags
	var f managerFlags
	var replicas []string
	c := &cobra.Command{
		Use: "manager", Short: "Run the controllers, keep logs and history", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runManager(c.Context(), in, f, replicas) },
	}
	in.add(c.Flags())
	f.add(c.Flags())
	c.Flags().StringSliceVar(&replicas, "merger-replicas", nil, "URLs of all replicas of the merger, the same as their --peers; not needed for one")
	return c
}

func (f *managerFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&f.image, "image", "", "image of executors and of the node agent: Gozer's own")
	fs.StringVar(&f.ansibleImage, "ansible-image", "", "image that runs playbooks of Ansible: Gozer's own with Ansible")
	fs.StringVar(&f.workLimit, "work-limit", "0", "what the work directory of a build may take, e.g. 2Gi; 0 is no limit")
	fs.StringVar(&f.imagePullPolicy, "image-pull-policy", "IfNotPresent", "when to pull those images")
	fs.StringVar(&f.mergerURL, "merger-url", "https://gozer-merger:8080", "the merger, as the manager and build Pods reach it")
	fs.StringVar(&f.managerURL, "manager-url", "http://gozer-manager:8080", "this manager, as build Pods reach it")
	fs.StringVar(&f.webURL, "web-url", "", "Gozer's web pages, as people reach them; empty when they cannot")
	fs.StringVar(&f.dataDir, "data-dir", "/var/lib/gozer", "directory of logs and history")
	fs.StringVar(&f.apiBind, "api-bind", ":8080", "address for builds and for the web role")
	fs.StringVar(&f.healthBind, "health-bind", ":8081", "address of /healthz, /readyz")
	fs.StringVar(&f.metricsBind, "metrics-bind", ":8082", "address of /metrics; 0 for none")
	fs.DurationVar(&f.itemTTL, "item-ttl", time.Hour, "how long finished items are kept in Kubernetes")
	fs.DurationVar(&f.eventTTL, "event-ttl", time.Hour, "how long events that were dealt with are kept in Kubernetes")
	f.logs.add(fs)
	fs.BoolVar(&f.relativePriority, "relative-priority", false, "where nodes are scarce, serve builds of one precedence by where their changes stand: by place in the queue of a gate, elsewhere projects with few changes first")
}

const (
	// Builds are remembered longer than their logs.
	maxHistoryAge = 365 * 24 * time.Hour
	historySweep  = 24 * time.Hour
)

func runManager(ctx context.Context, flags installationFlags, f managerFlags, replicas []string) error {
	in, err := flags.open()
	if err != nil {
		return err
	}
	self, err := identity.New(in.key, identity.Manager, time.Now)
	if err != nil {
		return err
	}
	mergers, err := mergersOf(f.mergerURL, replicas, self)
	if err != nil {
		return err
	}
	return manage(ctx, in, f, mergers, self.AuthorityPEM())
}

// manage runs the controllers and the API of logs and history. Builds know mergers
// by the authority's certificate.
func manage(ctx context.Context, in installation, f managerFlags, mergers merger.Merger, authority string) error {
	switch {
	case f.image == "":
		return fmt.Errorf("--image is needed: executors and node agents run it")
	case f.ansibleImage == "":
		return fmt.Errorf("--ansible-image is needed: playbooks of Ansible run in it")
	}
	workLimit, err := workDirLimit(f.workLimit)
	if err != nil {
		return fmt.Errorf("--work-limit: %w", err)
	}
	logs, err := openLogs(ctx, f.dataDir, f.logs)
	if err != nil {
		return err
	}
	past, err := history.Open(filepath.Join(f.dataDir, "history.db"))
	if err != nil {
		return err
	}
	defer past.Close() //nolint:errcheck // the process ends
	mgr, err := newManager(f.healthBind, f.metricsBind)
	if err != nil {
		return err
	}
	registry := &hosts.Registry{Reader: mgr.GetAPIReader(), Namespace: in.namespace, Now: time.Now}
	loader := &configsource.Loader{Merger: mergers, Hosts: registry}
	keys := projectkeys.New(mgr.GetClient(), in.namespace)
	err = controllers.Setup(mgr, controllers.Options{
		Namespace: in.namespace, Key: in.key, Hosts: registry, Merger: mergers, Loader: loader, History: past, Logs: logStore{logs.live}, Keys: keys,
		Build: build.Settings{
			Image:     podspec.Image{Name: f.image, Pull: corev1.PullPolicy(f.imagePullPolicy)},
			Ansible:   podspec.Image{Name: f.ansibleImage, Pull: corev1.PullPolicy(f.imagePullPolicy)},
			MergerURL: f.mergerURL, ManagerURL: f.managerURL, WebURL: f.webURL, MergerAuthority: authority, WorkLimit: workLimit,
		},
		ItemTTL: f.itemTTL, EventTTL: f.eventTTL, RelativePriority: f.relativePriority,
	})
	if err != nil {
		return err
	}
	go prune(ctx, past, in.log)
	logs.start(ctx, func(format string, args ...any) { in.log.Info(fmt.Sprintf(format, args...)) })
	projects := projectkeys.Finder{Reader: mgr.GetClient(), Namespace: in.namespace}
	api := managerAPI(managerapi.Options{
		Logs: logs.live, Archive: logs.kept, History: past, Key: in.key, Log: logr.FromSlogHandler(in.log.Handler()),
		ConfigErrors: func(ctx context.Context, tenant string) ([]confview.ErrorRecord, error) {
			return loader.Errors(ctx, mgr.GetClient(), tenant)
		},
	}, mgr.GetClient(), build.Semaphores{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Operator: in.namespace}, keys, projects)
	if err := mgr.Add(manager.RunnableFunc(func(ctx context.Context) error { return serve(ctx, f.apiBind, api, in.log) })); err != nil {
		return err
	}
	return mgr.Start(ctx)
}

// workDirLimit is in bytes; nil is none.
func workDirLimit(text string) (*resource.Quantity, error) {
	q, err := resource.ParseQuantity(text)
	if err != nil || q.IsZero() {
		return nil, err
	}
	return &q, nil
}

// Requests that the manager may make of the API server, a second.
const (
	apiQPS   = 1000
	apiBurst = 2000
)

func newManager(healthBind, metricsBind string) (ctrl.Manager, error) {
	cfg, err := ctrl.GetConfig()
	if err != nil {
		return nil, fmt.Errorf("no access to Kubernetes: %w", err)
	}
	cfg = rest.CopyConfig(cfg)
	cfg.QPS, cfg.Burst = apiQPS, apiBurst
	cfg.Wrap(func(rt http.RoundTripper) http.RoundTripper { return apimetrics.Count(rt) })
	s, err := scheme()
	if err != nil {
		return nil, err
	}
	ours, err := labels.NewRequirement(gozer.LabelRole, selection.Exists, nil)
	if err != nil {
		return nil, err
	}
	mgr, err := ctrl.NewManager(cfg, ctrl.Options{
		Scheme: s,
		// Secrets are never cached, and of Pods only those of builds. Who set which
		// field is of no use here, and half of an object.
		Cache: cache.Options{DefaultTransform: cache.TransformStripManagedFields(), ByObject: map[client.Object]cache.ByObject{
			&corev1.Pod{}: {Label: labels.NewSelector().Add(*ours)},
		}},
		Client:                 client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}}}},
		HealthProbeBindAddress: healthBind,
		Metrics:                metricsserver.Options{BindAddress: metricsBind},
	})
	if err != nil {
		return nil, err
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return nil, err
	}
	return mgr, mgr.AddReadyzCheck("cache", func(r *http.Request) error {
		if !mgr.GetCache().WaitForCacheSync(r.Context()) {
			return fmt.Errorf("the cache is not filled yet")
		}
		return nil
	})
}

// logStore closes logs for the build controller.
type logStore struct{ *logstore.Store }

// FinishLog implements build.Logs. An attempt that never ran has no log to close.
func (l logStore) FinishLog(namespace, name string, attempt int32) error {
	err := l.Finish(logstore.Key{Namespace: namespace, Build: name, Attempt: int(attempt)})
	if errors.Is(err, logstore.ErrNotFound) {
		return nil
	}
	return err
}

// prune forgets builds that are older than history is kept.
func prune(ctx context.Context, past *history.Store, log *slog.Logger) {
	t := time.NewTicker(historySweep)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			if n, err := past.Prune(ctx, time.Now().Add(-maxHistoryAge)); err != nil {
				log.Error("History was not pruned", "error", err)
			} else if n > 0 {
				log.Info("History was pruned", "builds", n)
			}
		}
	}
}
