package secretcrypt

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"unicode/utf8"
)

// overhead is what OAEP with SHA-1 takes of the size of the key, in bytes.
const overhead = 2*sha1.Size + 2

// Encrypt cuts the text into chunks that fit the key and encrypts each. An
// empty text is one chunk. Text that is valid UTF-8 is cut between characters.
func Encrypt(pub *rsa.PublicKey, plaintext []byte) ([]string, error) {
	if err := checkKey(pub); err != nil {
		return nil, err
	}
	var chunks []string
	for _, piece := range cut(plaintext, pub.Size()-overhead) {
		c, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, pub, piece, nil)
		if err != nil {
			return nil, fmt.Errorf("nothing can be encrypted with this public key: %w", err)
		}
		chunks = append(chunks, base64.StdEncoding.EncodeToString(c))
	}
	return chunks, nil
}

// cut divides a text into pieces of at most so many bytes.
func cut(text []byte, most int) [][]byte {
	whole := utf8.Valid(text)
	var pieces [][]byte
	for len(text) > most {
		at := most
		for whole && !utf8.RuneStart(text[at]) {
			at--
		}
		pieces, text = append(pieces, text[:at]), text[at:]
	}
	return append(pieces, text)
}
