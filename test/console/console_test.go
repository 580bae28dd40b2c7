package console

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/go-logr/logr"

	"github.com/gozer-dev/gozer/internal/executor"
	"github.com/gozer-dev/gozer/internal/logstore"
	"github.com/gozer-dev/gozer/internal/managerapi"
	"github.com/gozer-dev/gozer/internal/token"
	"github.com/gozer-dev/gozer/internal/web"
)

const (
	// rate is what a busy build writes, lines of lineBytes each second.
	rate      = 10_000
	lineBytes = 100
	// tick is how often it writes.
	tick = 10 * time.Millisecond
	// paced and flood are the lines of one run.
	paced = 5 * rate
	flood = 300_000
	// interval is the default of executors.
	interval = 100 * time.Millisecond
)

// console is all that a line passes.
type console struct {
	b   *testing.B
	log *growing
	up  *executor.LogUploader
	url string
}

// growing is the log of an executor. It knows when each line was written.
type growing struct {
	mu    sync.RWMutex
	data  []byte
	at    []atomic.Int64
	grown chan struct{}
}

var oneLine = []byte(strings.Repeat("x", lineBytes-1) + "\n")

// write adds lines; it is as fast as memory, so what it measures is who else is busy.
func (g *growing) write(n int, since time.Time) {
	g.mu.Lock()
	first := len(g.data) / lineBytes
	for i := range n {
		g.data = append(g.data, oneLine...)
		g.at[first+i].Store(int64(time.Since(since)))
	}
	g.mu.Unlock()
	select {
	case g.grown <- struct{}{}:
	default:
	}
}

func (g *growing) length() int64 {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return int64(len(g.data))
}

// ReadAt implements io.ReaderAt.
func (g *growing) ReadAt(b []byte, off int64) (int, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	n := copy(b, g.data[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func newConsole(b *testing.B, lines int) *console {
	b.Helper()
	store, err := logstore.Open(filepath.Join(b.TempDir(), "logs"), logstore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	key := token.NewKey()
	manager := httptest.NewServer(managerapi.New(managerapi.Options{Logs: store, Key: key, Log: logr.Discard()}))
	pages, err := web.New(web.Options{Intake: http.NotFoundHandler(), ManagerURL: manager.URL, Key: key, Log: logr.Discard(), MaxOfOne: -1})
	if err != nil {
		b.Fatal(err)
	}
	front := httptest.NewServer(pages)
	b.Cleanup(func() {
		front.Close()
		manager.Close()
		_ = store.Close()
	})
	k := logstore.Key{Namespace: "acme", Build: "b", Attempt: 1}
	if _, err := store.Append(k, 0, strings.NewReader(""), false); err != nil { // there is a log to follow
		b.Fatal(err)
	}
	g := &growing{data: make([]byte, 0, lines*lineBytes), at: make([]atomic.Int64, lines), grown: make(chan struct{}, 1)}
	return &console{b: b, log: g, url: front.URL, up: &executor.LogUploader{
		URL: manager.URL + "/logs/" + k.String(), Token: key.For(token.Log, k.String()), Client: http.DefaultClient, Log: g, Length: g.length, Grown: g.grown,
		Interval: interval, Backoff: executor.Backoff{First: interval, Max: time.Second},
	}}
}

// byHTTP and byWebsocket are the two ways to follow.
func byHTTP(ctx context.Context, url string) (io.Reader, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/logs/acme/b/1?follow=true", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("web answers %s", resp.Status)
	}
	return resp.Body, nil
}

func byWebsocket(ctx context.Context, url string) (io.Reader, error) {
	c, _, err := websocket.Dial(ctx, url+"/api/tenant/acme/console-stream", nil)
	if err != nil {
		return nil, err
	}
	c.SetReadLimit(1 << 20)
	if err := c.Write(ctx, websocket.MessageText, []byte(`{"uuid":"b","logfile":"console.log"}`)); err != nil {
		return nil, err
	}
	return websocket.NetConn(ctx, c, websocket.MessageText), nil
}

// histogram counts how many lines took how many milliseconds.
type histogram [10_000]int

func (h *histogram) add(d time.Duration) { h[min(max(0, d.Milliseconds()), int64(len(h)-1))]++ }

// quantile is the time within which that part of all lines came.
func (h *histogram) quantile(q float64) float64 {
	total := 0
	for _, n := range h {
		total += n
	}
	left := int(q * float64(total))
	for ms, n := range h {
		if left -= n; left < 0 {
			return float64(ms + 1)
		}
	}
	return 0
}

// follow reads until the log ends. Lines have one length: which came is known
// without looking at them, and every tenth is counted.
func (c *console) follow(r io.Reader, lines int, start time.Time, h *histogram) error {
	buf := make([]byte, 64<<10)
	for got := 0; ; {
		n, err := r.Read(buf)
		now := time.Since(start)
		for i := (got/lineBytes + 9) / 10 * 10; i < (got+n)/lineBytes; i += 10 {
			h.add(now - time.Duration(c.log.at[i].Load()))
		}
		got += n
		if err != nil {
			if got != lines*lineBytes {
				return fmt.Errorf("a follower has %d of %d bytes: %w", got, lines*lineBytes, err)
			}
			return nil
		}
	}
}

// run has so many followers of what write writes, and returns how long lines
// took, when all was stored, and when all followers had it.
func (c *console) run(followers, lines int, open func(context.Context, string) (io.Reader, error), write func(time.Time)) (h *histogram, stored, seen time.Duration) {
	start := time.Now()
	all := make([]histogram, followers)
	var wg sync.WaitGroup
	for i := range followers {
		r, err := open(c.b.Context(), c.url)
		if err != nil {
			c.b.Fatal(err)
		}
		wg.Go(func() {
			if err := c.follow(r, lines, start, &all[i]); err != nil {
				c.b.Error(err)
			}
		})
	}
	began := time.Since(start)
	ctx, stop := context.WithCancel(c.b.Context())
	var uploading sync.WaitGroup
	uploading.Go(func() { c.up.Run(ctx) })
	write(start)
	stop()
	uploading.Wait()
	if _, err := c.up.Finish(c.b.Context()); err != nil {
		c.b.Fatal(err)
	}
	stored = time.Since(start) - began
	wg.Wait()
	h = &histogram{}
	for i := range all {
		for ms, n := range all[i] {
			h[ms] += n
		}
	}
	return h, stored, time.Since(start) - began
}

// pacedLines writes lines at a rate and returns how long the writing itself took.
func (c *console) pacedLines(start time.Time, lines, rate int) (busy time.Duration) {
	t := time.NewTicker(tick)
	defer t.Stop()
	began := time.Now()
	for written := 0; written < lines; <-t.C {
		due := min(lines, int(time.Since(began).Seconds()*float64(rate))) - written // what a late tick owes
		before := time.Now()
		c.log.write(due, start)
		busy += time.Since(before)
		written += due
	}
	return busy
}

// BenchmarkConsole: a build writes 10,000 lines a second for five seconds.
func BenchmarkConsole(b *testing.B) {
	for _, bc := range []struct {
		name      string
		followers int
		open      func(context.Context, string) (io.Reader, error)
	}{
		{"followers=0", 0, nil}, {"followers=1", 1, byHTTP}, {"followers=200/http", 200, byHTTP}, {"followers=200/websocket", 200, byWebsocket},
	} {
		b.Run(bc.name, func(b *testing.B) {
			for range b.N {
				c := newConsole(b, paced)
				var busy time.Duration
				h, stored, _ := c.run(bc.followers, paced, bc.open, func(start time.Time) { busy = c.pacedLines(start, paced, rate) })
				b.ReportMetric(paced/stored.Seconds(), "lines/s")
				b.ReportMetric(float64(busy.Nanoseconds())/paced, "ns-written/line")
				if bc.followers > 0 {
					b.ReportMetric(h.quantile(0.5), "ms-P50")
					b.ReportMetric(h.quantile(0.99), "ms-P99")
				}
			}
		})
	}
}

// BenchmarkQuiet: a build writes 20 lines a second, which are not to wait for more.
func BenchmarkQuiet(b *testing.B) {
	const lines, perSecond = 100, 20
	for range b.N {
		c := newConsole(b, lines)
		h, _, _ := c.run(200, lines, byHTTP, func(start time.Time) { c.pacedLines(start, lines, perSecond) })
		b.ReportMetric(h.quantile(0.5), "ms-P50")
		b.ReportMetric(h.quantile(0.99), "ms-P99")
	}
}

// BenchmarkFlood: a build writes as fast as it can.
func BenchmarkFlood(b *testing.B) {
	for _, followers := range []int{0, 1, 200} {
		b.Run(fmt.Sprintf("followers=%d", followers), func(b *testing.B) {
			for range b.N {
				c := newConsole(b, flood)
				_, stored, seen := c.run(followers, flood, byHTTP, func(start time.Time) {
					for range flood / 100 {
						c.log.write(100, start)
					}
				})
				b.ReportMetric(flood/stored.Seconds(), "lines-stored/s")
				if followers > 0 {
					b.ReportMetric(flood/seen.Seconds(), "lines-seen/s")
				}
			}
		})
	}
}
