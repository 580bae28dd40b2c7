package logstore

import (
	"context"
	"errors"
	"io"
	"io/fs"
)

// Read copies the log from an offset to w, as far as it goes now.
func (s *Store) Read(k Key, offset int64, w io.Writer) (int64, error) {
	info, err := s.Stat(k)
	if err != nil {
		return 0, err
	}
	return s.copyRange(k, offset, info.Size, w)
}

func (s *Store) copyRange(k Key, from, to int64, w io.Writer) (int64, error) {
	if from >= to {
		return 0, nil
	}
	f, err := s.root.Open(k.path(logSuffix))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, ErrNotFound
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return 0, err
	}
	n, err := io.CopyN(w, f, to-from)
	if errors.Is(err, io.EOF) { // swept and begun anew meanwhile
		err = ErrNotFound
	}
	return n, err
}

// Follow copies the log from an offset to w and goes on as it grows, until it
// is final, swept, or ctx ends. flush is called when w has all that there is.
func (s *Store) Follow(ctx context.Context, k Key, offset int64, w io.Writer, flush func() error) error {
	if err := k.valid(); err != nil {
		return err
	}
	l := s.use(k)
	defer s.release(k, l)
	for {
		// Taken before the state is read: a change after that is not missed.
		s.mu.Lock()
		changed := l.changed
		s.mu.Unlock()
		info, err := s.Stat(k)
		if err != nil {
			return err
		}
		n, err := s.copyRange(k, offset, info.Size, w)
		offset += n
		if err != nil {
			return err
		}
		if err := flush(); err != nil {
			return err
		}
		if info.Final {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
