package nodeagent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// maxSecrets bounds what HoldSecrets takes: more than a job can have.
const maxSecrets = 2 << 20

// secretDirs are tried in order: memory before a disk.
func secretDirs() []string { return []string{"/dev/shm", os.TempDir()} }

// HoldSecrets is `gozer node secrets`: it reads all of in, keeps it in a new
// file that only this user may read, and writes the file's path to out. It
// removes the file and returns when it gets a signal or ctx ends.
//
// That it is a process, and not a file that somebody is to remove later, is for
// the executor that dies: its session ends, and with it the file.
func HoldSecrets(ctx context.Context, in io.Reader, out io.Writer) error {
	// A lost connection is a HUP, and then a TERM at once. A PIPE comes when
	// nobody reads the path.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGPIPE)
	defer stop()
	if err := keepPrivate(); err != nil {
		return fmt.Errorf("secrets: %w", err)
	}
	content, err := io.ReadAll(io.LimitReader(in, maxSecrets+1))
	switch {
	case err != nil:
		return fmt.Errorf("secrets: %w", err)
	case len(content) > maxSecrets:
		return fmt.Errorf("secrets: more than %d bytes", maxSecrets)
	case ctx.Err() != nil:
		return fmt.Errorf("secrets: %w", ctx.Err())
	}
	name, err := keep(content, secretDirs())
	if err != nil {
		return fmt.Errorf("secrets: %w", err)
	}
	if _, err = fmt.Fprintln(out, name); err == nil {
		<-ctx.Done()
	}
	return errors.Join(err, os.Remove(name))
}

// keep writes a file into the first directory that takes it.
func keep(content []byte, dirs []string) (name string, err error) {
	var errs []error
	for _, dir := range dirs {
		f, err := os.CreateTemp(dir, "gozer-secrets-*.json") // mode 0600
		if err != nil {
			errs = append(errs, err)
			continue
		}
		_, err = f.Write(content)
		if err = errors.Join(err, f.Close()); err == nil {
			return f.Name(), nil
		}
		errs = append(errs, err, os.Remove(f.Name()))
	}
	return "", errors.Join(errs...)
}
