package oci

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// example is an image of a base layer in a file and one program.
func example(t *testing.T) (Image, FileLayer) {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	top, err := Program(program, "usr/local/bin/program")
	if err != nil {
		t.Fatal(err)
	}
	// The content of another layer is as good a tar file as any for a base.
	reader, err := top.Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	data, _ := io.ReadAll(reader)
	data = append(data, make([]byte, 1024)...)
	hash, size, err := v1.SHA256(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	base := FileLayer{Path: filepath.Join(dir, "base.tar"), SHA256: hash.Hex, Bytes: size}
	if err := os.WriteFile(base.Path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	img, err := Build("docker.io/local/x:dev", v1.Config{User: "65532", Entrypoint: []string{"/usr/local/bin/program"}}, base, top)
	if err != nil {
		t.Fatal(err)
	}
	return img, base
}

func TestBuild(t *testing.T) {
	img, _ := example(t)
	// Fast: the validator takes every layer for a compressed one.
	if err := validate.Image(img, validate.Fast); err != nil {
		t.Error(err)
	}
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if file.Config.User != "65532" || file.OS != "linux" || len(file.RootFS.DiffIDs) != 2 {
		t.Errorf("unexpected configuration %+v", file)
	}
}

func TestProgramThatIsMissing(t *testing.T) {
	if _, err := Program("/nonexistent", "x"); err == nil || !strings.Contains(err.Error(), "build it first") {
		t.Errorf("got %v", err)
	}
}

func TestArchive(t *testing.T) {
	img, base := example(t)
	whole := entries(t, img, nil)
	for _, name := range []string{"oci-layout", "index.json", "blobs/sha256/" + base.SHA256} {
		if whole[name] == nil {
			t.Errorf("no %s", name)
		}
	}
	if len(whole) != 6 { // two layers, configuration, manifest, index, layout
		t.Errorf("%d entries", len(whole))
	}
	var index v1.IndexManifest
	if err := json.Unmarshal(whole["index.json"], &index); err != nil {
		t.Fatal(err)
	}
	if got := index.Manifests[0].Annotations["io.containerd.image.name"]; got != "docker.io/local/x:dev" {
		t.Errorf("name %q", got)
	}

	thin := entries(t, img, func(h v1.Hash) bool { return h.Hex == base.SHA256 })
	if len(thin) != 5 || thin["blobs/sha256/"+base.SHA256] != nil {
		t.Error("the base is in the archive for a reader that has it")
	}
}

func entries(t *testing.T, img Image, skip Skip) map[string][]byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteArchive(&b, []Image{img, img}, skip); err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for r := tar.NewReader(&b); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if all[header.Name] != nil {
			t.Errorf("%s is there twice", header.Name)
		}
		all[header.Name] = data
	}
}
