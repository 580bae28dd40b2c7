package secretcrypt

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// Sizes of keys in bits: what is made, and what is taken.
const (
	keyBits    = 4096
	minKeyBits = 2048
	maxKeyBits = 16384
)

// maxPEM bounds the text of a key; the largest is a tenth of it.
const maxPEM = 128 << 10

// Types of PEM blocks.
const (
	pemPKIX         = "PUBLIC KEY"
	pemPKCS1Public  = "RSA PUBLIC KEY"
	pemPKCS1Private = "RSA PRIVATE KEY"
	pemPKCS8        = "PRIVATE KEY"
)

var (
	errNoKey      = errors.New("there is no key")
	errBadPrivate = errors.New("the private key is damaged, or is no RSA key")
)

// GenerateKey makes the key of a project. It takes a second or more of CPU.
func GenerateKey() (*rsa.PrivateKey, error) {
	return rsa.GenerateKey(rand.Reader, keyBits)
}

// EncodePrivateKey writes a key as Zuul exports it: PKCS#1, without a password.
func EncodePrivateKey(priv *rsa.PrivateKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: pemPKCS1Private, Bytes: x509.MarshalPKCS1PrivateKey(priv)})
}

// EncodePublicKey writes a public key as Zuul serves it: PKIX.
func EncodePublicKey(pub *rsa.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, fmt.Errorf("the public key cannot be written: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemPKIX, Bytes: der}), nil
}

// ParsePublicKey reads a PEM block with an RSA key: PKIX ("PUBLIC KEY") or
// PKCS#1 ("RSA PUBLIC KEY").
func ParsePublicKey(text []byte) (*rsa.PublicKey, error) {
	block, err := decodePEM(text)
	if err != nil {
		return nil, err
	}
	var key any
	switch {
	case block.Type == pemPKIX:
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case block.Type == pemPKCS1Public:
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case strings.HasSuffix(block.Type, pemPKCS8):
		return nil, errors.New("this is a private key; give the public key of the project")
	default:
		return nil, fmt.Errorf("a public key is a PEM block %q or %q, not %q", pemPKIX, pemPKCS1Public, block.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("the public key is damaged: %w", err)
	}
	pub, ok := key.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("the public key is a %T; secrets need RSA", key)
	}
	if err := checkKey(pub); err != nil {
		return nil, err
	}
	return pub, nil
}

// ParsePrivateKey reads a PEM block with an RSA key: PKCS#1 ("RSA PRIVATE KEY")
// or PKCS#8 ("PRIVATE KEY"), without a password.
func ParsePrivateKey(text []byte) (*rsa.PrivateKey, error) {
	block, err := decodePEM(text)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(block.Type, "ENCRYPTED") || block.Headers["DEK-Info"] != "" {
		return nil, errors.New("the private key has a password; take it off with `openssl rsa -in KEY`")
	}
	var key any
	switch block.Type {
	case pemPKCS1Private:
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case pemPKCS8:
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("a private key is a PEM block %q or %q, not %q", pemPKCS1Private, pemPKCS8, block.Type)
	}
	priv, ok := key.(*rsa.PrivateKey)
	if err != nil || !ok {
		return nil, errBadPrivate // what the library says could quote the key
	}
	if err := checkKey(&priv.PublicKey); err != nil {
		return nil, err
	}
	return priv, nil
}

func decodePEM(text []byte) (*pem.Block, error) {
	if len(text) > maxPEM {
		return nil, fmt.Errorf("a key has at most %d bytes, this has %d", maxPEM, len(text))
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("this is no key in PEM: it has no block -----BEGIN ...-----")
	}
	return block, nil
}

// checkKey refuses keys that are too small to protect, or so large that they only take time.
func checkKey(pub *rsa.PublicKey) error {
	if pub == nil || pub.N == nil {
		return errNoKey
	}
	if n := pub.N.BitLen(); n < minKeyBits || n > maxKeyBits {
		return fmt.Errorf("an RSA key of %d bits is not used; it must have from %d to %d, and Gozer makes %d", n, minKeyBits, maxKeyBits, keyBits)
	}
	return nil
}
