// Package hosts finds the driver of a Connection. It reads Connections and
// their Secrets in the operator's namespace again after a short time, so that a
// new token is used without a restart. A driver whose Connection and Secret did
// not change is kept with what it knows.
package hosts

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/drivers/gitea"
	"github.com/gozer-dev/gozer/internal/drivers/github"
	"github.com/gozer-dev/gozer/internal/gitrepo"
	"github.com/gozer-dev/gozer/internal/intake"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/model"
)

// Keys of a Connection's Secret. A GitHub App has a private key in place of a token.
const (
	KeyToken         = "token"
	KeyPrivateKey    = "privateKey"
	KeyWebhookSecret = "webhookSecret"
)

const keep = 30 * time.Second

// Registry finds drivers.
type Registry struct {
	// Reader reads the API server itself: Secrets must not be cached.
	Reader client.Reader
	// Namespace of the operator.
	Namespace string
	Now       func() time.Time

	mu          sync.Mutex
	known       map[string]entry
	listed      []gozer.Connection
	listedUntil time.Time
}

type entry struct {
	host       drivers.Host
	connection gozer.Connection
	secret     []byte
	until      time.Time
	// made from these versions of the connection and its secret.
	made [2]string
}

// Host is the driver of a connection.
func (r *Registry) Host(ctx context.Context, connection string) (drivers.Host, error) {
	e, err := r.find(ctx, connection)
	return e.host, err
}

// Decoder implements intake.Connections.
func (r *Registry) Decoder(ctx context.Context, connection string) (drivers.Decoder, []byte, error) {
	e, err := r.find(ctx, connection)
	if apierrors.IsNotFound(err) {
		return nil, nil, intake.ErrUnknown
	}
	if err != nil {
		return nil, nil, err
	}
	if len(e.secret) == 0 {
		return nil, nil, fmt.Errorf("secret %s has no key %q; webhooks cannot be verified without it", e.connection.Spec.SecretName, KeyWebhookSecret)
	}
	if e.connection.Spec.Driver == "github" {
		own, err := r.account(ctx, &e.connection)
		return github.Webhooks{Own: own, App: appID(&e.connection)}, e.secret, err
	}
	return gitea.Webhooks{}, e.secret, nil
}

// account that a connection acts as, once its controller has asked. It is read again
// while it is not known; who takes webhooks may read connections, and not list them.
func (r *Registry) account(ctx context.Context, known *gozer.Connection) (string, error) {
	if known.Status.Account != "" {
		return known.Status.Account, nil
	}
	var c gozer.Connection
	err := r.Reader.Get(ctx, client.ObjectKeyFromObject(known), &c)
	return c.Status.Account, err
}

// Remote implements merger.Remotes.
func (r *Registry) Remote(ctx context.Context, connection string, p model.Project) (gitrepo.Remote, error) {
	h, err := r.Host(ctx, connection)
	if err != nil {
		return gitrepo.Remote{}, err
	}
	return h.Remote(ctx, p)
}

// Connections are those that a tenant may use, by name.
func (r *Registry) Connections(ctx context.Context, tenantNamespace string) (map[string]layout.Connection, error) {
	list, err := r.list(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]layout.Connection{}
	for i := range list {
		if c := &list[i]; Allows(c, tenantNamespace) {
			out[c.Name] = layout.Connection{Driver: c.Spec.Driver, Hostname: HostnameOf(c)}
		}
	}
	return out, nil
}

// keepList is for how long the list of connections is good: a reconcile asks several times.
const keepList = 2 * time.Second

func (r *Registry) list(ctx context.Context) ([]gozer.Connection, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.Now().Before(r.listedUntil) {
		return r.listed, nil
	}
	var list gozer.ConnectionList
	if err := r.Reader.List(ctx, &list, client.InNamespace(r.Namespace)); err != nil {
		return nil, fmt.Errorf("list connections: %w", err)
	}
	r.listed, r.listedUntil = list.Items, r.Now().Add(keepList)
	return r.listed, nil
}

// HostnameOf is the canonical host name of a connection.
func HostnameOf(c *gozer.Connection) string {
	if c.Spec.CanonicalHostname != "" {
		return c.Spec.CanonicalHostname
	}
	u, err := url.Parse(c.Spec.URL)
	if err != nil {
		return c.Name
	}
	return u.Hostname()
}

// Allows says whether a tenant may use a connection.
func Allows(c *gozer.Connection, tenantNamespace string) bool {
	return len(c.Spec.AllowedTenants) == 0 || slices.Contains(c.Spec.AllowedTenants, tenantNamespace)
}

func (r *Registry) find(ctx context.Context, name string) (entry, error) {
	r.mu.Lock()
	e, ok := r.known[name]
	r.mu.Unlock()
	if ok && r.Now().Before(e.until) {
		return e, nil
	}
	e, err := r.read(ctx, name, e)
	if err != nil {
		return entry{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		r.known = map[string]entry{}
	}
	r.known[name] = e
	return e, nil
}

// read a connection and its secret. The driver is the known one if they are as they were.
func (r *Registry) read(ctx context.Context, name string, known entry) (entry, error) {
	var c gozer.Connection
	if err := r.Reader.Get(ctx, client.ObjectKey{Namespace: r.Namespace, Name: name}, &c); err != nil {
		return entry{}, fmt.Errorf("connection %s: %w", name, err)
	}
	var s corev1.Secret
	credential := KeyToken
	if appID(&c) != "" {
		credential = KeyPrivateKey
	}
	err := r.Reader.Get(ctx, client.ObjectKey{Namespace: r.Namespace, Name: c.Spec.SecretName}, &s)
	if apierrors.IsNotFound(err) { // not wrapped: it is not the connection that is not found
		return entry{}, fmt.Errorf("connection %s names the secret %s, which is not in namespace %s; create it with the keys %q and %q", name, c.Spec.SecretName, r.Namespace, credential, KeyWebhookSecret)
	}
	if err != nil {
		return entry{}, fmt.Errorf("secret of connection %s: %w", name, err)
	}
	if len(s.Data[credential]) == 0 {
		return entry{}, fmt.Errorf("secret %s of connection %s has no key %q", s.Name, name, credential)
	}
	e := entry{connection: c, secret: s.Data[KeyWebhookSecret], until: r.Now().Add(keep), made: versions(&c, &s)}
	if known.host != nil && known.made == e.made {
		e.host = known.host
		return e, nil
	}
	e.host, err = r.driver(&c, s.Data[credential])
	return e, err
}

// versions of what a driver is made from. A connection's status is none of it.
func versions(c *gozer.Connection, s *corev1.Secret) [2]string {
	return [2]string{fmt.Sprintf("%s/%d", c.UID, c.Generation), fmt.Sprintf("%s/%s", s.UID, s.ResourceVersion)}
}

func (r *Registry) driver(c *gozer.Connection, credential []byte) (drivers.Host, error) {
	transport := drivers.Impatient(http.DefaultTransport, r.Now)
	switch c.Spec.Driver {
	case "gitea":
		return gitea.New(gitea.Config{URL: c.Spec.URL, WebURL: c.Spec.WebURL, Token: string(credential), Transport: transport}), nil
	case "github":
		cfg := github.Config{URL: c.Spec.URL, WebURL: c.Spec.WebURL, Transport: transport, Observe: func(r github.Request) {
			requests.WithLabelValues(c.Name, r.Endpoint, strconv.Itoa(r.Code)).Inc()
		}}
		if id := appID(c); id != "" {
			cfg.AppID, cfg.PrivateKey = id, credential
		} else {
			cfg.Token = strings.TrimSpace(string(credential))
		}
		h, err := github.New(cfg)
		if err != nil {
			return nil, fmt.Errorf("connection %s: %w", c.Name, err)
		}
		return h, nil
	}
	return nil, fmt.Errorf("connection %s has the driver %q, which this version of Gozer does not have", c.Name, c.Spec.Driver)
}

// appID of a connection; empty when it has no App.
func appID(c *gozer.Connection) string {
	if c.Spec.App == nil {
		return ""
	}
	return c.Spec.App.ID
}

// requests to code hosts, which are what hosts limit.
var requests = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "gozer_codehost_requests_total",
	Help: "Requests to code hosts, by connection, endpoint and the answer's code (0: none).",
}, []string{"connection", "endpoint", "code"})

func init() { metrics.Registry.MustRegister(requests) }
