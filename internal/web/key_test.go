package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-logr/logr"

	"github.com/gozer-dev/gozer/internal/managerapi"
	"github.com/gozer-dev/gozer/internal/token"
)

func TestPublicKey(t *testing.T) {
	key := token.NewKey()
	manager := httptest.NewServer(managerapi.New(managerapi.Options{Key: key, Log: logr.Discard(),
		PublicKey: func(_ context.Context, tenant, project string) ([]byte, error) {
			return []byte("key of " + project + " in " + tenant), nil
		}}))
	t.Cleanup(manager.Close)
	web := newWeb(t, manager.URL, key)
	for name, tc := range map[string]struct {
		method, path string
		code         int
		want         string
	}{
		"name":            {"GET", "/api/tenant/acme/key/acme/web.pub", 200, "key of acme/web in acme"},
		"canonical":       {"GET", "/api/tenant/acme/key/git.example.com/acme/web.pub", 200, "key of git.example.com/acme/web in acme"},
		"escaped":         {"GET", "/api/tenant/acme/key/git.example.com%2Facme%2Fweb.pub", 200, "key of git.example.com/acme/web in acme"},
		"all letters":     {"GET", "/api/tenant/acme/key/~a/B_c+d.e-f.pub", 200, "key of ~a/B_c+d.e-f in acme"},
		"parameters":      {"GET", "/api/tenant/acme/key/acme/web.pub?tenant=other", 200, "key of acme/web in acme"},
		"head":            {"HEAD", "/api/tenant/acme/key/acme/web.pub", 200, ""},
		"no suffix":       {"GET", "/api/tenant/acme/key/acme/web", 404, "a key is at"},
		"bad tenant":      {"GET", "/api/tenant/ACME/key/acme/web.pub", 404, "a key is at"},
		"written":         {"PUT", "/api/tenant/acme/key/acme/web.pub", 405, ""},
		"too long a name": {"GET", "/api/tenant/acme/key/" + strings.Repeat("x", maxKeyPath) + ".pub", 404, "a key is at"},
	} {
		t.Run(name, func(t *testing.T) {
			got := do(t, tc.method, web.URL+tc.path, nil)
			if got.code != tc.code || !strings.Contains(got.body, tc.want) {
				t.Errorf("%d %s", got.code, got.body)
			}
			if got.code == 200 && (got.header.Get("Content-Type") != "text/plain; charset=utf-8" || got.header.Get("X-Content-Type-Options") != "nosniff") {
				t.Errorf("headers: %v", got.header)
			}
		})
	}
}

// TestKeyPathTricks: nothing but the name of a project reaches the manager.
func TestKeyPathTricks(t *testing.T) {
	asked := make(chan string, 100)
	manager := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.URL.String() }))
	t.Cleanup(manager.Close)
	web := newWeb(t, manager.URL, token.NewKey())
	for _, path := range []string{
		"acme/key/..%2f..%2f..%2fbuilds.pub", "acme/key/../../../builds.pub", "acme/key/a/%2e%2e/b.pub", "acme/key/./x.pub", "acme/key/a//b.pub", "acme/key/a%2f%2fb.pub",
		"acme/key//a.pub", "acme/key/a/.pub", "acme/key/.pub", "acme/key/a%3fb=c.pub", "acme/key/a%23b.pub", "acme/key/a%00.pub", "acme/key/a%0d%0aX:%20y.pub", "acme/key/a%20b.pub",
		"acme/key/a%5cb.pub", "acme/key/a@b.pub", "acme/key/%25.pub", "acme%2f..%2fx/key/a.pub", "..%2facme/key/a.pub", "acme/key/cl%C3%A9.pub",
	} {
		if got := do(t, "GET", web.URL+"/api/tenant/"+path, nil); got.code/100 != 4 && got.code/100 != 3 {
			t.Errorf("%s: %d", path, got.code)
		}
		select {
		case u := <-asked:
			t.Errorf("%s reached the manager as %s", path, u)
		default:
		}
	}
}
