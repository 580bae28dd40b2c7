package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gozer-dev/gozer/internal/model"
)

// Options of a Store; only Root is required.
type Options struct {
	// Root is the directory of the mirrors. One process owns it.
	Root string
	// GitBinary is "git" unless set.
	GitBinary string
	// Timeout bounds a local command (default 2 minutes), NetworkTimeout one
	// that talks to a remote or a client (default 15 minutes).
	Timeout, NetworkTimeout time.Duration
	// CAFile holds further certificates for https remotes.
	CAFile string
	// AllowFile lets remotes be absolute paths. For tests.
	AllowFile bool
}

// Store is a directory of mirrors.
type Store struct {
	opts Options
	lock *os.File

	mu      sync.Mutex
	mirrors map[string]*Mirror
	serving chan struct{}
}

// Mirror is the bare mirror of one project.
type Mirror struct {
	Project model.Project

	store *Store
	dir   string
	// fetching is held by the one who fetches; a channel, so that waiting ends with the context.
	fetching chan struct{}
	objects  objectReader
	known    objectCache
}

// maxServing bounds the clones that are served at once.
const maxServing = 32

// NewStore opens the directory of mirrors and locks it for this process.
func NewStore(opts Options) (*Store, error) {
	if opts.GitBinary == "" {
		opts.GitBinary = "git"
	}
	if opts.Timeout == 0 {
		opts.Timeout = 2 * time.Minute
	}
	if opts.NetworkTimeout == 0 {
		opts.NetworkTimeout = 15 * time.Minute
	}
	root, err := filepath.Abs(opts.Root)
	if err != nil {
		return nil, err
	}
	opts.Root = root
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, fmt.Errorf("directory of mirrors: %w", err)
	}
	lock, err := lockRoot(filepath.Join(root, ".lock"))
	if err != nil {
		return nil, err
	}
	return &Store{opts: opts, lock: lock, mirrors: map[string]*Mirror{}, serving: make(chan struct{}, maxServing)}, nil
}

func lockRoot(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("directory of mirrors: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s: another merger uses this directory (%w); give each its own volume", path, err)
	}
	return f, nil
}

// Close lets another process use the directory.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mirrors == nil {
		return nil
	}
	for _, m := range s.mirrors {
		m.objects.reset()
	}
	s.mirrors = nil
	return s.lock.Close()
}

// EnsureMirror gives the mirror of a project; it is made when it is not there.
func (s *Store) EnsureMirror(ctx context.Context, p model.Project) (*Mirror, error) {
	if err := CheckProject(p); err != nil {
		return nil, err
	}
	dir := mirrorPath(s.opts.Root, p)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mirrors == nil {
		return nil, errClosed
	}
	if m, ok := s.mirrors[dir]; ok {
		return m, nil
	}
	if err := s.initMirror(ctx, dir); err != nil {
		return nil, err
	}
	return s.remember(dir, p), nil
}

func (s *Store) remember(dir string, p model.Project) *Mirror {
	m := &Mirror{Project: p, store: s, dir: dir, fetching: make(chan struct{}, 1), known: newObjectCache()}
	m.objects.store, m.objects.dir = s, dir
	s.mirrors[dir] = m
	return m
}

// initMirror makes the repository, or clears away what a killed process left
// in it: nobody else uses the directory, so every lock is stale.
func (s *Store) initMirror(ctx context.Context, dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "HEAD")); err == nil {
		return removeStale(dir)
	}
	// Made elsewhere and moved: git that is killed on the way would leave
	// something that looks like a repository and is none. No project has the name.
	making := dir + ".lock"
	if err := errors.Join(os.RemoveAll(making), os.RemoveAll(dir), os.MkdirAll(making, 0o700)); err != nil {
		return fmt.Errorf("mirror: %w", err)
	}
	_, _, err := s.run(ctx, making, command{args: []string{"init", "--quiet", "--bare", "--template=", "--initial-branch=none"}})
	if err != nil {
		return err
	}
	return os.Rename(making, dir)
}

func removeStale(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case d.IsDir() && filepath.Dir(path) == filepath.Join(dir, "objects") && d.Name() != "pack":
			return fs.SkipDir
		case d.IsDir() && strings.HasPrefix(d.Name(), "tmp_"):
			if err := os.RemoveAll(path); err != nil {
				return err
			}
			return fs.SkipDir
		case d.Type().IsRegular() && (strings.HasSuffix(path, ".lock") || strings.HasPrefix(d.Name(), "tmp_")):
			return os.Remove(path)
		}
		return nil
	})
}

// Existing gives every mirror that is on disk.
func (s *Store) Existing() ([]*Mirror, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mirrors == nil {
		return nil, errClosed
	}
	var found []*Mirror
	err := filepath.WalkDir(s.opts.Root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || !strings.HasSuffix(path, ".git") {
			return err
		}
		if m := s.existing(path); m != nil {
			found = append(found, m)
		}
		return fs.SkipDir
	})
	return found, err
}

// Served finds the mirror of a canonical project in which something is published for a scope.
func (s *Store) Served(scope Scope, host, name string) (*Mirror, error) {
	if err := checkCanonical(host, name); err != nil {
		return nil, err
	}
	connections, err := os.ReadDir(s.opts.Root)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range connections {
		dir := mirrorPath(s.opts.Root, model.Project{Connection: c.Name(), Hostname: host, Name: name})
		if _, err := os.Stat(filepath.Join(publishedDir(dir, scope), "HEAD")); err != nil {
			continue
		}
		if m := s.existing(dir); m != nil {
			return m, nil
		}
	}
	return nil, &MissingError{Project: host + "/" + name, What: []string{"anything prepared for " + scope.String()}}
}

// existing gives the mirror at a path that was found on disk; s.mu is held.
func (s *Store) existing(dir string) *Mirror {
	if m, ok := s.mirrors[dir]; ok {
		return m
	}
	rel, err := filepath.Rel(s.opts.Root, strings.TrimSuffix(dir, ".git"))
	if err != nil || s.mirrors == nil {
		return nil
	}
	parts := strings.SplitN(filepath.ToSlash(rel), "/", 3)
	if len(parts) != 3 {
		return nil
	}
	p := model.Project{Connection: parts[0], Hostname: parts[1], Name: parts[2]}
	if CheckProject(p) != nil || removeStale(dir) != nil {
		return nil
	}
	return s.remember(dir, p)
}

// run runs git in the mirror.
func (m *Mirror) run(ctx context.Context, c command) ([]byte, int, error) {
	return m.store.run(ctx, m.dir, c)
}

// sorted gives the distinct values in order.
func sorted(values []string) []string {
	values = slices.Clone(values)
	slices.Sort(values)
	return slices.Compact(values)
}
