package finger

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"github.com/gozer-dev/gozer/internal/history"
	"github.com/gozer-dev/gozer/internal/logfollow"
	"github.com/gozer-dev/gozer/internal/logstore"
	"github.com/gozer-dev/gozer/internal/managerapi"
	"github.com/gozer-dev/gozer/internal/token"
)

var running = []managerapi.Found{{Tenant: "acme", Name: "gate-web-8-unit"}, {Tenant: "acme", Name: "gate-web-8-unit-long"}, {Tenant: "other", Name: "check-api-1"}}

// serve is a manager, and finger before it.
func serve(t *testing.T) (*logstore.Store, string) { return serveFor(t, 0) }

func serveFor(t *testing.T, halfClosed time.Duration) (*logstore.Store, string) {
	t.Helper()
	store, err := logstore.Open(filepath.Join(t.TempDir(), "logs"), logstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	past, err := history.Open(filepath.Join(t.TempDir(), "history.db"))
	if err != nil {
		t.Fatal(err)
	}
	key := token.NewKey()
	manager := httptest.NewServer(managerapi.New(managerapi.Options{
		Logs: store, History: past, Key: key, Log: logr.Discard(),
		Find: func(_ context.Context, prefix string) (out []managerapi.Found, _ error) {
			for _, f := range running {
				if strings.HasPrefix(f.Name, prefix) {
					out = append(out, f)
				}
			}
			return out, nil
		},
	}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	s := &Server{HalfClosed: halfClosed, Log: slog.New(slog.DiscardHandler), Hub: &logfollow.Hub{Source: &logfollow.Source{URL: manager.URL, Bearer: "Bearer " + key.For(token.Internal, managerapi.Role), Transport: transport}}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		transport.CloseIdleConnections()
		manager.Close()
		_ = store.Close()
		_ = past.Close()
		if len(s.conns) != 0 || len(s.from) != 0 {
			t.Errorf("connections are left: %v", s.from)
		}
	})
	return store, l.Addr().String()
}

func ask(t *testing.T, addr, line string) net.Conn {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	fmt.Fprint(c, line)
	return c
}

func appendLog(t *testing.T, s *logstore.Store, build, text string, final bool) {
	t.Helper()
	k := logstore.Key{Namespace: "acme", Build: build, Attempt: 1}
	info, _ := s.Stat(k)
	if _, err := s.Append(k, info.Size, strings.NewReader(text), final); err != nil {
		t.Fatal(err)
	}
}

func TestFinger(t *testing.T) {
	store, addr := serve(t)
	appendLog(t, store, "gate-web-8-unit", "the log\n", true)
	for name, tc := range map[string]struct{ line, want string }{
		"build":            {"gate-web-8-unit\r\n", "the log\n"},
		"only a line feed": {"gate-web-8-unit\n", "the log\n"},
		"finger -l":        {"/W gate-web-8-unit\r\n", "the log\n"},
		"with its tenant":  {"acme/gate-web-8-unit\r\n", "the log\n"},
		"several":          {"gate-web\r\n", "finger: several builds begin so: acme/gate-web-8-unit, acme/gate-web-8-unit-long\r\n"},
		"of the wrong":     {"other/gate-web-8-unit\r\n", "finger: no such log: it has not begun, or it is older than logs are kept\r\n"},
		"no log yet":       {"check\r\n", "finger: no such log: it has not begun, or it is older than logs are kept\r\n"},
		"unknown":          {"nothing-so\r\n", "finger: there is no such build, or it is older than logs are kept\r\n"},
		"short":            {"nothing\r\n", "finger: there is no such build; of a longer name write 8 characters at least\r\n"},
		"nobody":           {"\r\n", "finger: not the name of a build: write BUILD or TENANT/BUILD\r\n"},
		"hostile":          {"../../metrics\r\n", "finger: not the name of a build: write BUILD or TENANT/BUILD\r\n"},
		"forwarded":        {"gate-web-8-unit@elsewhere\r\n", "finger: not the name of a build: write BUILD or TENANT/BUILD\r\n"},
		"not ending":       {strings.Repeat("x", maxAsk), "finger: a line with the name of a build was expected\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got, _ := io.ReadAll(ask(t, addr, tc.line)) // what was not read is a reset
			if string(got) != tc.want {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestFollows(t *testing.T) {
	store, addr := serve(t)
	appendLog(t, store, "gate-web-8-unit", "one\n", false)
	c := ask(t, addr, "gate-web-8-unit\r\n")
	gone := ask(t, addr, "gate-web-8-unit\r\n")
	buf := make([]byte, 4)
	if _, err := io.ReadFull(c, buf); err != nil || string(buf) != "one\n" {
		t.Fatalf("%q, %v", buf, err)
	}
	_ = gone.Close()
	appendLog(t, store, "gate-web-8-unit", "two\n", true)
	if got, err := io.ReadAll(c); err != nil || string(got) != "two\n" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestTooMany(t *testing.T) {
	store, addr := serve(t)
	appendLog(t, store, "gate-web-8-unit", "one\n", false)
	buf := make([]byte, 4)
	for range maxOfOne {
		if _, err := io.ReadFull(ask(t, addr, "gate-web-8-unit\r\n"), buf); err != nil {
			t.Fatal(err)
		}
	}
	if got, _ := io.ReadAll(ask(t, addr, "")); !strings.Contains(string(got), "too many") {
		t.Errorf("%q", got)
	}
}

// TestClosedBySide: who says no more is served to the end of a log, but does not
// keep its place for ever.
func TestClosedBySide(t *testing.T) {
	store, addr := serveFor(t, time.Millisecond)
	appendLog(t, store, "gate-web-8-unit", "one\n", false)
	c := ask(t, addr, "gate-web-8-unit\r\n")
	buf := make([]byte, 4)
	if _, err := io.ReadFull(c, buf); err != nil {
		t.Fatal(err)
	}
	half, ok := c.(*net.TCPConn)
	if !ok {
		t.Fatalf("%T", c)
	}
	if err := half.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, _ := io.ReadAll(c); len(got) > 0 { // it ends, although the log does not
		t.Errorf("%q", got)
	}
	_, addr = serve(t)
	c = ask(t, addr, "nothing-so\r\n")
	if half, ok = c.(*net.TCPConn); !ok || half.CloseWrite() != nil {
		t.Fatal("not closed")
	}
	if got, _ := io.ReadAll(c); !strings.Contains(string(got), "no such build") {
		t.Errorf("nothing is heard by one that says no more: %q", got)
	}
}
