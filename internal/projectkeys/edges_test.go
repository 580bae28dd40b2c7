package projectkeys

import (
	"bytes"
	"context"
	"crypto/rsa"
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

func TestServerFails(t *testing.T) {
	broken := errors.New("etcd is away")
	forbidden := apierrors.NewForbidden(corev1.Resource("secrets"), "x", errors.New("no"))
	for name, tc := range map[string]struct {
		get, create, want error
	}{
		"get":            {get: broken, want: broken},
		"get forbidden":  {get: forbidden, want: forbidden},
		"create":         {create: broken, want: broken},
		"create, exists": {create: apierrors.NewAlreadyExists(corev1.Resource("secrets"), "x"), want: ErrNoKey}, // and gone at once
	} {
		t.Run(name, func(t *testing.T) {
			made := 0
			s := newStore(fake.NewClientBuilder().WithScheme(scheme(t)).WithInterceptorFuncs(interceptor.Funcs{
				Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
					if tc.get != nil {
						return tc.get
					}
					return c.Get(ctx, key, obj, opts...)
				},
				Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error { return tc.create },
			}).Build())
			s.generate = func() (*rsa.PrivateKey, error) { made++; return small() }
			got, err := s.PublicKey(t.Context(), web)
			if !errors.Is(err, tc.want) || got != nil {
				t.Errorf("%v, want %v", err, tc.want)
			}
			if tc.get != nil && made > 0 {
				t.Error("a key is made though it is not known whether there is one")
			}
			if len(s.turn) > 0 {
				t.Error("nobody else gets a turn")
			}
		})
	}
}

// TestImpatient: who leaves while waiting costs nothing; a key that is made is kept.
func TestImpatient(t *testing.T) {
	api := newServer(t)
	s := newStore(api)
	s.turn <- struct{}{}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := s.PublicKey(gone, web); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	<-s.turn
	if _, err := s.PublicKey(gone, web); !errors.Is(err, context.Canceled) || api.creates.Load() > 0 {
		t.Errorf("%v, %d keys", err, api.creates.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	s.generate = func() (*rsa.PrivateKey, error) { cancel(); return small() }
	if _, err := s.PublicKey(ctx, web); err != nil || api.creates.Load() != 1 {
		t.Errorf("%v, %d keys", err, api.creates.Load())
	}
}

func TestKeysAreReadAgain(t *testing.T) {
	api := newServer(t)
	s := newStore(api)
	now := time.Now()
	s.known.now = func() time.Time { return now }
	public, err := s.PublicKey(t.Context(), web)
	if err != nil {
		t.Fatal(err)
	}
	// An administrator brings the key that the project had elsewhere.
	old := corev1.Secret{}
	old.Namespace, old.Name = "gozer-system", SecretName(web)
	k, err := newPair(newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(api.Delete(t.Context(), &old), api.Create(t.Context(), secretOf("gozer-system", web, k))); err != nil {
		t.Fatal(err)
	}
	if got, err := s.PublicKey(t.Context(), web); err != nil || !bytes.Equal(got, public) {
		t.Errorf("the key is not remembered: %v", err)
	}
	now = now.Add(keep)
	if got, err := s.PublicKey(t.Context(), web); err != nil || !bytes.Equal(got, k.public) {
		t.Errorf("the key is not read again: %v", err)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	s := newStore(newServer(t))
	s.known.most = 2
	for i := range 4 {
		if _, err := s.PublicKey(t.Context(), project(i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.known.at); n != 2 {
		t.Errorf("%d keys are in memory", n)
	}
	for i := range 4 {
		if _, err := s.Private(t.Context(), project(i)); err != nil {
			t.Error(err)
		}
	}
}
