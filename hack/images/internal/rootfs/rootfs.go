// Package rootfs makes a small Debian system and packs it as one image layer.
// The layer is kept, and made again only when its recipe changes.
package rootfs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/gozer-dev/gozer/hack/images/internal/aptsource"
)

// Recipe says what is in the system.
type Recipe struct {
	Source   aptsource.Source
	Packages []string // besides Debian's required ones
	Users    []User
}

// User is an account with a home of its own.
type User struct {
	Name string
	UID  int
	Home string
}

// Layer is a packed system: an uncompressed tar file, whose digest is known.
type Layer struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
	Recipe string `json:"recipe"` // digest of what it was made from
}

// version is part of every recipe: raise it when Make makes something else.
const version = 1

// unwanted is not packed: caches, and what no one reads in a container.
var unwanted = []string{
	"./dev/*", "./proc/*", "./sys/*", "./tmp/*", "./var/cache/apt/*", "./var/lib/apt/lists/*", "./var/log/*",
	"./usr/share/doc/*", "./usr/share/man/*", "./usr/share/info/*", "./usr/share/locale/*",
}

// Make returns the layer, which it makes in dir unless it is there already.
// Output of the programs that it runs goes to log.
func Make(ctx context.Context, dir string, r Recipe, log io.Writer) (Layer, error) {
	if layer, err := load(dir); err == nil && layer.Recipe == r.digest() {
		if info, err := os.Stat(layer.Path); err == nil && info.Size() == layer.Size {
			return layer, nil
		}
	}
	root := filepath.Join(dir, "root")
	if err := os.RemoveAll(root); err != nil {
		return Layer{}, err
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return Layer{}, err
	}
	if err := r.install(ctx, root, log); err != nil {
		return Layer{}, err
	}
	layer := Layer{Path: filepath.Join(dir, "base.tar"), Recipe: r.digest()}
	if err := pack(ctx, root, &layer, log); err != nil {
		return Layer{}, err
	}
	return layer, errors.Join(layer.save(dir), os.RemoveAll(root))
}

// digest changes when the system would.
func (r Recipe) digest() string {
	data, err := json.Marshal(struct {
		Version int
		Recipe  Recipe
	}{version, r})
	if err != nil {
		panic(err) // only strings and numbers
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// install makes the system in an empty directory.
func (r Recipe) install(ctx context.Context, root string, log io.Writer) error {
	args := []string{"--variant=minbase", "--include=" + strings.Join(r.Packages, ",")}
	if r.Source.Keyring != "" {
		args = append(args, "--keyring="+r.Source.Keyring)
	}
	args = append(args, r.Source.Suite, root, r.Source.URI)
	if err := run(ctx, log, "debootstrap", args...); err != nil {
		return err
	}
	for _, u := range r.Users {
		err := run(ctx, log, "chroot", root, "useradd", "--uid", fmt.Sprint(u.UID), "--create-home", "--home-dir", u.Home,
			"--shell", "/bin/bash", "--user-group", u.Name)
		if err != nil {
			return err
		}
	}
	return nil
}

// pack writes the directory as a tar file and notes its digest and size.
func pack(ctx context.Context, root string, layer *Layer, log io.Writer) error {
	partial := layer.Path + ".partial"
	f, err := os.Create(partial)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // closed below when all went well
	sum := sha256.New()
	args := []string{"--sort=name", "--numeric-owner", "--one-file-system", "-C", root, "-c", "-f", "-"}
	for _, pattern := range unwanted {
		args = append(args, "--exclude="+pattern)
	}
	cmd := exec.CommandContext(ctx, "tar", append(args, ".")...) //nolint:gosec // arguments are made here
	cmd.Stdout, cmd.Stderr = io.MultiWriter(f, sum), log
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("pack %s: %w", root, err)
	}
	if layer.Size, err = f.Seek(0, io.SeekCurrent); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	layer.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return os.Rename(partial, layer.Path)
}

func run(ctx context.Context, log io.Writer, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // arguments are made here
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return nil
}

func descriptionFile(dir string) string { return filepath.Join(dir, "base.json") }

func load(dir string) (Layer, error) {
	var layer Layer
	data, err := os.ReadFile(descriptionFile(dir))
	if err != nil {
		return layer, err
	}
	err = json.Unmarshal(data, &layer)
	layer.Path = filepath.Join(dir, filepath.Base(layer.Path)) // the directory may have moved
	return layer, err
}

func (l Layer) save(dir string) error {
	data, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(descriptionFile(dir), append(data, '\n'), 0o644)
}
