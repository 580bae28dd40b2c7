package logstore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Errors of Append and of reading.
var (
	// ErrGap: the bytes start behind the end of the log; send from its size.
	ErrGap = errors.New("the log is shorter than the offset")
	// ErrTooLarge: the log has reached Options.MaxLogBytes.
	ErrTooLarge = errors.New("the log has reached its limit")
	// ErrFinal: the log was finished; it takes no more bytes.
	ErrFinal = errors.New("the log is final")
	// ErrNotFound: there is no such log, or no longer.
	ErrNotFound = errors.New("no such log")
)

// Options of a Store; zero values are the defaults.
type Options struct {
	// MaxLogBytes bounds one log; default 72 MiB, somewhat more than an executor sends.
	MaxLogBytes int64
	// MaxTotalBytes bounds all logs together when swept; 0 is no bound.
	MaxTotalBytes int64
	// MaxAge is how long after its last byte a log is kept; 0 is for ever.
	MaxAge time.Duration
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// Store is a directory of logs.
type Store struct {
	root *os.Root
	opts Options

	// mu guards logs and the making and removing of directories and files.
	mu sync.Mutex
	// logs has an entry for each log that someone writes or follows.
	logs map[Key]*logLock
	// ended holds one signal: a log has become final.
	ended chan struct{}
}

// logLock is one log in use.
type logLock struct {
	users int // guarded by Store.mu
	// writing is held by the one who appends.
	writing sync.Mutex
	// changed is closed, and replaced, when the log has grown, ended or gone. Guarded by Store.mu.
	changed chan struct{}
}

// Info is the state of a log.
type Info struct {
	Key   Key
	Size  int64
	Final bool
	// Modified is when the last byte came.
	Modified time.Time
}

// Open makes the directory if needed.
func Open(dir string, o Options) (*Store, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("log store: %w; mount a writable volume there", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("log store: %w", err)
	}
	if o.MaxLogBytes == 0 {
		o.MaxLogBytes = 72 << 20
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Store{root: root, opts: o, logs: map[Key]*logLock{}, ended: make(chan struct{}, 1)}, nil
}

// Close releases the directory; the store is not used after that.
func (s *Store) Close() error { return s.root.Close() }

func (s *Store) use(k Key) *logLock {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.logs[k]
	if l == nil {
		l = &logLock{changed: make(chan struct{})}
		s.logs[k] = l
	}
	l.users++
	return l
}

func (s *Store) release(k Key, l *logLock) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.users--; l.users == 0 {
		delete(s.logs, k)
	}
}

// announce wakes the followers of a log.
func (s *Store) announce(k Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.logs[k]; l != nil {
		close(l.changed)
		l.changed = make(chan struct{})
	}
}

// Append puts what r has at the offset of the log and returns the log's size
// after that. Bytes that the log has already are skipped, not compared. final
// says that the log ends with these bytes. What was read before an error stays.
func (s *Store) Append(k Key, offset int64, r io.Reader, final bool) (int64, error) {
	if err := k.valid(); err != nil {
		return 0, err
	}
	l := s.use(k)
	defer s.release(k, l)
	l.writing.Lock()
	defer l.writing.Unlock()
	info, err := s.Stat(k)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return 0, err
	}
	if offset < 0 || offset > info.Size {
		return info.Size, ErrGap
	}
	if _, err := io.CopyN(io.Discard, r, info.Size-offset); errors.Is(err, io.EOF) {
		r = strings.NewReader("") // all of it is known
	} else if err != nil {
		return info.Size, err
	}
	defer s.announce(k)
	size, err := s.write(k, info, r)
	if err == nil && final && !info.Final {
		err = s.markFinal(k)
	}
	return size, err
}

// write appends r to the log of which the state is known.
func (s *Store) write(k Key, info Info, r io.Reader) (int64, error) {
	if info.Final {
		if n, _ := io.ReadFull(r, make([]byte, 1)); n > 0 {
			return info.Size, ErrFinal
		}
		return info.Size, nil
	}
	f, err := s.openToAppend(k)
	if err != nil {
		return info.Size, err
	}
	defer f.Close()
	n, err := io.Copy(f, io.LimitReader(r, s.opts.MaxLogBytes-info.Size))
	size := info.Size + n
	if err == nil && size == s.opts.MaxLogBytes {
		if more, _ := io.ReadFull(r, make([]byte, 1)); more > 0 {
			err = ErrTooLarge
		}
	}
	return size, err
}

// openToAppend holds mu: a sweep may be removing the empty directory.
func (s *Store) openToAppend(k Key) (*os.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.root.MkdirAll(k.dir(), 0o750); err != nil {
		return nil, err
	}
	return s.root.OpenFile(k.path(logSuffix), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
}

// markFinal makes the bytes durable before it says that they are all.
func (s *Store) markFinal(k Key) error {
	f, err := s.openToAppend(k)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return err
	}
	if err := s.root.WriteFile(k.path(finalSuffix), nil, 0o640); err != nil {
		return err
	}
	s.tellEnded()
	return nil
}

// Finish marks a log final whose executor will send no more, because it is
// gone; followers end. A log that does not exist stays so.
func (s *Store) Finish(k Key) error {
	if err := k.valid(); err != nil {
		return err
	}
	l := s.use(k)
	defer s.release(k, l)
	l.writing.Lock()
	defer l.writing.Unlock()
	// Only now: it may have been moved away while this waited, and must not be
	// begun anew.
	info, err := s.Stat(k)
	if err != nil || info.Final {
		return err
	}
	defer s.announce(k)
	return s.markFinal(k)
}

// Stat is the state of a log. The marker is looked at first: a log that is
// final has its size then.
func (s *Store) Stat(k Key) (Info, error) {
	if err := k.valid(); err != nil {
		return Info{}, err
	}
	_, ferr := s.root.Stat(k.path(finalSuffix))
	fi, err := s.root.Stat(k.path(logSuffix))
	if errors.Is(err, fs.ErrNotExist) {
		return Info{Key: k}, ErrNotFound
	}
	if err != nil {
		return Info{Key: k}, err
	}
	return Info{Key: k, Size: fi.Size(), Final: ferr == nil, Modified: fi.ModTime()}, nil
}

// Latest is the newest attempt of a build that has a log.
func (s *Store) Latest(namespace, build string) (Key, error) {
	if !validBuild(namespace, build) {
		return Key{}, ErrBadKey
	}
	entries, err := fs.ReadDir(s.root.FS(), filepath.ToSlash(filepath.Join(namespace, build)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Key{}, err
	}
	newest := -1
	for _, e := range entries {
		base, ok := strings.CutSuffix(e.Name(), logSuffix)
		if n, err := strconv.Atoi(base); ok && err == nil {
			newest = max(newest, n)
		}
	}
	if newest < 0 {
		return Key{}, ErrNotFound
	}
	return Key{Namespace: namespace, Build: build, Attempt: newest}, nil
}
