package projectkeys

import (
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/naming"
	"github.com/gozer-dev/gozer/internal/secretcrypt"
)

// What the Secret of a key has.
const (
	// Label is on all of them; its value is the shortened name of the project.
	Label = "gozer.dev/project-key"
	// AnnotationProject is the canonical name of the project.
	AnnotationProject = "gozer.dev/project"
	// PrivateKey and PublicKey are its keys: PEM.
	PrivateKey = "private.pem"
	PublicKey  = "public.pem"
)

// What of the project is in a name: letters for people, and 80 bits of the hash.
const (
	shortLength = 24
	hashLength  = 20
)

// SecretName is the name of the Secret with the key of a project.
func SecretName(p model.Project) string {
	sum := sha256.Sum256([]byte(p.Canonical()))
	short := naming.Label(p.ShortName())
	short = strings.TrimRight(short[:min(len(short), shortLength)], "-")
	return "project-key-" + short + "-" + hex.EncodeToString(sum[:])[:hashLength]
}

// pair is a key as it is handed out.
type pair struct {
	private *rsa.PrivateKey
	public  []byte // PEM
}

func newPair(private *rsa.PrivateKey) (pair, error) {
	public, err := secretcrypt.EncodePublicKey(&private.PublicKey)
	return pair{private: private, public: public}, err
}

// secretOf is the Secret of a new key. It cannot be altered, only replaced:
// another key would make what was encrypted unreadable.
func secretOf(namespace string, p model.Project, k pair) *corev1.Secret {
	immutable := true
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: SecretName(p),
			Labels:      map[string]string{Label: naming.Label(p.Canonical())},
			Annotations: map[string]string{AnnotationProject: p.Canonical()},
		},
		Immutable: &immutable,
		Type:      corev1.SecretTypeOpaque,
		Data:      map[string][]byte{PrivateKey: secretcrypt.EncodePrivateKey(k.private), PublicKey: k.public},
	}
}

// BadKeyError says that the Secret with the key of a project is not one, so
// that asking again does not help. It is for the operator to mend.
type BadKeyError struct{ err error }

func (e *BadKeyError) Error() string { return e.err.Error() }

func (e *BadKeyError) Unwrap() error { return e.err }

// pairOf reads a Secret. The public key is the private one's; what the Secret
// says it is must be the same, so that nobody encrypts for a key that is not there.
func pairOf(s *corev1.Secret, p model.Project) (pair, error) {
	fail := func(format string, args ...any) (pair, error) {
		return pair{}, &BadKeyError{fmt.Errorf("secret %s/%s with the key of %s: %w", s.Namespace, s.Name, p.Canonical(), fmt.Errorf(format, args...))}
	}
	if owner := s.Annotations[AnnotationProject]; owner != p.Canonical() {
		return fail("its annotation %s is %q; it is not used", AnnotationProject, owner)
	}
	private, err := secretcrypt.ParsePrivateKey(s.Data[PrivateKey])
	if err != nil {
		return fail("%s: %w", PrivateKey, err)
	}
	if text, ok := s.Data[PublicKey]; ok {
		public, err := secretcrypt.ParsePublicKey(text)
		if err != nil {
			return fail("%s: %w", PublicKey, err)
		}
		if !public.Equal(&private.PublicKey) {
			return fail("%s does not belong to %s", PublicKey, PrivateKey)
		}
	}
	return newPair(private)
}
