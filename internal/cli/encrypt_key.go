package cli

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gozer-dev/gozer/internal/secretcrypt"
	"github.com/gozer-dev/gozer/internal/statusview"
)

// publicKey is the key to encrypt for: that of a file, or the one that Gozer has for the project.
func (e *env) publicKey(ctx context.Context, o encryptOptions) (*rsa.PublicKey, error) {
	if o.publicKey != "" {
		text, err := os.ReadFile(o.publicKey)
		if err != nil {
			return nil, fmt.Errorf("cannot read the public key: %w", err)
		}
		pub, err := secretcrypt.ParsePublicKey(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.publicKey, err)
		}
		return pub, nil
	}
	if err := e.connect(); err != nil {
		return nil, err
	}
	text, err := e.fetchKey(ctx, o.project)
	if err != nil {
		return nil, err
	}
	pub, err := secretcrypt.ParsePublicKey(text)
	if err != nil {
		return nil, fmt.Errorf("gozer-web does not answer with a key: %w", err)
	}
	return pub, nil
}

// maxKey bounds the answer; a key has 800 bytes.
const maxKey = 16 << 10

// fetchKey asks Gozer's web service through the API server, so that the answer
// is as trustworthy as the cluster is.
func (e *env) fetchKey(ctx context.Context, project string) ([]byte, error) {
	path := fmt.Sprintf("/api/v1/namespaces/%s/services/http:gozer-web:http/proxy/api/tenant/%s/key/%s.pub", e.operatorNamespace, e.namespace, project)
	r, err := e.proxy(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("cannot reach gozer-web: %w", err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(io.LimitReader(r.Body, maxKey))
	if err != nil {
		return nil, fmt.Errorf("cannot read the key: %w", err)
	}
	if r.StatusCode != http.StatusOK {
		return nil, e.keyRefused(r, text)
	}
	return text, nil
}

func (e *env) keyRefused(r *http.Response, text []byte) error {
	const otherwise = "; or let somebody get the key who may, and give it with --public-key"
	said := statusview.Clean(string(text))
	// The API server answers with a Status, gozer-web with a line of text.
	var status metav1.Status
	ours := json.Unmarshal(text, &status) != nil || status.Kind != "Status"
	if !ours {
		said = statusview.Clean(status.Message)
	}
	switch {
	case r.StatusCode == http.StatusForbidden:
		return fmt.Errorf("you may not ask gozer-web: %s; it takes a role that may get services/proxy in %s%s", said, e.operatorNamespace, otherwise)
	case r.StatusCode == http.StatusNotFound && ours:
		return fmt.Errorf("there is no such key: %s", said)
	case r.StatusCode == http.StatusNotFound || r.StatusCode == http.StatusServiceUnavailable:
		return fmt.Errorf("gozer-web does not answer: %s; is Gozer in the namespace %s? say otherwise with --operator-namespace%s", said, e.operatorNamespace, otherwise)
	}
	return fmt.Errorf("gozer-web answers %s: %s", r.Status, said)
}
