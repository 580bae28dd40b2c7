package rootfs

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestPack(t *testing.T) {
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	for path, text := range map[string]string{"etc/hostname": "x", "usr/share/doc/a": "unread", "dev/null": ""} {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	layer := Layer{Path: filepath.Join(dir, "base.tar")}
	var log bytes.Buffer
	if err := pack(t.Context(), root, &layer, &log); err != nil {
		t.Fatalf("%v: %s", err, log.String())
	}
	data, err := os.ReadFile(layer.Path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	if layer.SHA256 != hex.EncodeToString(sum[:]) || layer.Size != int64(len(data)) {
		t.Errorf("digest or size is not the file's: %+v", layer)
	}
	names, err := exec.Command("tar", "-tf", layer.Path).Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := string(names); !strings.Contains(got, "./etc/hostname") || !strings.Contains(got, "./dev/\n") ||
		strings.Contains(got, "doc/a") || strings.Contains(got, "dev/null") {
		t.Errorf("unexpected content:\n%s", got)
	}
}

func TestMakeKeepsTheLayer(t *testing.T) {
	dir := t.TempDir()
	r := Recipe{Packages: []string{"git"}}
	want := Layer{Path: filepath.Join(dir, "base.tar"), SHA256: "abc", Size: 3, Recipe: r.digest()}
	if err := os.WriteFile(want.Path, []byte("tar"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := want.save(dir); err != nil {
		t.Fatal(err)
	}
	if got, err := Make(t.Context(), dir, r, os.Stderr); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	if (Recipe{Packages: []string{"git", "curl"}}).digest() == r.digest() {
		t.Error("another package does not change the recipe's digest")
	}
}
