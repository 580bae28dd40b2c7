package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/pflag"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
)

// env is what commands work with. Tests fill it; otherwise connect does.
type env struct {
	Streams
	kubeconfig, context, namespace, operatorNamespace string

	client client.WithWatch
	// proxy fetches a path of the API server, as a stream.
	proxy func(ctx context.Context, path string) (*http.Response, error)
	// forward makes a local address that leads to a port of a Pod, until it is stopped.
	forward func(ctx context.Context, namespace, pod string, port int) (address string, stop func(), err error)
	// whoami is the user's name; empty when it is not known.
	whoami func(ctx context.Context) string
	// changed tells of changes in the tenant until the context ends.
	changed func(ctx context.Context) (<-chan struct{}, client.Reader, error)
	now     func() time.Time
	// patience is how long enqueue waits for an answer.
	patience time.Duration
	// pause before a log is asked for again, when nothing is heard of its build.
	pause time.Duration
}

func (e *env) flags(f *pflag.FlagSet) {
	f.StringVar(&e.kubeconfig, "kubeconfig", "", "path of the kubeconfig file")
	f.StringVar(&e.context, "context", "", "context of the kubeconfig to use")
	f.StringVarP(&e.namespace, "namespace", "n", "", "the tenant: its namespace")
	f.StringVar(&e.operatorNamespace, "operator-namespace", "gozer-system", "namespace that Gozer itself runs in")
}

// connectFor connects for a command that says what it found as text or as JSON.
func (e *env) connectFor(output string) error {
	if output != "text" && output != "json" {
		return usage("--output is text or json, not %q", output)
	}
	return e.connect()
}

// connect makes the clients, unless they are there.
func (e *env) connect() error {
	if e.now == nil {
		e.now = time.Now
	}
	if e.patience == 0 {
		e.patience = 15 * time.Second
	}
	if e.pause == 0 {
		e.pause = 2 * time.Second
	}
	if e.client != nil {
		return nil
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = e.kubeconfig
	overrides := &clientcmd.ConfigOverrides{CurrentContext: e.context}
	overrides.Context.Namespace = e.namespace
	kube := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides)
	cfg, err := kube.ClientConfig()
	if err != nil {
		return fmt.Errorf("cannot reach a cluster: %w; give --kubeconfig or --context, or set KUBECONFIG", err)
	}
	if e.namespace, _, err = kube.Namespace(); err != nil {
		return err
	}
	cfg.QPS, cfg.Burst = 50, 100
	scheme := Scheme()
	if e.client, err = client.NewWithWatch(cfg, client.Options{Scheme: scheme}); err != nil {
		return fmt.Errorf("cannot reach the cluster: %w", err)
	}
	e.whoami = func(ctx context.Context) string {
		var r authenticationv1.SelfSubjectReview
		if e.client.Create(ctx, &r) != nil {
			return ""
		}
		return r.Status.UserInfo.Username
	}
	e.forward = forwarder(cfg)
	e.proxy, err = proxyOf(cfg) //nolint:bodyclose // it makes a client; whoever asks closes
	if err != nil {
		return err
	}
	e.changed = func(ctx context.Context) (<-chan struct{}, client.Reader, error) {
		return watchTenant(ctx, cfg, scheme, e.namespace)
	}
	return nil
}

// Scheme of the kinds that commands use.
func Scheme() *runtime.Scheme {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{gozer.AddToScheme, authenticationv1.AddToScheme, corev1.AddToScheme} {
		if err := add(s); err != nil {
			panic(err) // the kinds contradict one another: a mistake in this program
		}
	}
	return s
}

// proxyOf fetches paths with the user's own credentials.
func proxyOf(cfg *rest.Config) (func(context.Context, string) (*http.Response, error), error) {
	h, err := rest.HTTPClientFor(cfg)
	if err != nil {
		return nil, err
	}
	base, _, err := rest.DefaultServerUrlFor(cfg)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, path string) (*http.Response, error) {
		u, err := url.Parse(base.String())
		if err != nil {
			return nil, err
		}
		ref, err := url.Parse(path)
		if err != nil {
			return nil, err
		}
		u = u.JoinPath(ref.EscapedPath())
		u.RawQuery = ref.RawQuery
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
		if err != nil {
			return nil, err
		}
		return h.Do(r)
	}, nil
}
