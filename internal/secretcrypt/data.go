package secretcrypt

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"
)

// Encrypted is a value as it stands in a file: the tag `!encrypted/pkcs1-oaep`
// before one chunk or a list of chunks.
type Encrypted struct {
	Chunks []string
}

// ErrNotText says that a value is no text: playbooks could not be given it.
var ErrNotText = errors.New("the decrypted value is not UTF-8 text; encode it, for instance with base64, before it is encrypted")

// DecryptSecretData gives the data of a secret with every Encrypted value in
// plain, as a string. Data is made of map[string]any, []any, Encrypted and
// plain values, which stay as they are; what is given is not altered. An error
// names the field, e.g. "data.accounts[1].password".
func DecryptSecretData(priv *rsa.PrivateKey, data any) (any, error) {
	return decryptField(priv, "data", data)
}

func decryptField(priv *rsa.PrivateKey, path string, value any) (any, error) {
	switch v := value.(type) {
	case Encrypted:
		text, err := Decrypt(priv, v.Chunks)
		if err == nil && !utf8.Valid(text) {
			err = ErrNotText
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return string(text), nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) { // sorted: the same error every time
			plain, err := decryptField(priv, path+"."+k, v[k])
			if err != nil {
				return nil, err
			}
			out[k] = plain
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i := range v {
			plain, err := decryptField(priv, fmt.Sprintf("%s[%d]", path, i), v[i])
			if err != nil {
				return nil, err
			}
			out[i] = plain
		}
		return out, nil
	}
	return value, nil
}
