package executor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	// chunkNow is how many new bytes are sent without waiting for the interval.
	chunkNow = 64 << 10
	// maxChunk bounds one request.
	maxChunk = 1 << 20
)

// errRefused ends the upload: trying again would not help.
var errRefused = errors.New("the log store refuses the log")

// LogUploader sends a growing log to the log store:
//
//	POST <url>?offset=N[&final=true]   Authorization: Bearer <token>
//	200 {"size":M}   M bytes are stored
//	409 {"size":M}   fewer than N bytes are stored; send from M
//
// The bytes are read from where the log is kept, so whatever the server has
// lost can be sent again. While it is away, attempts go on with longer pauses.
type LogUploader struct {
	URL    string
	Token  string
	Client *http.Client
	// Log gives the bytes; Length is how many there are; Grown may be told of more.
	Log    io.ReaderAt
	Length func() int64
	Grown  <-chan struct{}

	Interval time.Duration
	Backoff  Backoff

	offset int64
	failed int
}

// Run sends what there is, again and again, until ctx ends.
func (u *LogUploader) Run(ctx context.Context) {
	for {
		pause := u.Interval
		if err := u.sendNew(ctx); errors.Is(err, errRefused) {
			return
		} else if err != nil {
			pause = u.Backoff.pause(u.failed)
			u.failed++
		}
		if !u.pause(ctx, pause) {
			return
		}
	}
}

// pause waits for the time, or for a full chunk if the server is there.
func (u *LogUploader) pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	for {
		grown := u.Grown
		if u.failed > 0 {
			grown = nil
		}
		select {
		case <-ctx.Done():
			return false
		case <-t.C:
			return true
		case <-grown:
			if u.Length()-u.offset >= chunkNow {
				return true
			}
		}
	}
}

// Finish sends the rest and the final mark; it tries until ctx ends. Run must
// have returned. It returns the number of bytes that are stored.
func (u *LogUploader) Finish(ctx context.Context) (int64, error) {
	for n := 0; ; n++ {
		err := u.sendNew(ctx)
		if err == nil {
			if err = u.post(ctx, true); err == nil && u.offset == u.Length() {
				return u.offset, nil
			}
		}
		if errors.Is(err, errRefused) {
			return -1, err
		}
		if err == nil { // the server had lost some; go on from there at once
			err = errors.New("the log store has another size")
		}
		if !wait(ctx, u.Backoff.pause(n)) {
			return -1, fmt.Errorf("gave up: %w", err)
		}
	}
}

// sendNew sends until the server has all that there was at the start.
func (u *LogUploader) sendNew(ctx context.Context) error {
	for end := u.Length(); u.offset < end; {
		if err := u.post(ctx, false); err != nil {
			return err
		}
	}
	return nil
}

// post sends one chunk from the offset and moves it to where the server is.
func (u *LogUploader) post(ctx context.Context, final bool) error {
	n := min(u.Length()-u.offset, maxChunk)
	target, err := url.Parse(u.URL)
	if err != nil {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	q := target.Query()
	q.Set("offset", strconv.FormatInt(u.offset, 10))
	if final {
		q.Set("final", "true")
	}
	target.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), io.NewSectionReader(u.Log, u.offset, n))
	if err != nil {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	req.ContentLength = n
	if n == 0 {
		req.Body = http.NoBody
	}
	req.Header.Set("Authorization", "Bearer "+u.Token)
	req.Header.Set("Content-Type", "application/octet-stream")
	resp, err := u.Client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := u.answer(resp, u.offset+n); err != nil {
		return err
	}
	u.failed = 0
	return nil
}

func (u *LogUploader) answer(resp *http.Response, sent int64) error {
	var a struct{ Size *int64 }
	derr := json.NewDecoder(io.LimitReader(resp.Body, 4096)).Decode(&a)
	known := derr == nil && a.Size != nil && *a.Size >= 0
	switch resp.StatusCode {
	case http.StatusOK:
		if !known || *a.Size < sent {
			return errors.New("the log store did not say that it has the bytes")
		}
		u.offset = sent
		return nil
	case http.StatusConflict:
		if !known || *a.Size >= u.offset {
			return errors.New("the log store did not say from where to send")
		}
		u.offset = *a.Size
		return nil
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusGone, http.StatusRequestEntityTooLarge:
		return fmt.Errorf("%w: %s", errRefused, resp.Status)
	}
	return fmt.Errorf("log store: %s", resp.Status)
}
