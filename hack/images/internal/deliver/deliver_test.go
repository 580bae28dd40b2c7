package deliver

import (
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/gozer-dev/gozer/hack/images/internal/oci"
)

func example(t *testing.T, imageName, content string) oci.Image {
	t.Helper()
	program := filepath.Join(t.TempDir(), "p")
	if err := os.WriteFile(program, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
	layer, err := oci.Program(program, "p")
	if err != nil {
		t.Fatal(err)
	}
	img, err := oci.Build(imageName, v1.Config{}, layer)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func TestPush(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	img := example(t, "docker.io/local/gozer:dev", "a")

	pushed, err := Push(t.Context(), host+"/team/", []oci.Image{img})
	if err != nil || len(pushed) != 1 || pushed[0] != host+"/team/gozer:dev" {
		t.Fatalf("got %v, %v", pushed, err)
	}
	ref, err := name.ParseReference(pushed[0])
	if err != nil {
		t.Fatal(err)
	}
	got, err := remote.Get(ref)
	if err != nil {
		t.Fatal(err)
	}
	if want, _ := img.Digest(); got.Digest != want {
		t.Errorf("the registry has %s, want %s", got.Digest, want)
	}
}

func TestNotIn(t *testing.T) {
	a, b := example(t, "docker.io/local/a:dev", "a"), example(t, "docker.io/local/b:dev", "b")
	digest, err := a.Digest()
	if err != nil {
		t.Fatal(err)
	}
	list := "REF TYPE DIGEST SIZE PLATFORMS LABELS\n" +
		"docker.io/local/a:dev application/vnd.oci.image.manifest.v1+json " + digest.String() + " 1.0 KiB linux/amd64 -\n" +
		"docker.io/local/b:dev application/vnd.oci.image.manifest.v1+json sha256:0000 1.0 KiB linux/amd64 -\n"
	missing, err := notIn(parseImages([]byte(list)), []oci.Image{a, b})
	if err != nil || len(missing) != 1 || missing[0].Name != b.Name {
		t.Errorf("got %v, %v", missing, err)
	}
}
