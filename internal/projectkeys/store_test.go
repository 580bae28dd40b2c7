package projectkeys

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/secretcrypt"
)

var web = model.Project{Connection: "gitea", Hostname: "git.example.com", Name: "acme/web"}

func project(i int) model.Project {
	return model.Project{Connection: "gitea", Hostname: "git.example.com", Name: fmt.Sprintf("acme/p%d", i)}
}

func scheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	s := runtime.NewScheme()
	if err := errors.Join(corev1.AddToScheme(s), gozer.AddToScheme(s)); err != nil {
		t.Fatal(err)
	}
	return s
}

// small makes keys that are fast to make.
func small() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) }

func newKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	k, err := small()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// server is a fake API server that counts.
type server struct {
	client.Client
	gets, creates atomic.Int32
}

func newServer(t *testing.T, objects ...client.Object) *server {
	t.Helper()
	s := &server{}
	s.Client = fake.NewClientBuilder().WithScheme(scheme(t)).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			s.gets.Add(1)
			return c.Get(ctx, key, obj, opts...)
		},
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			s.creates.Add(1)
			return c.Create(ctx, obj, opts...)
		},
	}).Build()
	return s
}

func newStore(c Client) *Store {
	s := New(c, "gozer-system")
	s.generate = small
	return s
}

func TestKeyIsMadeOnceAndKept(t *testing.T) {
	api := newServer(t)
	s := newStore(api)
	if _, err := s.Private(t.Context(), web); !errors.Is(err, ErrNoKey) || !strings.Contains(err.Error(), "git.example.com/acme/web") {
		t.Errorf("before there is one: %v", err)
	}
	public, err := s.PublicKey(t.Context(), web)
	if err != nil {
		t.Fatal(err)
	}
	private, err := s.Private(t.Context(), web)
	if err != nil {
		t.Fatal(err)
	}
	checkPair(t, public, private)
	if gets := api.gets.Load(); gets != 3 { // Private, PublicKey, and again when it has its turn
		t.Errorf("%d reads", gets)
	}
	var secret corev1.Secret
	if err := api.Get(t.Context(), client.ObjectKey{Namespace: "gozer-system", Name: SecretName(web)}, &secret); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"gozer.dev/project-key": "git-example-com-acme-web"}, secret.Labels); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"gozer.dev/project": "git.example.com/acme/web"}, secret.Annotations); diff != "" {
		t.Error(diff)
	}
	if len(secret.OwnerReferences) > 0 || secret.Type != corev1.SecretTypeOpaque || secret.Immutable == nil || !*secret.Immutable || len(secret.Data) != 2 {
		t.Errorf("owners %v, type %s, immutable %v, %d keys", secret.OwnerReferences, secret.Type, secret.Immutable, len(secret.Data))
	}
	// Another process finds the same.
	again, err := newStore(api).PublicKey(t.Context(), web)
	if err != nil || !bytes.Equal(again, public) || api.creates.Load() != 1 {
		t.Errorf("%d keys were made, %v", api.creates.Load(), err)
	}
	// The connection is a way to the project, not a part of its name.
	other := web
	other.Connection = "mirror"
	if same, err := s.PublicKey(t.Context(), other); err != nil || !bytes.Equal(same, public) {
		t.Errorf("through another connection: %v", err)
	}
}

func checkPair(t *testing.T, public []byte, private *rsa.PrivateKey) {
	t.Helper()
	pub, err := secretcrypt.ParsePublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	chunks, err := secretcrypt.Encrypt(pub, []byte("hunter2"))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := secretcrypt.Decrypt(private, chunks); err != nil || string(text) != "hunter2" {
		t.Errorf("the keys do not belong together: %v", err)
	}
}

// TestDefaultKey is as large as Zuul's.
func TestDefaultKey(t *testing.T) {
	s := New(newServer(t), "gozer-system")
	if _, err := s.PublicKey(t.Context(), web); err != nil {
		t.Fatal(err)
	}
	if k, err := s.Private(t.Context(), web); err != nil || k.N.BitLen() != 4096 {
		t.Errorf("%v", err)
	}
}

// TestManyAsk: one key for each project, and never two being made at once.
func TestManyAsk(t *testing.T) {
	const projects, each = 3, 20
	api := newServer(t)
	s := newStore(api)
	var running, made atomic.Int32
	s.generate = func() (*rsa.PrivateKey, error) {
		if running.Add(1) > 1 {
			t.Error("two keys are made at once")
		}
		defer running.Add(-1)
		made.Add(1)
		return small()
	}
	var keys sync.Map
	var wg sync.WaitGroup
	for i := range projects * each {
		wg.Go(func() {
			p := project(i % projects)
			public, err := s.PublicKey(t.Context(), p)
			if err != nil {
				t.Error(err)
				return
			}
			if first, ok := keys.LoadOrStore(p.Name, string(public)); ok && first != string(public) {
				t.Errorf("%s has two keys", p.Name)
			}
		})
	}
	wg.Wait()
	if made.Load() != projects || api.creates.Load() != projects {
		t.Errorf("%d keys were made and %d stored for %d projects", made.Load(), api.creates.Load(), projects)
	}
}

// TestAnotherProcessIsFaster: its key is the one that is used.
func TestAnotherProcessIsFaster(t *testing.T) {
	api := newServer(t)
	s, other := newStore(api), newStore(api)
	var theirs []byte
	s.generate = func() (*rsa.PrivateKey, error) {
		var err error
		if theirs, err = other.PublicKey(t.Context(), web); err != nil {
			t.Error(err)
		}
		return small()
	}
	got, err := s.PublicKey(t.Context(), web)
	if err != nil || !bytes.Equal(got, theirs) || api.creates.Load() != 2 {
		t.Errorf("%d attempts, %v", api.creates.Load(), err)
	}
	private, err := s.Private(t.Context(), web)
	if err != nil {
		t.Fatal(err)
	}
	checkPair(t, got, private)
}

// TestLog: that a key was made is told, and no more.
func TestLog(t *testing.T) {
	var lines []string
	log := funcr.New(func(_, args string) { lines = append(lines, args) }, funcr.Options{Verbosity: 9})
	s := newStore(newServer(t))
	if _, err := s.PublicKey(logf.IntoContext(t.Context(), log), web); err != nil {
		t.Fatal(err)
	}
	want := []string{`"level"=0 "msg"="Made the key of a project" "project"="git.example.com/acme/web" "secret"="` + SecretName(web) + `"`}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
}
