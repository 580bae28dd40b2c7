package identity

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/gozer-dev/gozer/internal/token"
)

// seedSubject keeps the authority's key apart from others that are derived.
const seedSubject = "certificate authority, 1"

// authority signs the certificates of an installation.
type authority struct {
	key  ed25519.PrivateKey
	cert *x509.Certificate
}

// The authority is as good as the key that it is derived from: it has no end of
// its own. Its certificate is the same, byte for byte, whoever makes it.
var (
	authorityBegin = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	authorityEnd   = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC) // RFC 5280: none
)

func newAuthority(key token.Key) (*authority, error) {
	a := &authority{key: ed25519.NewKeyFromSeed(key.Seed(seedSubject))}
	public, ok := a.key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("certificate authority: the key is of another kind")
	}
	// Otherwise its name would depend on the version of Go that made it.
	id := sha256.Sum256(public)
	template := &x509.Certificate{
		SubjectKeyId: id[:20],
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Gozer installation"},
		NotBefore: authorityBegin, NotAfter: authorityEnd,
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, a.key)
	if err == nil {
		a.cert, err = x509.ParseCertificate(der)
	}
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	return a, nil
}

// pem is the authority's certificate.
func (a *authority) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}))
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}
