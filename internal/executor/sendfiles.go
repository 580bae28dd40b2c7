package executor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// filesAtOnce are sent at the same time: a bucket may be far away.
	filesAtOnce = 4
	// fileTime bounds one attempt to send one file.
	fileTime = 5 * time.Minute
	// shownOut are the files that people are told of, of those that were left out.
	shownOut = 10
)

// keepFiles sends what the build leaves behind to the manager. It is done before
// the log ends, and a build does not fail by it: people read in the log what is missing.
func (b *build) keepFiles(ctx context.Context) {
	if b.spec.LogURL == "" || ctx.Err() != nil {
		return
	}
	ctx, cancel := b.giveUp(ctx)
	defer cancel()
	l := b.leftBehind(ctx)
	sent, why := b.sendFiles(ctx, l.files)
	l.out = append(l.out, why...)
	shown := l.out[:min(len(l.out), shownOut)]
	for _, w := range shown {
		b.log.printf("Not kept: %s", w)
	}
	if more := l.more + len(l.out) - len(shown); more > 0 {
		b.log.printf("Not kept: %d files more", more)
	}
	if sent > 0 {
		b.log.printf("Files kept: %d", sent)
	}
}

// sendFiles sends each until it is there, is refused, or time is up.
func (b *build) sendFiles(ctx context.Context, files []leftFile) (sent int, out []string) {
	client := *b.opts.Client
	client.Timeout = fileTime
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(filesAtOnce)
	for _, f := range files {
		g.Go(func() error {
			err := b.sendFile(ctx, &client, f)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				sent++
			} else {
				out = append(out, fmt.Sprintf("%q: %s", f.name, oneLine(err.Error(), 300)))
			}
			return nil // the others are sent all the same
		})
	}
	_ = g.Wait()
	return sent, out
}

func (b *build) sendFile(ctx context.Context, client *http.Client, f leftFile) error {
	pause := Backoff{First: min(b.opts.LogInterval, b.opts.LogBackoff), Max: b.opts.LogBackoff}
	for n := 0; ; n++ {
		err := b.putFile(ctx, client, f)
		if err == nil || errors.Is(err, errNotTaken) {
			return err
		}
		if !wait(ctx, pause.pause(n)) {
			return fmt.Errorf("gave up: %w", err)
		}
	}
}

func (b *build) putFile(ctx context.Context, client *http.Client, f leftFile) error {
	body, err := f.open()
	if err != nil {
		return fmt.Errorf("%w: %w", errNotTaken, err)
	}
	defer body.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, b.spec.LogURL+"/"+escapePath(f.name), &exactly{body, f.size})
	if err != nil {
		return fmt.Errorf("%w: %w", errNotTaken, err)
	}
	req.ContentLength = f.size
	if f.size == 0 {
		req.Body = http.NoBody
	}
	req.Header.Set("Authorization", "Bearer "+b.logToken)
	req.Header.Set("Content-Type", "application/octet-stream")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 1000)) // it only says more
	switch code := resp.StatusCode; {
	case code/100 == 2:
		return nil
	case code == http.StatusTooManyRequests || code == http.StatusRequestTimeout || code/100 != 4:
		return fmt.Errorf("manager: %s", resp.Status)
	}
	return fmt.Errorf("%w: %s", errNotTaken, strings.TrimSpace(string(said)))
}

// exactly gives as many bytes as were announced. A file that has become shorter
// will not be what it was by trying again.
type exactly struct {
	r    io.Reader
	left int64
}

func (e *exactly) Read(b []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n, err := e.r.Read(b[:min(int64(len(b)), e.left)])
	e.left -= int64(n)
	if errors.Is(err, io.EOF) && e.left > 0 {
		err = fmt.Errorf("%w: it became shorter while it was sent", errNotTaken)
	}
	return n, err
}

// escapePath writes a name with its slashes as part of a URL.
func escapePath(name string) string {
	parts := strings.Split(name, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}
