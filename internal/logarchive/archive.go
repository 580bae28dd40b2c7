package logarchive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	// The kinds of buckets that a URL may name.
	_ "gocloud.dev/blob/azureblob"
	_ "gocloud.dev/blob/fileblob"
	_ "gocloud.dev/blob/memblob"
	_ "gocloud.dev/blob/s3blob"

	_ "github.com/gozer-dev/gozer/internal/gcsblob"
	"github.com/gozer-dev/gozer/internal/logstore"
	"github.com/gozer-dev/gozer/internal/lru"
)

// Options of an Archive; zero values are the defaults.
type Options struct {
	// MaxAge is how long after its last object an attempt is kept; 0 is for ever.
	MaxAge time.Duration
	// MaxTotalBytes bounds all together when swept; 0 is no bound.
	MaxTotalBytes int64
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// Archive is a bucket with what builds left behind.
type Archive struct {
	bucket *blob.Bucket
	opts   Options
	// used is how much attempts have that send files now.
	used *lru.Cache[logstore.Key, *usage]
	// folder is not nil where the bucket is one.
	folder *folder
	// later are logs that could not be moved, and when each is tried again.
	later map[logstore.Key]later
}

var _ logstore.Archive = (*Archive)(nil)

// remembered is how many attempts may send files at once without being listed anew.
const remembered = 256

// Open opens the bucket of a URL. That it can be reached is seen when it is used.
func Open(ctx context.Context, bucketURL string, o Options) (*Archive, error) {
	u, err := url.Parse(bucketURL)
	if err != nil || u.Scheme == "" {
		return nil, errors.New("the URL for logs must be like file:///var/lib/gozer/kept, s3://bucket?region=eu-west-1, gs://bucket or azblob://container")
	}
	if u.User != nil {
		return nil, errors.New("the URL for logs has a user or password in it: give credentials by environment variables or workload identity")
	}
	a := &Archive{opts: o, used: lru.New[logstore.Key, *usage](remembered), later: map[logstore.Key]later{}}
	if a.opts.Now == nil {
		a.opts.Now = time.Now
	}
	if u.Scheme == "file" {
		if a.folder, err = openFolder(u); err != nil {
			return nil, err
		}
	}
	if a.bucket, err = blob.OpenBucket(ctx, u.String()); err != nil {
		return nil, fmt.Errorf("the bucket for logs %s: %w", u.Redacted(), err)
	}
	return a, nil
}

// Close ends the use of the bucket.
func (a *Archive) Close() error { return errors.Join(a.bucket.Close(), a.folder.close()) }

// objectKey is where a file of an attempt is.
func objectKey(k logstore.Key, name string) string { return k.String() + "/" + name }

// parseObject is the reverse; what else lies in the bucket is left alone.
func parseObject(object string) (k logstore.Key, name string, ok bool) {
	parts := strings.SplitN(object, "/", 4)
	if len(parts) != 4 || parts[3] == "" {
		return k, "", false
	}
	k, err := logstore.ParseKey(parts[0], parts[1], parts[2])
	return k, parts[3], err == nil
}

func notFound(err error) error {
	if gcerrors.Code(err) == gcerrors.NotFound {
		return logstore.ErrNotFound
	}
	return err
}

// Stat is what is known of a file without reading it.
func (a *Archive) Stat(ctx context.Context, k logstore.Key, name string) (logstore.File, error) {
	at, err := a.bucket.Attributes(ctx, objectKey(k, name))
	if err != nil {
		return logstore.File{}, notFound(err)
	}
	return logstore.File{Name: name, Size: at.Size, Modified: at.ModTime, Type: safeType(at.ContentType), ETag: at.ETag}, nil
}

// Open reads a file from an offset on.
func (a *Archive) Open(ctx context.Context, k logstore.Key, name string, offset int64) (io.ReadCloser, error) {
	r, err := a.bucket.NewRangeReader(ctx, objectKey(k, name), offset, -1, nil)
	if err != nil {
		return nil, notFound(err)
	}
	return r, nil
}

// List is all files of an attempt, its log among them, by name.
func (a *Archive) List(ctx context.Context, k logstore.Key) ([]logstore.File, error) {
	var out []logstore.File
	prefix := k.String() + "/"
	err := a.below(ctx, prefix, func(o *blob.ListObject) error {
		out = append(out, logstore.File{Name: strings.TrimPrefix(o.Key, prefix), Size: o.Size, Modified: o.ModTime})
		return nil
	})
	return out, err
}

// Latest is the newest attempt of a build of which anything is there.
func (a *Archive) Latest(ctx context.Context, namespace, build string) (logstore.Key, error) {
	newest, err := logstore.ParseKey(namespace, build, "0")
	if err != nil {
		return newest, err
	}
	found := false
	err = a.each(ctx, &blob.ListOptions{Prefix: namespace + "/" + build + "/", Delimiter: "/"}, func(o *blob.ListObject) error {
		k, err := logstore.ParseKey(namespace, build, path.Base(o.Key))
		if err == nil && o.IsDir && (!found || k.Attempt > newest.Attempt) {
			newest, found = k, true
		}
		return nil //nolint:nilerr // what is no attempt is left alone
	})
	if err == nil && !found {
		err = logstore.ErrNotFound
	}
	return newest, err
}

// below calls do with every object below a prefix.
func (a *Archive) below(ctx context.Context, prefix string, do func(*blob.ListObject) error) error {
	if a.folder != nil {
		return a.folder.each(ctx, prefix, do)
	}
	return a.each(ctx, &blob.ListOptions{Prefix: prefix}, do)
}

// each calls do with every object of a list.
func (a *Archive) each(ctx context.Context, o *blob.ListOptions, do func(*blob.ListObject) error) error {
	for it := a.bucket.List(o); ; {
		object, err := it.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return notFound(err)
		}
		if err := do(object); err != nil {
			return err
		}
	}
}

// attemptDirs are the folders that an attempt's objects lie in, the innermost first.
func attemptDirs(k logstore.Key) []string {
	return []string{path.Join(k.Namespace, k.Build, strconv.Itoa(k.Attempt)), path.Join(k.Namespace, k.Build), k.Namespace}
}
