package projectkeys

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/secretcrypt"
)

// ErrNoKey says that a project has no key, so that nothing is encrypted for it.
var ErrNoKey = errors.New("the project has no key: nothing was ever encrypted for it here; encrypt its secrets with `gozerctl encrypt`")

// Client is what the store needs of the API server. It must not cache Secrets:
// the manager may get them, not list them.
type Client interface {
	Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error
	Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error
}

var _ Client = client.Client(nil)

// storeTime bounds storing a key that was made; whoever asked may be gone by then.
const storeTime = 20 * time.Second

// Store finds and makes keys. Any number of goroutines and of processes may use it.
type Store struct {
	client    Client
	namespace string
	generate  func() (*rsa.PrivateKey, error)
	known     cache
	// turn is taken by the one that makes a key.
	turn chan struct{}
}

// New makes a store that keeps keys in a namespace: the operator's.
func New(c Client, namespace string) *Store {
	return &Store{
		client: c, namespace: namespace, generate: secretcrypt.GenerateKey,
		known: cache{most: maxKnown, keep: keep, now: time.Now}, turn: make(chan struct{}, 1),
	}
}

// PublicKey is the public key of a project in PEM. It is made when there is
// none, which takes a second, longer when others are being made: not for a reconcile.
func (s *Store) PublicKey(ctx context.Context, project model.Project) ([]byte, error) {
	k, err := s.find(ctx, project)
	if errors.Is(err, ErrNoKey) {
		k, err = s.make(ctx, project)
	}
	return k.public, err
}

// Private is the private key of a project; ErrNoKey when it has none, a
// BadKeyError when it cannot be used. Any other error is worth another try.
func (s *Store) Private(ctx context.Context, project model.Project) (*rsa.PrivateKey, error) {
	k, err := s.find(ctx, project)
	return k.private, err
}

// find looks for a key that there is.
func (s *Store) find(ctx context.Context, project model.Project) (pair, error) {
	if k, ok := s.known.get(project.Canonical()); ok {
		return k, nil
	}
	var secret corev1.Secret
	err := s.client.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: SecretName(project)}, &secret)
	if apierrors.IsNotFound(err) {
		return pair{}, fmt.Errorf("%s: %w", project.Canonical(), ErrNoKey)
	}
	if err != nil {
		return pair{}, fmt.Errorf("key of %s: %w", project.Canonical(), err)
	}
	k, err := pairOf(&secret, project)
	if err != nil {
		return pair{}, err
	}
	s.known.put(project.Canonical(), k)
	return k, nil
}

// make makes the key of a project, unless somebody did meanwhile. One is made
// at a time; whoever waits and goes away takes no CPU.
func (s *Store) make(ctx context.Context, project model.Project) (pair, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return pair{}, fmt.Errorf("key of %s: %w", project.Canonical(), ctx.Err())
	}
	if err := ctx.Err(); err != nil {
		return pair{}, fmt.Errorf("key of %s: %w", project.Canonical(), err)
	}
	if k, err := s.find(ctx, project); !errors.Is(err, ErrNoKey) {
		return k, err
	}
	private, err := s.generate()
	if err != nil {
		return pair{}, fmt.Errorf("key of %s: %w", project.Canonical(), err)
	}
	k, err := newPair(private)
	if err != nil {
		return pair{}, err
	}
	// The work is done: it is kept even if nobody waits for it any more.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	secret := secretOf(s.namespace, project, k)
	switch err := s.client.Create(ctx, secret); {
	case apierrors.IsAlreadyExists(err): // another process was faster
		return s.find(ctx, project)
	case err != nil:
		return pair{}, fmt.Errorf("key of %s cannot be stored: %w", project.Canonical(), err)
	}
	logf.FromContext(ctx).Info("Made the key of a project", "project", project.Canonical(), "secret", secret.Name)
	s.known.put(project.Canonical(), k)
	return k, nil
}
