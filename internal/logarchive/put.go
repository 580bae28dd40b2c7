package logarchive

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"gocloud.dev/blob"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/logstore"
)

// usage is what an attempt has in the bucket, its log aside. Whoever sends is
// not trusted to count.
type usage struct {
	mu     sync.Mutex
	loaded bool
	files  map[string]int64
	total  int64
}

// usage of an attempt; it is listed when nothing is known.
func (a *Archive) usage(k logstore.Key) *usage {
	return a.used.GetOrPut(k, func() *usage { return &usage{files: map[string]int64{}} })
}

// load counts what is there, once.
func (u *usage) load(ctx context.Context, a *Archive, k logstore.Key) error {
	if u.loaded {
		return nil
	}
	all, err := a.List(ctx, k)
	if err != nil {
		return err
	}
	for _, f := range all {
		if f.Name != buildspec.LogName && buildspec.CheckFileName(f.Name) == nil {
			u.files[f.Name] = f.Size
			u.total += f.Size
		}
	}
	u.loaded = true
	return nil
}

// reserve counts a file before it comes. One that was sent before counts once.
func (u *usage) reserve(name string, size int64) error {
	before, again := u.files[name]
	switch {
	case size > buildspec.MaxFileBytes:
		return fmt.Errorf("%w: a file may have %d bytes", logstore.ErrTooMuch, int64(buildspec.MaxFileBytes))
	case !again && len(u.files) >= buildspec.MaxFiles:
		return fmt.Errorf("%w: a build may leave %d files", logstore.ErrTooMuch, buildspec.MaxFiles)
	case u.total-before+size > buildspec.MaxFilesBytes:
		return fmt.Errorf("%w: the files of a build may have %d bytes together", logstore.ErrTooMuch, int64(buildspec.MaxFilesBytes))
	case !again && u.inTheWay(name):
		return fmt.Errorf("%w: a file cannot be a folder too", buildspec.ErrFileName)
	}
	u.files[name] = size
	u.total += size - before
	return nil
}

// inTheWay: on a disk nothing is both a file and a folder.
func (u *usage) inTheWay(name string) bool {
	for other := range u.files {
		if strings.HasPrefix(other, name+"/") || strings.HasPrefix(name, other+"/") {
			return true
		}
	}
	return strings.HasPrefix(name, buildspec.LogName+"/")
}

// Put keeps a file of an attempt. The same again changes nothing; a file that
// comes only in part is not there.
func (a *Archive) Put(ctx context.Context, k logstore.Key, name string, size int64, r io.Reader) error {
	if err := buildspec.CheckFileName(name); err != nil {
		return err
	}
	if name == buildspec.LogName {
		return fmt.Errorf("%w: that is the log's", buildspec.ErrFileName)
	}
	u := a.usage(k)
	u.mu.Lock()
	err := u.load(ctx, a, k)
	if err == nil {
		err = u.reserve(name, size)
	}
	u.mu.Unlock()
	if err != nil {
		return err
	}
	// What does not come stays counted: it is about to be sent again.
	return a.write(ctx, k, name, size, r)
}

// write makes one object, as a whole or not at all.
func (a *Archive) write(ctx context.Context, k logstore.Key, name string, size int64, r io.Reader) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // a writer that was not closed leaves nothing then
	in := bufio.NewReaderSize(io.LimitReader(r, size), sniffed)
	beginning, err := in.Peek(sniffed)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	w, err := a.bucket.NewWriter(ctx, objectKey(k, name), &blob.WriterOptions{ContentType: typeOf(name, beginning)})
	if err != nil {
		return err
	}
	n, err := io.Copy(w, in)
	if err == nil && n < size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		cancel()
		_ = w.Close() // it says that it was cancelled
		return err
	}
	return w.Close()
}
