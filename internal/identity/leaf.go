package identity

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"time"
)

const (
	// lifetime of a process's certificate; it makes another when half of it is over.
	lifetime = 24 * time.Hour
	// skew of the clocks of two machines.
	skew = time.Hour
	// roleScheme of the URI that names the role in a certificate.
	roleScheme = "gozer"
)

// leaf makes a certificate of a role: of a server that is reached by a host name
// or address, or of a client, which has no host.
func (a *authority) leaf(role, host string, now time.Time) (*tls.Certificate, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Gozer " + role},
		NotBefore: now.Add(-skew), NotAfter: now.Add(lifetime),
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		URIs:        []*url.URL{{Scheme: roleScheme, Opaque: role}},
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else if host != "" {
		template.DNSNames = []string{host}
	} else {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, public, a.key)
	if err != nil {
		return nil, fmt.Errorf("certificate of role %s for %q: %w", role, host, err)
	}
	parsed, err := x509.ParseCertificate(der)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private, Leaf: parsed}, err
}

// roleOf is the role that a certificate names.
func roleOf(c *x509.Certificate) string {
	for _, u := range c.URIs {
		if u.Scheme == roleScheme {
			return u.Opaque
		}
	}
	return ""
}
