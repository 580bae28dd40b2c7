// Package token makes and checks the bearer tokens with which builds reach
// what is theirs: the refs of one buildset, the log of one build.
//
// A token is a MAC over its purpose and its subject under the installation's
// key. Nothing is stored, so any replica can check any token after any crash,
// and a token for one buildset opens nothing else.
package token

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
)

// Purpose separates the uses of the key.
type Purpose string

const (
	// Git opens the refs of one buildset; subject "<tenant>/<buildset>".
	Git Purpose = "git"
	// Log opens the log of one build for writing; subject "<namespace>/<build>/<attempt>".
	Log Purpose = "log"
	// Internal lets web speak to the manager; subject is the callee's role. Package
	// identity is for manager and merger.
	Internal Purpose = "internal"
)

// Key is the installation's secret, at least 32 bytes.
type Key []byte

const minKeyBytes = 32

var errShortKey = errors.New("token key: need at least 32 bytes; make one with `openssl rand 32`")

// NewKey makes a random key.
func NewKey() Key {
	k := make(Key, minKeyBytes)
	if _, err := rand.Read(k); err != nil {
		panic(err) // documented never to happen
	}
	return k
}

// ReadKey reads the key from a file as it is mounted from a Secret.
func ReadKey(path string) (Key, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("token key: %w", err)
	}
	if len(b) < minKeyBytes {
		return nil, fmt.Errorf("%s: %w", path, errShortKey)
	}
	return Key(b), nil
}

// For makes the token of a subject.
func (k Key) For(p Purpose, subject string) string {
	m := hmac.New(sha256.New, k)
	// Lengths keep ("ab","c") and ("a","bc") apart.
	fmt.Fprintf(m, "gozer-token-v1\n%d:%s\n%d:%s\n", len(p), p, len(subject), subject)
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// Valid says whether the token is the one of that subject, in constant time.
func (k Key) Valid(p Purpose, subject, token string) bool {
	if len(k) < minKeyBytes {
		return false
	}
	return hmac.Equal([]byte(k.For(p, subject)), []byte(token))
}

// Seed is 32 bytes of key material for a subject, for keys that any replica can make again.
func (k Key) Seed(subject string) []byte {
	m := hmac.New(sha256.New, k)
	fmt.Fprintf(m, "gozer-seed-v1\n%d:%s\n", len(subject), subject)
	return m.Sum(nil)
}
