package secretcrypt

import (
	"crypto/rsa"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Errors of a chunk; what Decrypt returns wraps one of them.
var (
	// ErrNotBase64 says that a chunk is damaged, or was never encrypted.
	ErrNotBase64 = errors.New("is not base64: encrypt the value with `gozerctl encrypt`, and copy all of what it prints")
	// ErrLength says that a chunk was cut short, or is for a key of another size.
	ErrLength = errors.New("does not have the length that this project's key gives: copy all of what was printed, or encrypt the value anew")
	// ErrWrongKey says that a chunk is for another key, or was altered. OAEP
	// does not tell the one from the other.
	ErrWrongKey = errors.New("cannot be decrypted with the key of this project: it was encrypted for another project, or was altered; encrypt the value anew")
	// ErrNoChunks says that there is nothing to decrypt.
	ErrNoChunks = errors.New("the encrypted value is empty")
)

// Decrypt puts the text of chunks together again. White space in a chunk means
// nothing: YAML leaves it there where base64 goes over several lines.
func Decrypt(priv *rsa.PrivateKey, chunks []string) ([]byte, error) {
	if priv == nil {
		return nil, errNoKey
	}
	if len(chunks) == 0 {
		return nil, ErrNoChunks
	}
	var text []byte
	for i, c := range chunks {
		piece, err := decryptChunk(priv, c)
		if err != nil {
			return nil, fmt.Errorf("chunk %d of %d %w", i+1, len(chunks), err)
		}
		text = append(text, piece...)
	}
	return text, nil
}

// decryptChunk names what is wrong; the errors of the libraries are not handed on.
func decryptChunk(priv *rsa.PrivateKey, chunk string) ([]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(unfold(chunk))
	if err != nil {
		return nil, ErrNotBase64
	}
	if len(raw) != priv.Size() {
		return nil, ErrLength
	}
	piece, err := rsa.DecryptOAEP(sha1.New(), nil, priv, raw, nil)
	if err != nil {
		return nil, ErrWrongKey
	}
	return piece, nil
}

// unfold takes the white space out that YAML and editors put in.
func unfold(s string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case ' ', '\t', '\r', '\n':
			return -1
		}
		return r
	}, s)
}
