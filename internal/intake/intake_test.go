package intake_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/drivers/gitea"
	"github.com/gozer-dev/gozer/internal/intake"
	"github.com/gozer-dev/gozer/internal/model"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const (
	secret = "hook-secret"
	push   = `{"ref":"refs/heads/main","before":"a","after":"b","repository":{"full_name":"acme/api"},"sender":{"login":"ann"}}`
	labels = `{"action":"label_updated","pull_request":{"number":3,"labels":[{"name":"a"},{"name":"b"}]},"repository":{"full_name":"acme/api"}}`
	own    = `{"action":"created","is_pull":true,"issue":{"number":3},"comment":{"body":"recheck <!-- gozer: x SUCCESS -->"},"repository":{"full_name":"acme/api"}}`
)

// connections has one, "code"; "broken" cannot be read.
type connections struct{}

func (connections) Decoder(_ context.Context, name string) (drivers.Decoder, []byte, error) {
	switch name {
	case "code", "other":
		return gitea.Webhooks{}, []byte(secret), nil
	case "broken":
		return nil, nil, errors.New("secret gozer/x cannot be read")
	}
	return nil, nil, intake.ErrUnknown
}

// store is a map; it fails from the nth save on.
type store struct {
	mu       sync.Mutex
	events   map[string]model.TriggerEvent
	saves    int
	failFrom int
	block    bool
	invalid  bool
}

func (s *store) Save(ctx context.Context, e model.TriggerEvent, delivery string) error {
	if s.block {
		<-ctx.Done()
		return ctx.Err()
	}
	if s.invalid {
		return fmt.Errorf("spec.label: too long: %w", intake.ErrInvalid)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.saves++; s.failFrom > 0 && s.saves >= s.failFrom {
		return errors.New("etcd is away")
	}
	if delivery == "" {
		return errors.New("no delivery")
	}
	s.events[e.Name] = e
	return nil
}

func newStore() *store { return &store{events: map[string]model.TriggerEvent{}} }

func (s *store) names() []string {
	var out []string
	for name := range s.events {
		out = append(out, name)
	}
	return out
}

func request(connection, event, body, signature string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/api/connection/"+connection+"/payload", strings.NewReader(body))
	r.SetPathValue("connection", connection)
	r.Header.Set("X-Gitea-Event", event)
	r.Header.Set("X-Gitea-Delivery", "d-1")
	if signature != "" {
		r.Header.Set("X-Gitea-Signature", signature)
	}
	return r
}

func sign(body string) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(body))
	return hex.EncodeToString(m.Sum(nil))
}

func serve(t *testing.T, s intake.Store, r *http.Request) (int, string) {
	t.Helper()
	h := &intake.Handler{Connections: connections{}, Store: s, Log: logr.Discard(), Now: func() time.Time { return noon }}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(t.Context()))
	return w.Code, w.Body.String()
}

func TestAnswers(t *testing.T) {
	big := push + strings.Repeat(" ", 25<<20)
	for name, tc := range map[string]struct {
		connection, event, body, signature string
		failFrom                           int
		code, stored                       int
		want                               string
	}{
		"stored":                    {"code", "push", push, sign(push), 0, 200, 1, "stored: ev-"},
		"several of one webhook":    {"code", "pull_request", labels, sign(labels), 0, 200, 2, "stored: ev-"},
		"store fails":               {"code", "push", push, sign(push), 1, 503, 0, "send it again"},
		"store fails at the second": {"code", "pull_request", labels, sign(labels), 2, 503, 1, "send it again"},
		"unknown connection":        {"nope", "push", push, sign(push), 0, 404, 0, "no such connection"},
		"connection cannot be read": {"broken", "push", push, sign(push), 0, 503, 0, "cannot be read now"},
		"not signed":                {"code", "push", push, "", 0, 401, 0, "not signed"},
		"wrongly signed":            {"code", "push", push, sign(push + "x"), 0, 401, 0, "does not match"},
		"no JSON":                   {"code", "push", "x", sign("x"), 0, 400, 0, "not JSON"},
		"of no interest":            {"code", "fork", push, sign(push), 0, 200, 0, "ignored: events of kind fork"},
		"our own comment":           {"code", "issue_comment", own, sign(own), 0, 200, 0, "ignored: it is a report of Gozer"},
		"too large":                 {"code", "push", big, sign(big), 0, 413, 0, "26214400 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore()
			s.failFrom = tc.failFrom
			code, body := serve(t, s, request(tc.connection, tc.event, tc.body, tc.signature))
			if code != tc.code || !strings.Contains(body, tc.want) || len(s.events) != tc.stored {
				t.Errorf("%d %q, %d stored; want %d %q, %d", code, body, len(s.events), tc.code, tc.want, tc.stored)
			}
			if strings.Contains(body, "etcd") || strings.Contains(body, "gozer/x") {
				t.Errorf("the inside shows: %s", body)
			}
		})
	}
}

func TestWhatIsStored(t *testing.T) {
	s := newStore()
	serve(t, s, request("code", "push", push, sign(push)))
	want := model.TriggerEvent{
		Name: intake.EventName("code", model.TriggerEvent{Event: "push"}, push, 0), Connection: "code", Event: "push", Project: "acme/api", Ref: "refs/heads/main", Branch: "main",
		OldRev: "a", NewRev: "b", Account: "ann", ReceivedAt: noon,
	}
	if diff := cmp.Diff(map[string]model.TriggerEvent{want.Name: want}, s.events); diff != "" {
		t.Error(diff)
	}
}

// TestRepeats: the same webhook, redelivered under another id, is the same event; another is not.
func TestRepeats(t *testing.T) {
	s := newStore()
	for _, delivery := range []string{"d-1", "d-1", "d-2"} {
		r := request("code", "pull_request", labels, sign(labels))
		r.Header.Set("X-Gitea-Delivery", delivery)
		if code, body := serve(t, s, r); code != 200 {
			t.Fatal(code, body)
		}
	}
	if len(s.events) != 2 {
		t.Errorf("stored: %v", s.names())
	}
	serve(t, s, request("other", "pull_request", labels, sign(labels)))
	changed := strings.Replace(labels, `"number":3`, `"number":4`, 1)
	serve(t, s, request("code", "pull_request", changed, sign(changed)))
	if len(s.events) != 6 {
		t.Errorf("stored: %v", s.names())
	}
	for _, name := range s.names() {
		if len(name) > 63 || !strings.HasPrefix(name, "ev-") {
			t.Errorf("name %q", name)
		}
	}
}

// TestInterrupted: what failed half-way is completed by the repeat, under the same names.
func TestInterrupted(t *testing.T) {
	s := newStore()
	s.failFrom = 2
	if code, _ := serve(t, s, request("code", "pull_request", labels, sign(labels))); code != 503 {
		t.Fatal(code)
	}
	s.failFrom = 0
	if code, _ := serve(t, s, request("code", "pull_request", labels, sign(labels))); code != 200 || len(s.events) != 2 {
		t.Errorf("%d, %v", code, s.names())
	}
}

// TestStoreThatHangs: the host is told to come again when it gives up, never that it was stored.
func TestStoreThatHangs(t *testing.T) {
	s := newStore()
	s.block = true
	r := request("code", "push", push, sign(push))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h := &intake.Handler{Connections: connections{}, Store: s, Log: logr.Discard(), Now: time.Now}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(ctx))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestInvalid: what is never stored is not asked for again.
func TestInvalid(t *testing.T) {
	s := newStore()
	s.invalid = true
	if code, body := serve(t, s, request("code", "push", push, sign(push))); code != http.StatusUnprocessableEntity || !strings.Contains(body, "does not help") || strings.Contains(body, "label") {
		t.Errorf("%d %s", code, body)
	}
}

// TestManyLargeWebhooks: who sends them is not known before they are read.
func TestManyLargeWebhooks(t *testing.T) {
	h := &intake.Handler{Connections: connections{}, Store: newStore(), Log: logr.Discard(), Now: time.Now}
	post := func(body io.Reader) *httptest.ResponseRecorder {
		r := request("code", "push", "", "")
		r.Body, r.ContentLength = io.NopCloser(body), 2<<20
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	var ended sync.WaitGroup
	var ends []*io.PipeWriter
	for range 4 {
		body, end := io.Pipe()
		ends = append(ends, end)
		ended.Go(func() { post(body) })
		if _, err := end.Write([]byte(" ")); err != nil { // it is being read
			t.Fatal(err)
		}
	}
	if w := post(strings.NewReader(push)); w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, end := range ends {
		end.Close() //nolint:errcheck // it cannot fail
	}
	ended.Wait()
	if w := post(strings.NewReader(push)); w.Code != http.StatusUnauthorized {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestCutOff(t *testing.T) {
	r := request("code", "push", "", sign(push))
	r.Body = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF))
	if code, body := serve(t, newStore(), r); code != http.StatusBadRequest || !strings.Contains(body, "cut off") {
		t.Errorf("%d %s", code, body)
	}
}
