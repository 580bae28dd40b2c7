// Package deliver brings images to where Pods get them from: a containerd of
// this machine, a registry, a kind cluster, or a file.
package deliver

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/gozer-dev/gozer/hack/images/internal/oci"
)

// Containerd imports the images that the containerd with that socket does not
// have yet. Layers that it has are not sent again.
func Containerd(ctx context.Context, socket string, images []oci.Image) (imported []string, err error) {
	has, err := ctr(ctx, socket, nil, "images", "list")
	if err != nil {
		return nil, err
	}
	missing, err := notIn(parseImages(has), images)
	if err != nil || len(missing) == 0 {
		return nil, err
	}
	content, err := ctr(ctx, socket, nil, "content", "list", "--quiet")
	if err != nil {
		return nil, err
	}
	blobs := map[string]bool{}
	for digest := range strings.FieldsSeq(string(content)) {
		blobs[digest] = true
	}
	reader, writer := io.Pipe()
	go func() {
		writer.CloseWithError(oci.WriteArchive(writer, missing, func(h v1.Hash) bool { return blobs[h.String()] }))
	}()
	if _, err := ctr(ctx, socket, reader, "images", "import", "-"); err != nil {
		return nil, err
	}
	for _, img := range missing {
		imported = append(imported, img.Name)
	}
	return imported, nil
}

// parseImages returns the digest of each image in the output of "ctr images list".
func parseImages(list []byte) map[string]string {
	digests := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(list)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) >= 3 && strings.HasPrefix(fields[2], "sha256:") {
			digests[fields[0]] = fields[2]
		}
	}
	return digests
}

// notIn returns the images whose digest is not the one known by their name.
func notIn(digests map[string]string, images []oci.Image) ([]oci.Image, error) {
	var missing []oci.Image
	for _, img := range images {
		digest, err := img.Digest()
		if err != nil {
			return nil, err
		}
		if digests[img.Name] != digest.String() {
			missing = append(missing, img)
		}
	}
	return missing, nil
}

func ctr(ctx context.Context, socket string, stdin io.Reader, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "ctr", append([]string{"--address", socket, "--namespace", "k8s.io"}, args...)...) //nolint:gosec // arguments are made here
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = stdin, &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("ctr %s at %s: %w: %s (does the cluster run?)", strings.Join(args, " "), socket, err, stderr.String())
	}
	return out, nil
}

// Push sends the images to a registry such as registry.example/project, with the
// credentials of the container tools' own logins.
func Push(ctx context.Context, registry string, images []oci.Image) (pushed []string, err error) {
	for _, img := range images {
		ref, err := name.ParseReference(strings.TrimSuffix(registry, "/") + "/" + path.Base(img.Name))
		if err != nil {
			return pushed, fmt.Errorf("IMAGE_REGISTRY: %w", err)
		}
		if err := remote.Write(ref, img, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
			return pushed, fmt.Errorf("push %s: %w", ref, err)
		}
		pushed = append(pushed, ref.String())
	}
	return pushed, nil
}

// Archive writes the images into a file.
func Archive(file string, images []oci.Image) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(oci.WriteArchive(f, images, nil), f.Close())
}

// Kind loads the images into a cluster of kind, from a file that it writes.
func Kind(ctx context.Context, cluster, file string, images []oci.Image) error {
	if err := Archive(file, images); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "kind", "load", "image-archive", file, "--name", cluster) //nolint:gosec // the caller names the cluster
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("kind load image-archive: %w: %s", err, out)
	}
	return nil
}
