package ansible

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

//go:embed plugins
var plugins embed.FS

// WritePlugins puts the plugins below dir, one directory a kind.
func WritePlugins(dir string) error {
	err := fs.WalkDir(plugins, "plugins", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel("plugins", filepath.FromSlash(path))
		if err != nil {
			return err
		}
		to := filepath.Join(dir, rel)
		if d.IsDir() {
			return os.MkdirAll(to, 0o755)
		}
		content, err := plugins.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, content, 0o644)
	})
	if err != nil {
		return fmt.Errorf("Ansible's plugins: %w", err)
	}
	return nil
}
