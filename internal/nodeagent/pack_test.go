package nodeagent

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestPack(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(dir, "outside")
	logs := filepath.Join(dir, "logs")
	for _, err := range []error{
		os.WriteFile(outside, []byte("not for you"), 0o600), os.MkdirAll(filepath.Join(logs, "sub"), 0o755),
		os.WriteFile(filepath.Join(logs, "a.txt"), []byte("a"), 0o600), os.WriteFile(filepath.Join(logs, "sub", "b"), nil, 0o600),
		os.Symlink(outside, filepath.Join(logs, "link")), os.Symlink("a.txt", filepath.Join(logs, "inner")), os.Symlink(dir, filepath.Join(logs, "dirlink")),
		unix.Mkfifo(filepath.Join(logs, "pipe"), 0o600), os.Symlink(logs, filepath.Join(dir, "logs2")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]map[string]string{
		"logs": {"a.txt": "a", "sub/b": ""}, "none": {}, "logs2": {}, "outside": {},
	} {
		var out bytes.Buffer
		if err := Pack(&out, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for r := tar.NewReader(&out); ; {
			h, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			b, _ := io.ReadAll(r)
			got[h.Name] = string(b)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}
