package identity

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/gozer-dev/gozer/internal/lru"
	"github.com/gozer-dev/gozer/internal/token"
)

// The roles that speak to one another.
const (
	Manager = "manager"
	Merger  = "merger"
)

// maxNames bounds the names under which a process is asked for at a time.
const maxNames = 100

// Identity is who a process is.
type Identity struct {
	role      string
	now       func() time.Time
	authority *authority
	// leaves by the name that they are good for.
	leaves *lru.Cache[string, *tls.Certificate]
}

// New makes the identity of a process that has a role and the installation's key.
func New(key token.Key, role string, now func() time.Time) (*Identity, error) {
	a, err := newAuthority(key)
	if err != nil {
		return nil, err
	}
	return &Identity{role: role, now: now, authority: a, leaves: lru.New[string, *tls.Certificate](maxNames)}, nil
}

// AuthorityPEM is the authority's certificate, which is public.
func (i *Identity) AuthorityPEM() string { return i.authority.pem() }

// certificate gives the certificate for a name, a new one when half of the life
// of the last is over.
func (i *Identity) certificate(host string) (*tls.Certificate, error) {
	now := i.now()
	if c, ok := i.leaves.Get(host); ok && now.Before(c.Leaf.NotAfter.Add(-lifetime/2)) {
		return c, nil
	}
	c, err := i.authority.leaf(i.role, host, now)
	if err == nil {
		i.leaves.Put(host, c)
	}
	return c, err
}

// Server is the TLS configuration of a server. It has a certificate for
// whatever name it is asked for, and asks who is there; a client may have none.
func (i *Identity) Server() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		Time:       i.now,
		ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: i.authority.pool(),
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			host := hello.ServerName
			if host == "" { // asked for by address
				host, _, _ = net.SplitHostPort(hello.Conn.LocalAddr().String())
			}
			return i.certificate(host)
		},
	}
}

// Client is the TLS configuration with which servers of a role are spoken to.
func (i *Identity) Client(role string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		Time:       i.now,
		RootCAs:    i.authority.pool(),
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return i.certificate("")
		},
		VerifyConnection: func(s tls.ConnectionState) error {
			if got := roleOf(s.PeerCertificates[0]); got != role {
				return fmt.Errorf("the server is a %s, not a %s", got, role)
			}
			return nil
		},
	}
}

// Role is that of the client that made a request; empty when it did not say.
func Role(r *http.Request) string {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return ""
	}
	return roleOf(r.TLS.VerifiedChains[0][0])
}

// Stranger says that a connection failed since the other side is not of this
// installation: the two have different keys.
func Stranger(err error) bool {
	var cert *tls.CertificateVerificationError
	return errors.As(err, &cert)
}
