package finger

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gozer-dev/gozer/internal/logfollow"
	"github.com/gozer-dev/gozer/internal/logstore"
	"github.com/gozer-dev/gozer/internal/managerapi"
)

const (
	// maxAsk is more than the longest name of a build, askTime how long it may take.
	maxAsk  = 512
	askTime = 10 * time.Second
	// slowest is how long a reader may take for one write.
	slowest = 60 * time.Second
	// maxConnections are served at once, and so many of one address.
	maxConnections = 1000
	maxOfOne       = 50
	findTime       = 20 * time.Second
	maxFound       = 64 << 10
	// halfClosed is how long one may listen that has closed its side: that looks
	// the same as one that is gone.
	halfClosed = 10 * time.Minute
)

// Server answers finger.
type Server struct {
	Hub *logfollow.Hub
	Log *slog.Logger
	// HalfClosed is how long one is served that has closed its side; default 10 minutes.
	HalfClosed time.Duration

	mu    sync.Mutex
	conns map[net.Conn]string
	from  map[string]int
}

// Serve answers until ctx ends.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	var all sync.WaitGroup
	defer all.Wait()
	for {
		c, err := l.Accept()
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was closed here
		}
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		if err != nil { // out of descriptors: not in a tight loop
			s.Log.Error("A connection was not taken", "error", err)
			wait(ctx, time.Second)
			continue
		}
		all.Go(func() { s.connection(ctx, c) })
	}
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

func (s *Server) connection(ctx context.Context, c net.Conn) {
	defer c.Close()
	out := &patient{c}
	if !s.enter(c) {
		say(out, "too many read logs now; try again in a moment")
		return
	}
	defer s.leave(c)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	_ = c.SetReadDeadline(time.Now().Add(askTime))
	in := bufio.NewReader(io.LimitReader(c, maxAsk))
	line, err := in.ReadString('\n')
	if err != nil {
		say(out, "a line with the name of a build was expected")
		return
	}
	_ = c.SetReadDeadline(time.Time{})
	go s.untilGone(ctx, cancel, c)
	if err := s.answer(ctx, parse(line), out); err != nil && ctx.Err() == nil {
		say(out, err.Error())
	}
}

// untilGone notices that a client has gone. One that says no more may still
// listen, but not for ever: while nothing is written it looks like one that is
// gone, and has its place.
func (s *Server) untilGone(ctx context.Context, gone func(), c net.Conn) {
	defer gone()
	if _, err := io.Copy(io.Discard, c); err != nil {
		return
	}
	most := s.HalfClosed
	if most == 0 {
		most = halfClosed
	}
	wait(ctx, most)
}

// parse takes the name out of a line: finger -l adds /W.
func parse(line string) string {
	name := strings.TrimSpace(line)
	if rest, ok := strings.CutPrefix(name, "/W"); ok {
		name = strings.TrimSpace(rest)
	}
	return name
}

// say sends a line; it must not look like one of a log.
func say(w io.Writer, text string) { fmt.Fprintf(w, "finger: %s\r\n", text) }

var errUnavailable = errors.New("the manager cannot be asked now; try again in a moment")

func (s *Server) answer(ctx context.Context, name string, out io.Writer) error {
	k, err := s.find(ctx, name)
	if err != nil {
		return err
	}
	err = s.Hub.Follow(ctx, logfollow.Path(k), 0, nil, func(b []byte) error {
		_, err := out.Write(b)
		return err
	})
	switch {
	case err == nil, errors.Is(err, logfollow.ErrNotFound), errors.Is(err, logfollow.ErrFull):
		return err
	}
	s.Log.Info("A log broke off", "build", k.Build, "error", err.Error())
	return errUnavailable
}

// find is the build that is meant, with the attempt that is newest.
func (s *Server) find(ctx context.Context, name string) (logstore.Key, error) {
	if tenant, build, ok := strings.Cut(name, "/"); ok {
		k, err := logstore.ParseKey(tenant, build, "0")
		k.Attempt = -1
		if err != nil {
			return k, errors.New("not the name of a build: write BUILD or TENANT/BUILD")
		}
		return k, nil
	}
	if _, err := logstore.ParseKey("tenant", name, "0"); err != nil {
		return logstore.Key{}, errors.New("not the name of a build: write BUILD or TENANT/BUILD")
	}
	found, err := s.ask(ctx, name)
	if err != nil {
		s.Log.Error("The manager cannot be asked for builds", "error", err)
		return logstore.Key{}, errUnavailable
	}
	switch len(found) {
	case 0:
		if len(name) < managerapi.LeastPrefix {
			return logstore.Key{}, fmt.Errorf("there is no such build; of a longer name write %d characters at least", managerapi.LeastPrefix)
		}
		return logstore.Key{}, errors.New("there is no such build, or it is older than logs are kept")
	case 1:
		return logstore.Key{Namespace: found[0].Tenant, Build: found[0].Name, Attempt: -1}, nil
	}
	var names []string
	for _, f := range found {
		names = append(names, f.Tenant+"/"+f.Name)
	}
	return logstore.Key{}, fmt.Errorf("several builds begin so: %s", strings.Join(names, ", "))
}

func (s *Server) ask(ctx context.Context, prefix string) ([]managerapi.Found, error) {
	ctx, cancel := context.WithTimeout(ctx, findTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Hub.Source.URL+"/api/find/"+prefix, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", s.Hub.Source.Bearer)
	resp, err := s.Hub.Source.Transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the manager answers %s; have all roles the same token key?", resp.Status)
	}
	var found []managerapi.Found
	err = json.NewDecoder(io.LimitReader(resp.Body, maxFound)).Decode(&found)
	return found, err
}

// enter counts connections, those of one address too.
func (s *Server) enter(c net.Conn) bool {
	host, _, err := net.SplitHostPort(c.RemoteAddr().String())
	if err != nil {
		host = c.RemoteAddr().String()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns == nil {
		s.conns, s.from = map[net.Conn]string{}, map[string]int{}
	}
	if len(s.conns) >= maxConnections || s.from[host] >= maxOfOne {
		return false
	}
	s.conns[c] = host
	s.from[host]++
	return true
}

func (s *Server) leave(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	host := s.conns[c]
	delete(s.conns, c)
	if s.from[host]--; s.from[host] == 0 {
		delete(s.from, host)
	}
}

// patient gives every write its own deadline: a follower may stay for hours,
// but one that does not read goes.
type patient struct{ c net.Conn }

func (p *patient) Write(b []byte) (int, error) {
	_ = p.c.SetWriteDeadline(time.Now().Add(slowest))
	return p.c.Write(b)
}
