package cli

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/nodeagent"
	"github.com/gozer-dev/gozer/internal/podspec"
)

// keyPair is a private key as in a file, and the public one as in authorized_keys.
func keyPair(t *testing.T) ([]byte, string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(block), strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
}

// node starts a node agent; it tells its address, its public key and the private
// key that lets in.
func node(t *testing.T) (address, hostKey string, key []byte) {
	t.Helper()
	dir := t.TempDir()
	host, hostKey := keyPair(t)
	key, public := keyPair(t)
	o := nodeagent.Options{HostKeyFile: filepath.Join(dir, "host"), AuthorizedKeyFile: filepath.Join(dir, "authorized"), Home: filepath.Join(dir, "home"), Logf: t.Logf}
	if err := errors.Join(os.WriteFile(o.HostKeyFile, host, 0o600), os.WriteFile(o.AuthorizedKeyFile, []byte(public), 0o600)); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.Listener = l
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := nodeagent.Run(ctx, o); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { stop(); <-done })
	return l.Addr().String(), hostKey, key
}

// TestSSH logs into held nodes and into those of builds with the real ssh: with
// the key of the right Secret, to that node and no other, and leaves no key behind.
func TestSSH(t *testing.T) {
	address, hostKey, key := node(t)
	_, another := keyPair(t)
	for name, tc := range map[string]struct {
		node, hostKey string
		code          int
		want          string
	}{
		"held":           {"kept-n0", hostKey, 0, "it is -n here\n"},
		"in use":         {"gate-web-8-d-2-unit-1-n0", hostKey, 0, "it is -n here\n"},
		"somebody else":  {"kept-n0", another, 255, "REMOTE HOST IDENTIFICATION HAS CHANGED"},
		"without a host": {"gate-web-8-d-2-unit-1-n0", "", 1, "is not ready for its build yet"},
	} {
		t.Run(name, func(t *testing.T) {
			e, out := cluster(t)
			t.Setenv("TMPDIR", t.TempDir())
			e.forward = func(context.Context, string, string, int) (string, func(), error) { return address, func() {}, nil }
			secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "kept-n0-ssh"}, Data: map[string][]byte{podspec.KeyClientKey: key}}
			request := &gozer.NodeRequest{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "gate-web-8-d-2-unit-1"}}
			if tc.node != "kept-n0" {
				secret.Name = request.Name
				if tc.hostKey != "" {
					request.Status.Nodes = []gozer.NodeStatus{{Name: "x", Pod: tc.node, HostKey: tc.hostKey}}
				}
			}
			_ = e.client.Delete(t.Context(), request.DeepCopy()) // the story may have one
			pod := &corev1.Pod{}
			if err := errors.Join(e.client.Create(t.Context(), secret), e.client.Create(t.Context(), request),
				e.client.Get(t.Context(), client.ObjectKey{Namespace: "acme", Name: tc.node}, pod)); err != nil {
				t.Fatal(err)
			}
			if tc.node == "kept-n0" {
				pod.Annotations[gozer.AnnotationHostKey] = tc.hostKey
				if err := e.client.Update(t.Context(), pod); err != nil {
					t.Fatal(err)
				}
			}
			code := run(t.Context(), e, []string{"gozerctl", "ssh", "-n", "acme", tc.node, "echo", "it", "is", "-n", "here"})
			if code != tc.code || !strings.Contains(out.String(), tc.want) {
				t.Errorf("exit code %d: %s", code, out)
			}
			if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
				t.Errorf("%v is left, %v", left, err)
			}
		})
	}
}

// TestSSHEndsAsTheCommand: the command's exit code is the program's.
func TestSSHEndsAsTheCommand(t *testing.T) {
	address, hostKey, key := node(t)
	e := &env{namespace: "acme"}
	var out bytes.Buffer
	e.Out, e.Err = &out, &out
	dir := t.TempDir()
	keyFile, known := filepath.Join(dir, "key"), filepath.Join(dir, "known")
	if err := errors.Join(os.WriteFile(keyFile, key, 0o600), os.WriteFile(known, []byte("n0 "+hostKey+"\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	err := e.openSSH(t.Context(), "n0", address, keyFile, known, []string{"exit 7"})
	var ended exitError
	if !errors.As(err, &ended) || ended.code != 7 {
		t.Errorf("%v: %s", err, &out)
	}
}
