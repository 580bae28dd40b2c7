package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"github.com/gozer-dev/gozer/internal/logarchive"
	"github.com/gozer-dev/gozer/internal/logstore"
)

// logFlags say where logs and files of builds are kept when these have ended.
type logFlags struct {
	url, maxTotal string
	maxAge        time.Duration
}

func (f *logFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&f.url, "logs-url", "", "bucket for logs and files of builds that have ended: file:///folder, s3://bucket?region=..., gs://bucket or azblob://container, without credentials in it; a folder in --data-dir when empty")
	fs.DurationVar(&f.maxAge, "logs-max-age", 30*24*time.Hour, "how long logs and files are kept; 0 is for ever")
	fs.StringVar(&f.maxTotal, "logs-max-total", "8Gi", "what they may take in the bucket before the oldest are deleted; 0 is no limit")
}

const (
	// maxLiveTotal bounds the logs that are still on the manager's own disk, where
	// those wait that the bucket does not take.
	maxLiveTotal = 8 << 30
	maxLiveAge   = 30 * 24 * time.Hour
	logSweep     = time.Hour
	// logMove is how often logs are tried again that could not be moved.
	logMove = 30 * time.Second
)

// buildLogs are the logs of builds: first here, then in the bucket.
type buildLogs struct {
	live *logstore.Store
	kept *logarchive.Archive
}

func openLogs(ctx context.Context, dataDir string, f logFlags) (buildLogs, error) {
	o := logarchive.Options{MaxAge: f.maxAge}
	var err error
	if o.MaxTotalBytes, err = quantity("logs-max-total", f.maxTotal); err != nil {
		return buildLogs{}, err
	}
	if f.url == "" {
		f.url = (&url.URL{Scheme: "file", Path: filepath.Join(dataDir, "kept")}).String()
	}
	var l buildLogs
	if l.kept, err = logarchive.Open(ctx, f.url, o); err != nil {
		return l, fmt.Errorf("--logs-url: %w", err)
	}
	l.live, err = logstore.Open(filepath.Join(dataDir, "logs"), logstore.Options{MaxTotalBytes: maxLiveTotal, MaxAge: maxLiveAge})
	if err != nil {
		return l, errors.Join(err, l.kept.Close())
	}
	return l, nil
}

// start moves logs that have ended, and deletes old ones, until ctx ends.
func (l buildLogs) start(ctx context.Context, logf func(format string, args ...any)) {
	go l.live.SweepEvery(ctx, logSweep, logf)
	go l.kept.Keep(ctx, l.live, logMove, logf)
	go l.kept.SweepEvery(ctx, logSweep, logf)
}
