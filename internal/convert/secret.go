package convert

import (
	"bytes"
	"encoding/json"
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/secretcrypt"
)

// encryptedKey is the only key of an object that stands for ciphertext: the
// scheme, as Zuul names it.
const encryptedKey = "pkcs1-oaep"

// secretsOf lists the secrets of some playbooks, each once: playbooks of one
// definition have the same ones. Names are unique in a layout.
func secretsOf(playbooks []jobgraph.Playbook) ([]gozer.FrozenSecret, error) {
	var out []gozer.FrozenSecret
	seen := map[string]bool{}
	for _, p := range playbooks {
		for _, s := range p.Secrets {
			name := s.Def.Value.Name
			if seen[name] {
				continue
			}
			seen[name] = true
			raw, err := json.Marshal(encryptedJSON(s.Def.Value.Data))
			if err != nil {
				return nil, fmt.Errorf("the secret %s cannot be stored: a value of it is none that JSON has", name)
			}
			out = append(out, gozer.FrozenSecret{Name: name, Project: ProjectRef(s.Project.Project), Data: apiextensionsv1.JSON{Raw: raw}})
		}
	}
	return out, nil
}

func playbookSecrets(in []jobgraph.Secret) []gozer.PlaybookSecret {
	var out []gozer.PlaybookSecret
	for _, s := range in {
		out = append(out, gozer.PlaybookSecret{Alias: s.Alias, Secret: s.Def.Value.Name})
	}
	return out
}

// encryptedJSON has an object where a file has a tag.
func encryptedJSON(value any) any {
	switch v := value.(type) {
	case configlang.Encrypted:
		return map[string][]string{encryptedKey: append([]string{}, v.Chunks...)}
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = encryptedJSON(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = encryptedJSON(e)
		}
		return out
	}
	return value
}

// SecretData is the data of a frozen secret as secretcrypt decrypts it. Numbers
// stay as they are written.
func SecretData(s gozer.FrozenSecret) (any, error) {
	d := json.NewDecoder(bytes.NewReader(s.Data.Raw))
	d.UseNumber()
	var data any
	if err := d.Decode(&data); err != nil {
		// The decoder's own words may have a piece of the data.
		return nil, fmt.Errorf("the data of secret %s is not JSON", s.Name)
	}
	return markEncrypted(data), nil
}

func markEncrypted(value any) any {
	switch v := value.(type) {
	case map[string]any:
		if chunks, ok := chunksOf(v); ok {
			return secretcrypt.Encrypted{Chunks: chunks}
		}
		for k, e := range v {
			v[k] = markEncrypted(e)
		}
	case []any:
		for i, e := range v {
			v[i] = markEncrypted(e)
		}
	}
	return value
}

// chunksOf tells ciphertext from an object that is data. One that looks the
// same is taken for ciphertext: it cannot be decrypted, and says so.
func chunksOf(v map[string]any) ([]string, bool) {
	list, ok := v[encryptedKey].([]any)
	if !ok || len(v) != 1 {
		return nil, false
	}
	chunks := make([]string, len(list))
	for i, c := range list {
		if chunks[i], ok = c.(string); !ok {
			return nil, false
		}
	}
	return chunks, true
}
