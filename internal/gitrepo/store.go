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

	"github.com/gozer-dev/gozer/internal/lru"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/repostate"
)

// Store is a directory of mirrors.
type Store struct {
	Stats Stats

	opts    Options
	lock    *os.File
	network *network
	// ctx ends when the store is closed; background is what goes on until then.
	ctx        context.Context //nolint:containedctx // of what outlives a request
	end        context.CancelCauseFunc
	background sync.WaitGroup
	// evicting is held by the one who makes room.
	evicting sync.Mutex

	mu      sync.Mutex
	mirrors map[string]*Mirror
	born    uint64 // Mirrors so far
	healed  map[string]time.Time
	serving chan struct{}
}

// Mirror is the bare mirror of one project.
type Mirror struct {
	Project model.Project

	store    *Store
	dir      string
	life     life
	ward     ward
	fetches  rounds[bool] // whether it fetched
	listings rounds[RemoteBranches]
	states   rounds[repostate.State]
	refused  *lru.Cache[string, refusal]
	// repacking is held by repack, which writes files that look like a fetch's.
	repacking sync.Mutex
	objects   objectReader
	known     objectCache
}

// maxServing bounds the clones that are served at once.
const maxServing = 32

// NewStore opens the directory of mirrors and locks it for this process.
func NewStore(opts Options) (*Store, error) {
	opts.setDefaults()
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
	s := &Store{
		opts: opts, lock: lock, network: newNetwork(opts.PerHost, opts.Now),
		mirrors: map[string]*Mirror{}, healed: map[string]time.Time{}, serving: make(chan struct{}, maxServing),
	}
	s.ctx, s.end = context.WithCancelCause(context.Background())
	if err := os.RemoveAll(filepath.Join(root, trashDir)); err != nil {
		return nil, errors.Join(fmt.Errorf("directory of mirrors: %w", err), s.Close())
	}
	return s, nil
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

// Close stops what goes on and lets another process use the directory.
func (s *Store) Close() error {
	s.end(errClosed)
	s.mu.Lock()
	mirrors := s.mirrors
	s.mirrors = nil
	s.mu.Unlock()
	if mirrors == nil {
		return nil
	}
	s.background.Wait()
	for _, m := range mirrors {
		m.objects.reset()
	}
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
	m, ok := s.mirrors[dir]
	if !ok {
		if err := s.initMirror(ctx, dir); err != nil {
			return nil, whenFull(err)
		}
		m = s.remember(dir, p)
	}
	m.markUsed()
	return m, nil
}

func (s *Store) remember(dir string, p model.Project) *Mirror {
	m := &Mirror{Project: p, store: s, dir: dir, known: newObjectCache(), refused: lru.New[string, refusal](maxRefused)}
	s.born++
	m.life.number = s.born
	m.life.ctx, m.life.end = context.WithCancelCause(s.ctx)
	m.objects.store, m.objects.dir = s, dir
	m.fetches.work, m.fetches.background = m.fetchRound, &s.background
	m.listings.work, m.listings.background = func(ctx context.Context, r *round[RemoteBranches]) { listTogether(ctx, m, r, m.listBranches) }, &s.background
	m.states.work, m.states.background = func(ctx context.Context, r *round[repostate.State]) { listTogether(ctx, m, r, m.listRefs) }, &s.background
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
		case d.IsDir() && filepath.Dir(path) == filepath.Join(dir, "objects") && d.Name() != "pack" && d.Name() != "info":
			return fs.SkipDir
		case d.IsDir() && strings.HasPrefix(d.Name(), "tmp_"):
			if err := os.RemoveAll(path); err != nil {
				return err
			}
			return fs.SkipDir
		case d.Type().IsRegular() && leftover(d.Name()):
			return os.Remove(path)
		}
		return nil
	})
}

// leftover is what git has only while it runs: locks, files that are not
// finished, and marks that keep a new pack until refs to it are written.
func leftover(name string) bool {
	return strings.HasSuffix(name, ".lock") || name == "gc.pid" || strings.HasSuffix(name, ".keep") ||
		strings.HasPrefix(name, "tmp_") || strings.HasPrefix(name, halfPacked)
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
		if err == nil && d.Name() == trashDir {
			return fs.SkipDir
		}
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

// sorted gives the distinct values in order.
func sorted(values []string) []string {
	values = slices.Clone(values)
	slices.Sort(values)
	return slices.Compact(values)
}
