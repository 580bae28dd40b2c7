package logstore

import (
	"context"
	"errors"
	"io"
	"os"
	"time"
)

// File is one file that an attempt of a build left behind.
type File struct {
	Name     string    `json:"name"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	// Type and ETag are known of a file that was asked for by its name.
	Type string `json:"-"`
	ETag string `json:"-"`
}

// Files is what an attempt left behind, as it is served.
type Files struct {
	Attempt int `json:"attempt"`
	// Final says that nothing more will come.
	Final bool   `json:"final"`
	Files []File `json:"files"`
}

// ErrTooMuch says that the files of a build have reached their number or size.
var ErrTooMuch = errors.New("too much")

// Archive is where logs go when they have ended, and where files of builds are;
// package logarchive is one. What is not there is ErrNotFound.
type Archive interface {
	Latest(ctx context.Context, namespace, build string) (Key, error)
	List(ctx context.Context, k Key) ([]File, error)
	Stat(ctx context.Context, k Key, name string) (File, error)
	Open(ctx context.Context, k Key, name string, offset int64) (io.ReadCloser, error)
	Put(ctx context.Context, k Key, name string, size int64, r io.Reader) error
}

// noArchive has nothing and takes nothing.
type noArchive struct{}

func (noArchive) Latest(context.Context, string, string) (Key, error)      { return Key{}, ErrNotFound }
func (noArchive) List(context.Context, Key) ([]File, error)                { return nil, nil }
func (noArchive) Stat(context.Context, Key, string) (File, error)          { return File{}, ErrNotFound }
func (noArchive) Put(context.Context, Key, string, int64, io.Reader) error { return ErrNotFound }
func (noArchive) Open(context.Context, Key, string, int64) (io.ReadCloser, error) {
	return nil, ErrNotFound
}

// Ended is told, at least once, after logs have become final.
func (s *Store) Ended() <-chan struct{} { return s.ended }

func (s *Store) tellEnded() {
	select {
	case s.ended <- struct{}{}:
	default: // it has not been heard yet
	}
}

// Final are the logs that will not grow any more.
func (s *Store) Final() ([]Info, error) {
	all, err := s.list()
	var out []Info
	for _, i := range all {
		if i.Final {
			out = append(out, i)
		}
	}
	return out, err
}

// OpenLog opens a log as it is now; it can be read to its end although it is
// removed meanwhile.
func (s *Store) OpenLog(k Key) (*os.File, Info, error) {
	info, err := s.Stat(k)
	if err != nil {
		return nil, info, err
	}
	f, err := s.root.Open(k.path(logSuffix))
	if isNotExist(err) {
		err = ErrNotFound
	}
	return f, info, err
}

// Remove takes a log away; whoever follows it is told.
func (s *Store) Remove(k Key) error { return s.remove(k) }
