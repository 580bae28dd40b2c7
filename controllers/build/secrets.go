package build

import (
	"bytes"
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/naming"
	"github.com/gozer-dev/gozer/internal/podspec"
	"github.com/gozer-dev/gozer/internal/projectkeys"
	"github.com/gozer-dev/gozer/internal/secretcrypt"
)

// Keys finds the keys that decrypt secrets; *projectkeys.Store does.
type Keys interface {
	Private(ctx context.Context, project model.Project) (*rsa.PrivateKey, error)
}

var _ Keys = (*projectkeys.Store)(nil)

// secretError says why a build cannot get its secrets. Trying again does not
// help; the words are for the author of the change, and have nothing of a value.
type secretError struct{ reason string }

func (e *secretError) Error() string { return e.reason }

// SecretOf is the Secret with the job's own secrets for one attempt, without
// its data: it has the name of the executor Pod, which alone mounts it.
func SecretOf(namespace, build string, attempt int32) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: naming.ExecutorPod(build, attempt)}}
}

// HasSecrets says whether there is such a Secret for the attempts of a build.
func HasSecrets(b *gozer.Build) bool { return len(b.Spec.Job.Secrets) > 0 }

// giveSecrets decrypts the job's secrets for the executor of this attempt. It
// is done right before its Pod is made, and not earlier: most builds that are
// planned never start. The request owns the Secret, and it goes when the
// attempt's nodes go.
func (r *Reconciler) giveSecrets(ctx context.Context, s *scope) error {
	if !HasSecrets(s.build) {
		return nil
	}
	plain := buildspec.Secrets{}
	for _, f := range s.build.Spec.Job.Secrets {
		raw, err := r.decrypt(ctx, f)
		if err != nil {
			return err
		}
		plain[f.Name] = raw
	}
	content, err := encode(plain)
	if err != nil {
		return &secretError{"the secrets of the job cannot be written as JSON"}
	}
	secret := SecretOf(s.build.Namespace, s.build.Name, s.build.Status.Attempt)
	secret.Labels = map[string]string{gozer.LabelBuild: s.build.Name}
	secret.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(s.request, gozer.GroupVersion.WithKind("NodeRequest"))}
	immutable := true
	secret.Immutable, secret.Data = &immutable, map[string][]byte{podspec.KeySecrets: content}
	if err := patch.Create(ctx, r.Client, secret); err != nil {
		return fmt.Errorf("secret of the executor Pod: %w", err)
	}
	return nil
}

// decrypt gives the data of one secret in plain.
func (r *Reconciler) decrypt(ctx context.Context, f gozer.FrozenSecret) (json.RawMessage, error) {
	fail := func(why string) error {
		return &secretError{fmt.Sprintf("secret %s of %s cannot be decrypted: %s", f.Name, f.Project.Name, why)}
	}
	project := convert.Project(f.Project)
	key, err := r.Keys.Private(ctx, project)
	var bad *projectkeys.BadKeyError
	switch {
	case errors.Is(err, projectkeys.ErrNoKey):
		return nil, fail(projectkeys.ErrNoKey.Error())
	case errors.As(err, &bad):
		logf.FromContext(ctx).Error(err, "The key of a project cannot be used", "project", project.Canonical())
		return nil, fail("the key of the project cannot be used; the log of Gozer's manager says why")
	case err != nil:
		return nil, err
	}
	data, err := convert.SecretData(f)
	if err != nil {
		return nil, fail(err.Error())
	}
	plain, err := secretcrypt.DecryptSecretData(key, data)
	if err != nil {
		return nil, fail(err.Error()) // it names the field, and has nothing of its value
	}
	raw, err := encode(plain)
	if err != nil {
		return nil, fail("it cannot be written as JSON")
	}
	return raw, nil
}

// encode leaves <, > and & as they are: scripts may look for them.
func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}
