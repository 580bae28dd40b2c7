package nodeagent

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Install is `gozer node install DIR`: it copies the running binary to
// DIR/gozer. The init container of a node Pod does that into a volume that the
// node's container, of any image, mounts. Doing it again is harmless.
func Install(dir string) error {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("install: own binary: %w", err)
	}
	defer self.Close()
	return installFrom(self, dir)
}

func installFrom(src io.Reader, dir string) error {
	tmp, err := os.CreateTemp(dir, ".gozer-*")
	if err != nil {
		return fmt.Errorf("install: %w; mount a writable volume there", err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // gone when all went well
	defer tmp.Close()
	if _, err := io.Copy(tmp, src); err != nil {
		return fmt.Errorf("install: %w", err)
	}
	// The node's container may run as another user.
	if err := tmp.Chmod(0o755); err != nil {
		return fmt.Errorf("install: %w", err)
	}
	if err := tmp.Close(); err != nil { // an open file could not be executed
		return fmt.Errorf("install: %w", err)
	}
	if err := os.Rename(tmp.Name(), filepath.Join(dir, "gozer")); err != nil {
		return fmt.Errorf("install: %w", err)
	}
	return nil
}
