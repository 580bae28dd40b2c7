package merger

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gozer-dev/gozer/internal/gitrepo/gitrepotest"
	"github.com/gozer-dev/gozer/internal/identity"
	"github.com/gozer-dev/gozer/internal/token"
)

// is gives a process of an installation its identity.
func is(t testing.TB, key token.Key, role string) *identity.Identity {
	t.Helper()
	i, err := identity.New(key, role, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// origin is a listener of a merger; serve gives it its handler.
type origin struct {
	t        testing.TB
	key      token.Key
	url      string
	listener net.Listener
	server   *http.Server
	// ca is a file with the certificate of the authority.
	ca string
}

func listen(t testing.TB, key token.Key) *origin {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	self := is(t, key, identity.Merger)
	o := &origin{t: t, key: key, listener: l, url: "https://" + l.Addr().String(), ca: filepath.Join(t.TempDir(), "ca.pem")}
	if err := os.WriteFile(o.ca, []byte(self.AuthorityPEM()), 0o600); err != nil {
		t.Fatal(err)
	}
	o.server = &http.Server{
		TLSConfig: self.Server(), ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute,
	}
	t.Cleanup(o.Close)
	return o
}

// serve begins to answer.
func (o *origin) serve(h http.Handler) {
	o.server.Handler = h
	go func() { _ = o.server.ServeTLS(o.listener, "", "") }()
}

// Close ends the listener and breaks all connections, as a killed process does.
func (o *origin) Close() { _, _ = o.listener.Close(), o.server.Close() }

// try runs git as an executor does: it knows the authority.
func (o *origin) try(dir string, args ...string) (string, error) {
	return gitrepotest.Try(dir, append([]string{"-c", "http.sslCAInfo=" + o.ca}, args...)...)
}

func (o *origin) git(dir string, args ...string) string {
	o.t.Helper()
	out, err := o.try(dir, args...)
	if err != nil {
		o.t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return out
}

// as is an HTTP client of a role; "" is one that shows no certificate.
func (o *origin) as(role string) *http.Client {
	config := is(o.t, o.key, role).Client(identity.Merger)
	if role == "" {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &tls.Certificate{}, nil }
	}
	t := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	o.t.Cleanup(t.CloseIdleConnections)
	return &http.Client{Transport: t}
}
