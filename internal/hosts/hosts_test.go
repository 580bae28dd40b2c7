package hosts

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/drivers/github"
	"github.com/gozer-dev/gozer/internal/intake"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/merger"
	"github.com/gozer-dev/gozer/internal/model"
)

var (
	_ intake.Connections = (*Registry)(nil)
	_ merger.Remotes     = (*Registry)(nil)
)

const namespace = "gozer"

type clock struct{ now time.Time }

func connection(change func(*gozer.Connection)) *gozer.Connection {
	c := &gozer.Connection{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "code"},
		Spec:       gozer.ConnectionSpec{Driver: "gitea", URL: "https://git.example.com:3000", SecretName: "code-host"},
	}
	if change != nil {
		change(c)
	}
	return c
}

func secret(data map[string]string) *corev1.Secret {
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "code-host"}, Data: map[string][]byte{}}
	for k, v := range data {
		s.Data[k] = []byte(v)
	}
	return s
}

func both() map[string]string { return map[string]string{KeyToken: "t-1", KeyWebhookSecret: "w-1"} }

func newRegistry(t *testing.T, funcs interceptor.Funcs, objects ...client.Object) (*Registry, client.Client, *clock) {
	t.Helper()
	s := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(s), gozer.AddToScheme(s)); err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(s).WithObjects(objects...).WithInterceptorFuncs(funcs).Build()
	k := &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	return &Registry{Reader: c, Namespace: namespace, Now: func() time.Time { return k.now }}, c, k
}

func TestFind(t *testing.T) {
	api := errors.New("the API server is away")
	for name, tc := range map[string]struct {
		objects []client.Object
		fail    error
		host    string // what Host's error says; empty for none
		decoder string // what Decoder's error says
		unknown bool   // whether Decoder's error is ErrUnknown
	}{
		"all there":            {objects: []client.Object{connection(nil), secret(both())}},
		"no connection":        {host: `"code" not found`, decoder: "no such connection", unknown: true},
		"elsewhere":            {objects: []client.Object{connection(func(c *gozer.Connection) { c.Namespace = "acme" }), secret(both())}, host: "not found", decoder: "no such connection", unknown: true},
		"no secret":            {objects: []client.Object{connection(nil)}, host: "create it with the keys", decoder: "names the secret code-host"},
		"no token":             {objects: []client.Object{connection(nil), secret(map[string]string{KeyWebhookSecret: "w"})}, host: `no key "token"`, decoder: `no key "token"`},
		"no webhook secret":    {objects: []client.Object{connection(nil), secret(map[string]string{KeyToken: "t"})}, decoder: `no key "webhookSecret"`},
		"empty token":          {objects: []client.Object{connection(nil), secret(map[string]string{KeyToken: "", KeyWebhookSecret: "w"})}, host: `no key "token"`, decoder: `no key "token"`},
		"driver of the future": {objects: []client.Object{connection(func(c *gozer.Connection) { c.Spec.Driver = "sourcehut" }), secret(both())}, host: "sourcehut", decoder: "sourcehut"},
		"API server away":      {objects: []client.Object{connection(nil), secret(both())}, fail: api, host: api.Error(), decoder: api.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			funcs := interceptor.Funcs{}
			if tc.fail != nil {
				funcs.Get = func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
					return tc.fail
				}
			}
			r, _, _ := newRegistry(t, funcs, tc.objects...)
			check := func(what, want string, err error) {
				if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
					t.Errorf("%s: got %v, want %q", what, err, want)
				}
			}
			_, err := r.Host(t.Context(), "code")
			check("host", tc.host, err)
			_, key, err := r.Decoder(t.Context(), "code")
			check("decoder", tc.decoder, err)
			if errors.Is(err, intake.ErrUnknown) != tc.unknown {
				t.Errorf("decoder: %v, unknown: %v", err, !tc.unknown)
			}
			if err == nil && string(key) != "w-1" {
				t.Errorf("webhook secret %q", key)
			}
		})
	}
}

// TestRotation: a new token is in use after the keep time, and not asked for before.
func TestRotation(t *testing.T) {
	gets := 0
	funcs := interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch, k client.ObjectKey, o client.Object, opts ...client.GetOption) error {
		gets++
		return c.Get(ctx, k, o, opts...)
	}}
	r, c, k := newRegistry(t, funcs, connection(nil), secret(both()))
	state := func() (token, webhook string) {
		t.Helper()
		remote, err := r.Remote(t.Context(), "code", model.Project{Name: "acme/api"})
		if err != nil {
			t.Fatal(err)
		}
		_, key, err := r.Decoder(t.Context(), "code")
		if err != nil {
			t.Fatal(err)
		}
		return remote.Password, string(key)
	}
	if token, webhook := state(); token != "t-1" || webhook != "w-1" || gets != 2 {
		t.Errorf("at first: %s %s after %d reads", token, webhook, gets)
	}
	var s corev1.Secret
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "code-host"}, &s); err != nil {
		t.Fatal(err)
	}
	s.Data = map[string][]byte{KeyToken: []byte("t-2"), KeyWebhookSecret: []byte("w-2")}
	if err := c.Update(t.Context(), &s); err != nil {
		t.Fatal(err)
	}
	gets = 0
	k.now = k.now.Add(keep - time.Nanosecond)
	if token, webhook := state(); token != "t-1" || webhook != "w-1" || gets != 0 {
		t.Errorf("within the keep time: %s %s after %d reads", token, webhook, gets)
	}
	k.now = k.now.Add(time.Nanosecond)
	if token, webhook := state(); token != "t-2" || webhook != "w-2" || gets != 2 {
		t.Errorf("after it: %s %s after %d reads", token, webhook, gets)
	}
	if err := c.Delete(t.Context(), &s); err != nil {
		t.Fatal(err)
	}
	k.now = k.now.Add(keep)
	if _, err := r.Host(t.Context(), "code"); err == nil {
		t.Error("a connection without its secret is still in use")
	}
}

func gitHub(app string) *gozer.Connection {
	return connection(func(c *gozer.Connection) {
		c.Spec.Driver, c.Generation, c.Status.Account = "github", 1, "gozer[bot]"
		if app != "" {
			c.Spec.App = &gozer.ConnectionApp{ID: app}
		}
	})
}

// privateKey of an App.
func privateKey(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}

// TestGitHub: an App needs its key, and a token is none; what is wrong is said
// without the secret.
func TestGitHub(t *testing.T) {
	key := privateKey(t)
	for name, tc := range map[string]struct {
		app  string
		data map[string]string
		want string
	}{
		"an App":               {"1", map[string]string{KeyPrivateKey: key, KeyWebhookSecret: "w-1"}, ""},
		"an App with a token":  {"1", both(), `no key "privateKey"`},
		"an App without a PEM": {"1", map[string]string{KeyPrivateKey: "s3cret", KeyWebhookSecret: "w-1"}, "it must be the PEM file"},
		"a token":              {"", map[string]string{KeyToken: "t-1\n", KeyWebhookSecret: "w-1"}, ""},
		"a token that is none": {"", map[string]string{KeyPrivateKey: key, KeyWebhookSecret: "w-1"}, `no key "token"`},
	} {
		r, _, _ := newRegistry(t, interceptor.Funcs{}, gitHub(tc.app), secret(tc.data))
		h, err := r.Host(t.Context(), "code")
		if (err != nil) != (tc.want != "") || err != nil && (!strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "s3cret")) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
		if tc.want != "" {
			continue
		}
		d, webhook, err := r.Decoder(t.Context(), "code")
		if diff := cmp.Diff(drivers.Decoder(github.Webhooks{Own: "gozer[bot]", App: tc.app}), d); diff != "" || string(webhook) != "w-1" || err != nil {
			t.Errorf("%s: %v, secret %s %s", name, err, webhook, diff)
		}
		if _, ok := h.(drivers.Poller); !ok {
			t.Errorf("%s: it does not poll", name)
		}
		if tc.app == "" {
			if remote, err := h.Remote(t.Context(), model.Project{Name: "acme/api"}); err != nil || remote.Password != "t-1" {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestDecoderOnlyGets: who takes webhooks may read connections, and not list them;
// whom the connection acts as is known as soon as its controller says it.
func TestDecoderOnlyGets(t *testing.T) {
	unknown := gitHub("")
	unknown.Status.Account = ""
	funcs := interceptor.Funcs{List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
		return errors.New("connections is forbidden")
	}}
	r, c, _ := newRegistry(t, funcs, unknown, secret(both()))
	for _, want := range []string{"", "gozer[bot]"} {
		d, _, err := r.Decoder(t.Context(), "code")
		if err != nil || d != drivers.Decoder(github.Webhooks{Own: want}) {
			t.Errorf("%v %v, want %q", d, err, want)
		}
		var now gozer.Connection
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(unknown), &now); err != nil {
			t.Fatal(err)
		}
		now.Status.Account = "gozer[bot]"
		if err := c.Update(t.Context(), &now); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDriverIsKept: what a driver knows stays while its connection and secret do,
// also when the connection's status changes.
func TestDriverIsKept(t *testing.T) {
	r, c, k := newRegistry(t, interceptor.Funcs{}, gitHub(""), secret(both()))
	host := func() drivers.Host {
		t.Helper()
		k.now = k.now.Add(keep)
		h, err := r.Host(t.Context(), "code")
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	var now gozer.Connection
	edit := func(change func()) {
		t.Helper()
		if err := c.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "code"}, &now); err != nil {
			t.Fatal(err)
		}
		change()
		if err := c.Update(t.Context(), &now); err != nil {
			t.Fatal(err)
		}
	}
	first := host()
	edit(func() { now.Status.Account = "renamed[bot]" })
	if host() != first {
		t.Error("made anew when the status changed")
	}
	if d, _, err := r.Decoder(t.Context(), "code"); err != nil || d != drivers.Decoder(github.Webhooks{Own: "renamed[bot]"}) {
		t.Errorf("%v %v", d, err)
	}
	edit(func() { now.Spec.URL, now.Generation = "https://other.example.com", 2 })
	second := host()
	if second == first {
		t.Error("kept when the connection changed")
	}
	s := secret(both())
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(s), s); err != nil {
		t.Fatal(err)
	}
	s.Data[KeyToken] = []byte("t-2")
	if err := c.Update(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if host() == second {
		t.Error("kept when the secret changed")
	}
}

// TestErrorsAreNotKept: what was wrong is looked at again at once.
func TestErrorsAreNotKept(t *testing.T) {
	r, c, _ := newRegistry(t, interceptor.Funcs{}, connection(nil))
	if _, err := r.Host(t.Context(), "code"); err == nil {
		t.Fatal("there is no secret")
	}
	if err := c.Create(t.Context(), secret(both())); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Host(t.Context(), "code"); err != nil {
		t.Error(err)
	}
}

func TestHostname(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*gozer.Connection)
		want   string
	}{
		"of the URL": {nil, "git.example.com"},
		"canonical":  {func(c *gozer.Connection) { c.Spec.CanonicalHostname = "code.example.org" }, "code.example.org"},
		"no URL":     {func(c *gozer.Connection) { c.Spec.URL = "://" }, "code"},
	} {
		t.Run(name, func(t *testing.T) {
			r, _, _ := newRegistry(t, interceptor.Funcs{}, connection(tc.change), secret(both()))
			want := map[string]layout.Connection{"code": {Driver: "gitea", Hostname: tc.want}}
			got, err := r.Connections(t.Context(), "acme")
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

// TestConnectionsOfTenant: a tenant sees those that allow it, and one that is made soon after.
func TestConnectionsOfTenant(t *testing.T) {
	others := connection(func(c *gozer.Connection) { c.Spec.AllowedTenants = []string{"other"} })
	r, c, clock := newRegistry(t, interceptor.Funcs{}, others, secret(both()))
	if got, err := r.Connections(t.Context(), "acme"); len(got) != 0 || err != nil {
		t.Errorf("a connection that does not allow the tenant: %v, %v", got, err)
	}
	if got, err := r.Connections(t.Context(), "other"); len(got) != 1 || err != nil {
		t.Errorf("a connection that allows the tenant: %v, %v", got, err)
	}
	more := connection(func(c *gozer.Connection) { c.Name = "more" })
	if err := c.Create(t.Context(), more); err != nil {
		t.Fatal(err)
	}
	clock.now = clock.now.Add(keepList)
	if got, err := r.Connections(t.Context(), "acme"); got["more"].Driver != "gitea" || err != nil {
		t.Errorf("a new connection: %v, %v", got, err)
	}
}

func TestAllows(t *testing.T) {
	for name, tc := range map[string]struct {
		allowed []string
		want    bool
	}{"all": {nil, true}, "it": {[]string{"x", "acme"}, true}, "others": {[]string{"x"}, false}} {
		c := connection(func(c *gozer.Connection) { c.Spec.AllowedTenants = tc.allowed })
		if got := Allows(c, "acme"); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
