package logfollow

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

const (
	// ringSize is how much of a log a feed remembers: a second of the busiest.
	ringSize = 1 << 20
	// firstRing is what it has at first: most logs grow slowly.
	firstRing = 64 << 10
)

// errBehind: what is asked for is not remembered any more.
var errBehind = errors.New("further behind than what is remembered")

// feed is the end of one log, in memory. One writes, many read.
type feed struct {
	cancel func()
	users  int // guarded by Hub.mu

	mu sync.RWMutex
	// ring has the bytes from base to end; byte n of the log is at n modulo its length.
	ring      []byte
	base, end int64
	// room is what all rings may grow together; nil is no bound. A feed that was
	// let go takes no more of it.
	room *atomic.Int64
	gone bool
	// err says why nothing more will come.
	err error
	// changed is closed, and replaced, when anything of that changes.
	changed chan struct{}
}

func newFeed(at int64, room *atomic.Int64, cancel func()) *feed {
	return &feed{cancel: cancel, room: room, base: at, end: at, ring: make([]byte, firstRing), changed: make(chan struct{})}
}

func (f *feed) length() int64 {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.end
}

// write waits for no reader.
func (f *feed) write(b []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.grow(len(b))
	for len(b) > 0 {
		n := copy(f.ring[f.end%f.size():], b)
		b = b[n:]
		f.end += int64(n)
	}
	f.base = max(f.base, f.end-f.size())
	f.tell()
	return nil
}

func (f *feed) size() int64 { return int64(len(f.ring)) }

// grow makes room for so many bytes more, as far as there may be: who is further
// behind than a small ring reads from the manager. It holds mu.
func (f *feed) grow(more int) {
	need := min(f.end-f.base+int64(more), ringSize)
	size := f.size()
	for size < need {
		size = min(2*size, ringSize)
	}
	if size == f.size() || f.gone || !f.take(size-f.size()) {
		return
	}
	ring := make([]byte, size)
	for at := f.base; at < f.end; {
		n := copy(ring[at%size:], f.ring[at%f.size():][:min(f.size()-at%f.size(), f.end-at)])
		at += int64(n)
	}
	f.ring = ring
}

// take asks for room, as long as there is any.
func (f *feed) take(n int64) bool {
	if f.room == nil || f.room.Add(-n) >= 0 {
		return true
	}
	f.room.Add(n)
	return false
}

// letGo gives back the room of a feed that nobody reads any more.
func (f *feed) letGo() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.gone && f.room != nil {
		f.room.Add(f.size() - firstRing)
	}
	f.gone = true
}

func (f *feed) finish(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
	f.tell()
}

func (f *feed) tell() {
	close(f.changed)
	f.changed = make(chan struct{})
}

// read copies what there is from an offset on, and waits until there is any. With
// errBehind comes where that begins which is remembered.
func (f *feed) read(ctx context.Context, offset int64, buf []byte) (n int, base int64, err error) {
	for {
		f.mu.RLock()
		changed := f.changed
		switch {
		case offset < f.base:
			base, err = f.base, errBehind
		case offset < f.end:
			n = f.copy(offset, buf)
		default:
			err = f.err
		}
		f.mu.RUnlock()
		if n > 0 || err != nil {
			return n, base, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		}
	}
}

// copy holds mu.
func (f *feed) copy(offset int64, buf []byte) (n int) {
	for n < len(buf) && offset < f.end {
		start := offset % f.size()
		stop := min(f.size(), start+f.end-offset)
		m := copy(buf[n:], f.ring[start:stop])
		n += m
		offset += int64(m)
	}
	return n
}
