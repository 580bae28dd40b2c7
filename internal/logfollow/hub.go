package logfollow

import (
	"cmp"
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// Hub follows each log once for all its followers.
type Hub struct {
	// Source has the logs.
	Source *Source
	// MaxFollowers bounds all followers together; default 2000.
	MaxFollowers int
	// MaxFeeds bounds the logs that are followed at once: each takes 200 KiB or more; default 128.
	MaxFeeds int
	// MaxRings bounds what all feeds remember together, beyond the 64 KiB that
	// each has; default 32 MiB.
	MaxRings int64
	// Pause between attempts to go on with a log that broke off, and after that
	// twice as long each time; default 200 ms.
	Pause time.Duration

	mu        sync.Mutex
	followers int
	// room is what is left of MaxRings.
	room  *atomic.Int64
	feeds map[string]*feed
}

const (
	defaultFollowers = 2000
	defaultFeeds     = 128
	defaultRings     = 32 << 20
	defaultPause     = 200 * time.Millisecond
	// attempts to go on with a log: some five minutes, as executors try.
	maxAttempts = 35
	longestWait = 10 * time.Second
	// chunk is how much is handed to a follower at once.
	chunk = 32 << 10
)

// Follow hands the log at a path to write, from an offset on, until it is final,
// or ctx or write ends it. started is called once before that, where the log is there.
func (h *Hub) Follow(ctx context.Context, path string, offset int64, started func(State), write func([]byte) error) error {
	if !h.enter() {
		return ErrFull
	}
	defer h.leave()
	st, err := h.Source.state(ctx, path)
	if err != nil {
		return err
	}
	if offset < 0 || offset > st.Size {
		return ErrOffset
	}
	if started == nil {
		started = func(State) {}
	}
	if st.Final {
		started(st)
		_, err := h.catchUp(ctx, st.Path, offset, st.Size, write)
		return err
	}
	f, err := h.join(ctx, st)
	if err != nil {
		return err
	}
	defer h.part(st.Path, f)
	started(st)
	return h.feed(ctx, f, st.Path, offset, write)
}

// feed hands on what the feed has, and what it has no more.
func (h *Hub) feed(ctx context.Context, f *feed, path string, offset int64, write func([]byte) error) error {
	buf := make([]byte, chunk)
	for {
		n, base, err := f.read(ctx, offset, buf)
		if errors.Is(err, errBehind) {
			m, err := h.catchUp(ctx, path, offset, base, write)
			offset += m
			if err != nil {
				return err
			}
			continue
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := write(buf[:n]); err != nil {
			return err
		}
		offset += int64(n)
	}
}

// catchUp reads a part of the log for one follower.
func (h *Hub) catchUp(ctx context.Context, path string, from, to int64, write func([]byte) error) (int64, error) {
	if from >= to {
		return 0, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	body, err := h.Source.open(ctx, path, from, false)
	if err != nil {
		return 0, err
	}
	defer body.Close()
	n, err := io.CopyBuffer(writer(write), io.LimitReader(body, to-from), make([]byte, chunk))
	if err == nil && n < to-from {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// writer is a function that writes.
type writer func([]byte) error

// Write implements io.Writer.
func (w writer) Write(b []byte) (int, error) {
	if err := w(b); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (h *Hub) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	most := h.MaxFollowers
	if most == 0 {
		most = defaultFollowers
	}
	if h.followers >= most {
		return false
	}
	h.followers++
	return true
}

func (h *Hub) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.followers--
}

// join finds the feed of a log, or begins one where the log ends now. It lives
// as long as it has followers, and not as long as the first of them.
func (h *Hub) join(ctx context.Context, st State) (*feed, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.feeds[st.Path]
	if f == nil {
		most := h.MaxFeeds
		if most == 0 {
			most = defaultFeeds
		}
		if len(h.feeds) >= most {
			return nil, ErrFull
		}
		ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		f = newFeed(st.Size, h.rings(), cancel)
		if h.feeds == nil {
			h.feeds = map[string]*feed{}
		}
		h.feeds[st.Path] = f
		go h.run(ctx, st.Path, f)
	}
	f.users++
	return f, nil
}

// rings holds mu.
func (h *Hub) rings() *atomic.Int64 {
	if h.room == nil {
		h.room = &atomic.Int64{}
		h.room.Store(cmp.Or(h.MaxRings, defaultRings))
	}
	return h.room
}

func (h *Hub) part(path string, f *feed) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f.users--; f.users == 0 {
		f.cancel()
		f.letGo()
		if h.feeds[path] == f {
			delete(h.feeds, path)
		}
	}
}

// run fills a feed until its log is final or gone, or nobody follows.
func (h *Hub) run(ctx context.Context, path string, f *feed) {
	err := h.fill(ctx, path, f)
	f.finish(err)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.feeds[path] == f { // whoever comes now begins anew
		delete(h.feeds, path)
	}
}

// fill returns io.EOF when all of a final log has been read. An answer that
// ends says nothing: the manager may have been stopped.
func (h *Hub) fill(ctx context.Context, path string, f *feed) error {
	for failures := 0; ; failures++ {
		body, err := h.Source.open(ctx, path, f.length(), true)
		if err == nil {
			before := f.length()
			_, err = io.CopyBuffer(writer(f.write), body, make([]byte, 2*chunk))
			_ = body.Close()
			if f.length() > before {
				failures = 0
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		st, serr := h.Source.state(ctx, path)
		switch {
		case serr == nil && st.Final && f.length() >= st.Size:
			return io.EOF
		case errors.Is(serr, ErrNotFound):
			return serr
		case failures >= maxAttempts:
			return errors.Join(err, serr)
		}
		if !h.wait(ctx, failures) {
			return ctx.Err()
		}
	}
}

func (h *Hub) wait(ctx context.Context, failures int) bool {
	d := h.Pause
	if d == 0 {
		d = defaultPause
	}
	for range failures {
		d = min(2*d, longestWait)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
