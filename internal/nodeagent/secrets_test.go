package nodeagent

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/sys/unix"
)

// pathOf calls do with each line that is written: the path of the file.
type pathOf func(path string)

func (f pathOf) Write(b []byte) (int, error) {
	f(strings.TrimSuffix(string(b), "\n"))
	return len(b), nil
}

func TestHoldSecrets(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	held := ""
	err := HoldSecrets(ctx, strings.NewReader("a secret"), pathOf(func(path string) {
		held = path
		got, err := os.ReadFile(path)
		if err != nil || string(got) != "a secret" {
			t.Errorf("%q, %v", got, err)
		}
		if fi, err := os.Stat(path); err != nil || fi.Mode() != 0o600 {
			t.Errorf("%v, %v", fi.Mode(), err)
		}
		stop()
	}))
	if err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(held); held == "" || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%q is left: %v", held, err)
	}
}

// What went through the agent is not for others of its user to look at.
func TestMemoryIsPrivate(t *testing.T) {
	startAgent(t, nil).connect() // it serves
	if n, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || n != 0 {
		t.Errorf("dumpable %d, %v", n, err)
	}
}

// Nobody who is told where the file is, so there is none.
func TestHoldSecretsForNobody(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for name, tc := range map[string]struct {
		in  io.Reader
		out io.Writer
	}{
		"the input breaks":   {iotest.ErrReader(errors.New("broken")), io.Discard},
		"too large":          {bytes.NewReader(make([]byte, maxSecrets+1)), io.Discard},
		"nobody reads":       {strings.NewReader("a secret"), brokenPipe{}},
		"stopped in between": {iotest.ErrReader(context.Canceled), io.Discard},
	} {
		t.Run(name, func(t *testing.T) {
			before := left(t)
			if err := HoldSecrets(t.Context(), tc.in, tc.out); err == nil || strings.Contains(err.Error(), "a secret") {
				t.Errorf("%v", err)
			}
			if now := left(t); len(now) > len(before) {
				t.Errorf("files are left: %v", now)
			}
		})
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func left(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, dir := range secretDirs() {
		files, err := filepath.Glob(filepath.Join(dir, "gozer-secrets-*"))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, files...)
	}
	return out
}

// A node without /dev/shm, or with one that is full, has a directory for files.
func TestKeepTriesTheNextDirectory(t *testing.T) {
	dir := t.TempDir()
	name, err := keep([]byte("a secret"), []string{"/no/such/directory", dir})
	if err != nil || filepath.Dir(name) != dir {
		t.Errorf("%q, %v", name, err)
	}
	if _, err := keep([]byte("a secret"), []string{"/no/such/directory", "/nor/this"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
