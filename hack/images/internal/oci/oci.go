// Package oci puts images together from a base layer and single files, and
// writes them as an archive that container runtimes import.
package oci

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Image is an image and the name that it gets: docker.io/local/NAME:dev.
type Image struct {
	Name string
	v1.Image
}

// Build puts layers and a configuration together.
func Build(name string, config v1.Config, layers ...v1.Layer) (Image, error) {
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, layer := range layers {
		var err error
		if img, err = mutate.Append(img, mutate.Addendum{Layer: layer, MediaType: types.OCIUncompressedLayer}); err != nil {
			return Image{}, fmt.Errorf("image %s: %w", name, err)
		}
	}
	file, err := img.ConfigFile()
	if err != nil {
		return Image{}, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Config = "linux", architecture, config
	if img, err = mutate.ConfigFile(img, file); err != nil {
		return Image{}, fmt.Errorf("image %s: %w", name, err)
	}
	return Image{Name: name, Image: img}, nil
}

// FileLayer is a layer in an uncompressed tar file whose digest is known.
type FileLayer struct {
	Path   string
	SHA256 string
	Bytes  int64
}

// Digest is that of the file: nothing is compressed.
func (l FileLayer) Digest() (v1.Hash, error) { return v1.Hash{Algorithm: "sha256", Hex: l.SHA256}, nil }

// DiffID is the same as Digest.
func (l FileLayer) DiffID() (v1.Hash, error) { return l.Digest() }

// Compressed is the file as it is.
func (l FileLayer) Compressed() (io.ReadCloser, error) { return os.Open(l.Path) }

// Uncompressed is the file as it is.
func (l FileLayer) Uncompressed() (io.ReadCloser, error) { return os.Open(l.Path) }

// Size is the file's.
func (l FileLayer) Size() (int64, error) { return l.Bytes, nil }

// MediaType says that it is not compressed.
func (l FileLayer) MediaType() (types.MediaType, error) { return types.OCIUncompressedLayer, nil }

// Program is a layer with one executable file of the machine, at a path without
// a leading slash. The same file always makes the same layer.
func Program(source, target string) (v1.Layer, error) {
	data, err := os.ReadFile(source)
	if err != nil {
		return nil, fmt.Errorf("%w: build it first", err)
	}
	return File(target, 0o755, data)
}

// File is a layer with one file of root's in it. target is its path without a
// leading slash.
func File(target string, mode int64, data []byte) (v1.Layer, error) {
	var b bytes.Buffer
	b.Grow(len(data) + 4096)
	w := tar.NewWriter(&b)
	err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: target, Size: int64(len(data)), Mode: mode, Format: tar.FormatPAX})
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return static.NewLayer(b.Bytes(), types.OCIUncompressedLayer), nil
}

// Skip says which blobs an archive leaves out because their reader has them.
type Skip func(v1.Hash) bool

// WriteArchive writes images as one OCI image layout in a tar file.
func WriteArchive(out io.Writer, images []Image, skip Skip) error {
	a := archive{tar: tar.NewWriter(out), skip: skip, written: map[v1.Hash]bool{}}
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
	for _, img := range images {
		descriptor, err := a.image(img)
		if err != nil {
			return fmt.Errorf("archive %s: %w", img.Name, err)
		}
		index.Manifests = append(index.Manifests, descriptor)
	}
	data, err := json.Marshal(index)
	if err != nil {
		return err
	}
	if err := a.file("index.json", data); err != nil {
		return err
	}
	if err := a.file("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)); err != nil {
		return err
	}
	return a.tar.Close()
}

// archive is an archive being written.
type archive struct {
	tar     *tar.Writer
	skip    Skip
	written map[v1.Hash]bool
}

// image writes the blobs of an image and returns what the index says of it.
func (a *archive) image(img Image) (v1.Descriptor, error) {
	layers, err := img.Layers()
	if err != nil {
		return v1.Descriptor{}, err
	}
	for _, layer := range layers {
		if err := a.layer(layer); err != nil {
			return v1.Descriptor{}, err
		}
	}
	config, err := img.RawConfigFile()
	if err != nil {
		return v1.Descriptor{}, err
	}
	configName, err := img.ConfigName()
	if err != nil {
		return v1.Descriptor{}, err
	}
	manifest, err := img.RawManifest()
	if err != nil {
		return v1.Descriptor{}, err
	}
	digest, err := img.Digest()
	if err != nil {
		return v1.Descriptor{}, err
	}
	for hash, data := range map[v1.Hash][]byte{configName: config, digest: manifest} {
		if err := a.blob(hash, int64(len(data)), bytes.NewReader(data)); err != nil {
			return v1.Descriptor{}, err
		}
	}
	return v1.Descriptor{
		MediaType: types.OCIManifestSchema1, Digest: digest, Size: int64(len(manifest)),
		Annotations: map[string]string{
			"io.containerd.image.name":          img.Name,
			"org.opencontainers.image.ref.name": img.Name,
		},
		Platform: &v1.Platform{OS: "linux", Architecture: architecture},
	}, nil
}

func (a *archive) layer(layer v1.Layer) error {
	hash, err := layer.Digest()
	if err != nil {
		return err
	}
	if a.skip != nil && a.skip(hash) {
		return nil
	}
	size, err := layer.Size()
	if err != nil {
		return err
	}
	data, err := layer.Compressed()
	if err != nil {
		return err
	}
	defer data.Close() //nolint:errcheck // only read
	return a.blob(hash, size, data)
}

func (a *archive) blob(hash v1.Hash, size int64, data io.Reader) error {
	if a.written[hash] {
		return nil
	}
	a.written[hash] = true
	return a.entry("blobs/"+hash.Algorithm+"/"+hash.Hex, size, data)
}

func (a *archive) file(name string, data []byte) error {
	return a.entry(name, int64(len(data)), bytes.NewReader(data))
}

func (a *archive) entry(name string, size int64, data io.Reader) error {
	if err := a.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644}); err != nil {
		return err
	}
	_, err := io.Copy(a.tar, data)
	return err
}
