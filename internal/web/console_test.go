package web

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// console opens the stream of the tenant acme, and says what it wants.
func console(t *testing.T, f fixture, ask string) *websocket.Conn {
	t.Helper()
	c, _, err := websocket.Dial(t.Context(), f.web.URL+"/api/tenant/acme/console-stream", nil) //nolint:bodyclose // the library closes it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	if err := c.Write(t.Context(), websocket.MessageText, []byte(ask)); err != nil {
		t.Fatal(err)
	}
	return c
}

// until reads text frames until the text is there, or the stream ends.
func until(t *testing.T, c *websocket.Conn, got, want string) (string, error) {
	t.Helper()
	for got != want {
		kind, b, err := c.Read(t.Context())
		if err != nil {
			return got, err
		}
		if kind != websocket.MessageText {
			t.Errorf("a frame of kind %v", kind)
		}
		got += string(b)
	}
	return got, nil
}

func TestConsoleStream(t *testing.T) {
	f := newFixture(t, failed(), nil)
	f.append(t, "one\nha", false)
	first := console(t, f, `{"uuid":"b","logfile":"console.log"}`)
	second := console(t, f, `{"uuid":"b","logfile":"console.log","offset":4}`)
	if got, err := until(t, first, "", "one\nha"); err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	if got, err := until(t, second, "", "ha"); err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	f.append(t, "lf\nn\xc3", false) // the half of a letter
	f.append(t, "\xbc\n", false)
	if got, err := until(t, first, "", "lf\nnü\n"); err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	f.append(t, "end\n", true)
	for name, c := range map[string]*websocket.Conn{"first": first, "second": second} {
		got, err := until(t, c, "", "nothing like that")
		if websocket.CloseStatus(err) != websocket.StatusNormalClosure || !strings.HasSuffix(got, "end\n") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	late := console(t, f, `{"uuid":"b","logfile":"console.log"}`)
	if got, err := until(t, late, "", "x"); got != "one\nhalf\nnü\nend\n" || websocket.CloseStatus(err) != websocket.StatusNormalClosure {
		t.Errorf("of a log that has ended: %q, %v", got, err)
	}
}

func TestConsoleStreamRefuses(t *testing.T) {
	f := newFixture(t, failed(), nil)
	f.append(t, "one\n", false)
	for ask, want := range map[string]websocket.StatusCode{
		`no json`: 4000, `[]`: 4000, `{}`: 4000, `{"uuid":"b"}`: 4000, `{"logfile":"console.log"}`: 4000, `{"uuid":"../x","logfile":"console.log"}`: 4000,
		`{"uuid":"b","logfile":"/etc/passwd"}`: 4000, `{"uuid":"b","logfile":"console.log","offset":-1}`: 4000, `{"uuid":"b","logfile":"console.log","offset":99}`: 4000,
		`{"uuid":"none","logfile":"console.log"}`: 4011, `{"uuid":"` + strings.Repeat("b", 8<<10) + `"}`: websocket.StatusMessageTooBig,
	} {
		_, err := until(t, console(t, f, ask), "", "x")
		if websocket.CloseStatus(err) != want {
			t.Errorf("%.40s: %v, want %d", ask, err, want)
		}
	}
	if got := do(t, "GET", f.web.URL+"/api/tenant/acme/console-stream", nil); got.code != http.StatusUpgradeRequired {
		t.Errorf("without a websocket: %d", got.code)
	}
}

// TestConsoleStreamOrigin: pages of other hosts do not read along.
func TestConsoleStreamOrigin(t *testing.T) {
	f := newFixture(t, failed(), nil)
	own := f.web.URL
	for origin, ok := range map[string]bool{own: true, "https://evil.example.com": false, "https://pages.example.com": true, "null": false} {
		ctx, cancel := context.WithCancel(t.Context())
		c, resp, err := websocket.Dial(ctx, own+"/api/tenant/acme/console-stream", &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {origin}}}) //nolint:bodyclose // the library closes it
		if (err == nil) != ok {
			t.Errorf("%s: %v", origin, err)
		}
		if err == nil {
			_ = c.CloseNow()
		} else if resp == nil || resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %+v", origin, resp)
		}
		cancel()
	}
}
