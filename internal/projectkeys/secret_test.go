package projectkeys

import (
	"bytes"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/secretcrypt"
)

// TestForeignSecret: what is in the place of a key is used only if it is one.
func TestForeignSecret(t *testing.T) {
	k, err := newPair(newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	otherPublic, err := secretcrypt.EncodePublicKey(&newKey(t).PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		change func(*corev1.Secret)
		want   string
	}{
		"as it should be":     {func(*corev1.Secret) {}, ""},
		"made by hand":        {func(s *corev1.Secret) { s.Labels, s.Immutable = nil, nil; delete(s.Data, PublicKey) }, ""},
		"another project's":   {func(s *corev1.Secret) { s.Annotations[AnnotationProject] = "git.example.com/acme/api" }, `gozer.dev/project is "git.example.com/acme/api"; it is not used`},
		"nobody's":            {func(s *corev1.Secret) { s.Annotations = nil }, `gozer.dev/project is ""; it is not used`},
		"another public key":  {func(s *corev1.Secret) { s.Data[PublicKey] = otherPublic }, "public.pem does not belong to private.pem"},
		"broken public key":   {func(s *corev1.Secret) { s.Data[PublicKey] = []byte("hunter2") }, "public.pem: this is no key in PEM"},
		"broken private key":  {func(s *corev1.Secret) { s.Data[PrivateKey] = []byte("hunter2") }, "private.pem: this is no key in PEM"},
		"without private key": {func(s *corev1.Secret) { delete(s.Data, PrivateKey) }, "private.pem: this is no key in PEM"},
		"public in both":      {func(s *corev1.Secret) { s.Data[PrivateKey] = s.Data[PublicKey] }, "private.pem: a private key is a PEM block"},
		"damaged": {func(s *corev1.Secret) {
			s.Data[PrivateKey] = bytes.Replace(s.Data[PrivateKey], []byte("\nMII"), []byte("\nAII"), 1)
		}, "private.pem: the private key is damaged"},
		"nothing but the name": {func(s *corev1.Secret) { s.Annotations, s.Data = nil, nil }, "it is not used"},
	} {
		t.Run(name, func(t *testing.T) {
			secret := secretOf("gozer-system", web, k)
			tc.change(secret)
			api := newServer(t, secret)
			s := newStore(api)
			public, errPublic := s.PublicKey(t.Context(), web)
			private, errPrivate := s.Private(t.Context(), web)
			if tc.want == "" {
				if errPublic != nil || errPrivate != nil || !private.Equal(k.private) || !bytes.Equal(public, k.public) {
					t.Errorf("%v, %v", errPublic, errPrivate)
				}
				return
			}
			for _, err := range []error{errPublic, errPrivate} {
				if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "secret gozer-system/project-key-web-") {
					t.Errorf("%v, want %q", err, tc.want)
				} else if strings.Contains(err.Error(), "hunter2") {
					t.Errorf("the error tells what is in the Secret: %v", err)
				}
			}
			if private != nil || public != nil || api.creates.Load() > 0 {
				t.Error("there is a key all the same")
			}
		})
	}
}

func TestSecretName(t *testing.T) {
	for name, tc := range map[string]struct {
		project model.Project
		want    string
	}{
		"plain":       {web, "project-key-web-8d3f26eaa62df05af409"},
		"same ending": {model.Project{Hostname: "git.example.com", Name: "other/web"}, "project-key-web-"},
		"odd letters": {model.Project{Hostname: "h", Name: "acme/Ünï_c+ode.~x"}, "project-key-"},
		"no letters":  {model.Project{Hostname: "h", Name: "++"}, "project-key-x-"},
		"long":        {model.Project{Hostname: "h", Name: strings.Repeat("long-", 50)}, "project-key-long-long-long-long-long-"},
	} {
		t.Run(name, func(t *testing.T) {
			got := SecretName(tc.project)
			if !strings.HasPrefix(got, tc.want) || len(got) > 63 || strings.Trim(got, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
				t.Errorf("%s, want %s…", got, tc.want)
			}
		})
	}
	// Host and path do not run into one another in another way than in the canonical name.
	if SecretName(model.Project{Hostname: "a", Name: "b/c"}) == SecretName(model.Project{Hostname: "a", Name: "c"}) {
		t.Error("two projects have one key")
	}
}
