package identity

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gozer-dev/gozer/internal/token"
)

var key = token.Key(strings.Repeat("k", 32))

// clock is moved by the test.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func newIdentity(t *testing.T, k token.Key, role string, now func() time.Time) *Identity {
	t.Helper()
	i, err := New(k, role, now)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// shake has a client and a server meet, and gives what each saw of the other.
func shake(t *testing.T, client, server *tls.Config) (seen, shown *x509.Certificate, err error) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	served := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			served <- err
			return
		}
		defer conn.Close()
		if s, ok := conn.(*tls.Conn); ok {
			if err = s.HandshakeContext(t.Context()); err == nil {
				if chains := s.ConnectionState().VerifiedChains; len(chains) > 0 {
					seen = chains[0][0]
				}
				_, err = conn.Write([]byte("x"))
			}
		}
		served <- err
	}()
	client = client.Clone()
	client.ServerName = "gozer-merger.gozer-system.svc"
	c, err := tls.Dial("tcp", l.Addr().String(), client)
	if err == nil {
		shown = c.ConnectionState().PeerCertificates[0]
		_, err = c.Read(make([]byte, 1)) // whether the server takes the client is told last
		c.Close()
	}
	return seen, shown, errors.Join(err, <-served)
}

func TestWhoIsWho(t *testing.T) {
	manager, merger := newIdentity(t, key, Manager, time.Now), newIdentity(t, key, Merger, time.Now)
	stranger := newIdentity(t, token.NewKey(), Manager, time.Now)
	nobody := manager.Client(Merger)
	nobody.GetClientCertificate = nil
	forged := manager.Client(Merger)
	forged.GetClientCertificate = stranger.Client(Merger).GetClientCertificate
	for name, tc := range map[string]struct {
		client, server *tls.Config
		role, words    string
	}{
		"manager to merger":        {manager.Client(Merger), merger.Server(), Manager, ""},
		"merger to merger":         {merger.Client(Merger), merger.Server(), Merger, ""},
		"no certificate":           {nobody, merger.Server(), "", ""},
		"another installation":     {stranger.Client(Merger), merger.Server(), "", "unknown authority"},
		"a stranger's certificate": {forged, merger.Server(), "", "unknown authority"},
		"not the role":             {manager.Client(Merger), manager.Server(), "", "the server is a manager, not a merger"},
	} {
		t.Run(name, func(t *testing.T) {
			seen, _, err := shake(t, tc.client, tc.server)
			if (err != nil) != (tc.words != "") || err != nil && !strings.Contains(err.Error(), tc.words) {
				t.Fatalf("error %v, want %q", err, tc.words)
			}
			if err != nil {
				return
			}
			r := &http.Request{TLS: &tls.ConnectionState{}}
			if seen != nil {
				r.TLS.VerifiedChains = [][]*x509.Certificate{{seen}}
			}
			if got := Role(r); got != tc.role {
				t.Errorf("role %q, want %q", got, tc.role)
			}
		})
	}
	if Role(&http.Request{}) != "" {
		t.Error("a request without TLS has a role")
	}
}

func TestStranger(t *testing.T) {
	_, _, err := shake(t, newIdentity(t, token.NewKey(), Manager, time.Now).Client(Merger), newIdentity(t, key, Merger, time.Now).Server())
	if !Stranger(err) || Stranger(errors.New("connection refused")) {
		t.Errorf("%v", err)
	}
}

// Certificates are renewed before they end, on both sides, without a restart.
func TestCertificatesAreRenewed(t *testing.T) {
	c := &clock{time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	manager, merger := newIdentity(t, key, Manager, c.now), newIdentity(t, key, Merger, c.now)
	client, server := manager.Client(Merger), merger.Server()
	var before [2]*x509.Certificate
	for _, tc := range []struct {
		after time.Duration
		fresh bool
	}{{0, true}, {lifetime/2 - time.Minute, false}, {time.Minute, true}, {10 * lifetime, true}} {
		c.t = c.t.Add(tc.after)
		seen, shown, err := shake(t, client, server)
		if err != nil {
			t.Fatalf("after %s: %v", tc.after, err)
		}
		for n, cert := range []*x509.Certificate{seen, shown} {
			if fresh := before[n] == nil || !cert.Equal(before[n]); fresh != tc.fresh {
				t.Errorf("after %s: a new certificate: %v", tc.after, fresh)
			}
			before[n] = cert
		}
	}
}

func TestClocksMayDiffer(t *testing.T) {
	slow, fast := &clock{time.Now()}, &clock{time.Now().Add(skew - time.Minute)}
	if _, _, err := shake(t, newIdentity(t, key, Manager, slow.now).Client(Merger), newIdentity(t, key, Merger, fast.now).Server()); err != nil {
		t.Error(err)
	}
}

// The authority is the same in every process, of every version.
func TestAuthorityIsPinned(t *testing.T) {
	i := newIdentity(t, key, Merger, time.Now)
	sum := sha256.Sum256([]byte(i.AuthorityPEM()))
	if got, want := hex.EncodeToString(sum[:8]), "2d54f8efe7f53959"; got != want {
		t.Errorf("the authority is %s, not %s:\n%s", got, want, i.AuthorityPEM())
	}
	if newIdentity(t, token.NewKey(), Merger, time.Now).AuthorityPEM() == i.AuthorityPEM() {
		t.Error("two installations have the same authority")
	}
}

// A client asks for a name or, as a probe does, for an address.
func TestServerIsWhatItIsAskedFor(t *testing.T) {
	i := newIdentity(t, key, Merger, time.Now)
	for name, host := range map[string]string{"name": "gozer-merger-0.gozer-merger-peers.x.svc", "address": "127.0.0.1", "IPv6": "fd00::1"} {
		c, err := i.certificate(host)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Leaf.VerifyHostname(host); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if c.Leaf.VerifyHostname("elsewhere") == nil {
			t.Errorf("%s: it is good for any host", name)
		}
	}
}
