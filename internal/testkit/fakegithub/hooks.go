package fakegithub

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // the older of GitHub's two signatures
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Delivery of a webhook.
type Delivery struct {
	ID                           int64
	GUID, Event, Action          string
	DeliveredAt                  time.Time
	Redelivery                   bool
	Status                       string
	StatusCode                   int
	InstallationID, RepositoryID int64
	Headers                      map[string]string
	Payload                      json.RawMessage
	Answer                       string
	Duration                     time.Duration

	hook *hook
}

// hook is somebody who wants to be told.
type hook struct {
	id          int64
	url, secret string
	owner       string // of repositories; the App's when empty
}

// hooks sends webhooks, in order, one at a time.
type hooks struct {
	s          *Server
	wake       *sync.Cond
	app        *hook
	others     []*hook
	queue      []*Delivery
	held       []*Delivery
	holding    bool
	drop       int
	twice      int
	busy       bool
	ended      bool
	done       chan struct{}
	deliveries []*Delivery // of the App, which GitHub keeps
	client     http.Client
	life       context.Context // of what is under way: it ends with the server
	end        context.CancelFunc
}

func newHooks(s *Server) *hooks {
	h := &hooks{s: s, wake: sync.NewCond(&s.mu), done: make(chan struct{}), client: http.Client{Timeout: 10 * time.Second}}
	h.life, h.end = context.WithCancel(context.Background())
	go h.run()
	return h
}

// close gives up the webhook that is under way; others are not sent.
func (h *hooks) close() {
	h.end()
	h.s.mu.Lock()
	h.ended = true
	h.wake.Broadcast()
	h.s.mu.Unlock()
	<-h.done
}

func (h *hooks) run() {
	defer close(h.done)
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	for {
		for len(h.queue) == 0 && !h.ended {
			h.wake.Wait()
		}
		if h.ended {
			return
		}
		d := h.queue[0]
		h.queue, h.busy = h.queue[1:], true
		h.s.mu.Unlock()
		status, code, answer, took := h.deliver(d)
		h.s.mu.Lock()
		d.Status, d.StatusCode, d.Answer, d.Duration = status, code, answer, took
		h.busy = false
		h.wake.Broadcast()
	}
}

// deliver posts one.
func (h *hooks) deliver(d *Delivery) (status string, code int, answer string, took time.Duration) {
	began := time.Now()
	r, err := http.NewRequestWithContext(h.life, http.MethodPost, d.hook.url, bytes.NewReader(d.Payload))
	if err != nil {
		return err.Error(), 0, "", 0
	}
	for name, value := range d.Headers {
		r.Header.Set(name, value)
	}
	out, err := h.client.Do(r)
	took = time.Since(began)
	if err != nil {
		return "failed to connect to host", http.StatusBadGateway, "", took
	}
	defer out.Body.Close()
	b, _ := io.ReadAll(io.LimitReader(out.Body, 1<<16)) //nolint:errcheck // for people to look at
	if out.StatusCode >= 300 {
		return "Invalid HTTP Response: " + strconv.Itoa(out.StatusCode), out.StatusCode, string(b), took
	}
	return "OK", out.StatusCode, string(b), took
}

// send sends what happened in a repository to the App, where it is installed
// and may know, and to the hooks of the owner.
func (h *hooks) send(r *Repo, event, action string, payload Object) {
	if i := h.s.installation(r); h.app != nil && i != nil && i.suspended.IsZero() && i.mayKnow(event) {
		h.sendFor(i, event, action, withInstallation(payload, i), r)
	}
	for _, other := range h.others {
		if strings.EqualFold(other.owner, r.owner) || strings.EqualFold(other.owner, r.Name()) {
			h.enqueue(other, event, action, payload, nil, r)
		}
	}
}

func (i *Installation) mayKnow(event string) bool {
	for _, name := range strings.Split(needs[event], "|") {
		if i.permissions[name] != "" || name == "" {
			return true
		}
	}
	return false
}

func withInstallation(payload Object, i *Installation) Object {
	out := Object{"installation": Object{"id": i.ID, "node_id": nodeID("MDI", i.ID)}}
	for name, value := range payload {
		out[name] = value
	}
	return out
}

// sendFor sends to the App.
func (h *hooks) sendFor(i *Installation, event, action string, payload Object, about ...*Repo) {
	if h.app != nil {
		var r *Repo
		if len(about) > 0 {
			r = about[0]
		}
		h.enqueue(h.app, event, action, payload, i, r)
	}
}

func (h *hooks) enqueue(to *hook, event, action string, payload Object, i *Installation, r *Repo) {
	b, err := h.s.spec.CompleteWebhook(event, action, payload)
	if err != nil {
		h.s.mistake("the fake's own webhook %s %s: %v", event, action, err)
	}
	d := &Delivery{ID: h.s.id(), GUID: guid(), Event: event, Action: action, DeliveredAt: h.s.now(), Status: "queued", Payload: b, hook: to}
	if i != nil {
		d.InstallationID = i.ID
	}
	if r != nil {
		d.RepositoryID = r.id
	}
	d.Headers = to.headers(h.s, d)
	h.dispatch(d)
}

// dispatch sends, or does what a test wants to go wrong.
func (h *hooks) dispatch(d *Delivery) {
	if h.holding {
		h.held = append(h.held, d)
		return
	}
	if d.hook == h.app {
		h.deliveries = append(h.deliveries, d)
	}
	if h.drop > 0 {
		h.drop--
		d.Status, d.StatusCode = "failed to connect to host", http.StatusBadGateway
		return
	}
	h.queue = append(h.queue, d)
	if h.twice > 0 {
		h.twice--
		again := *d
		h.queue = append(h.queue, &again)
	}
	h.wake.Broadcast()
}

func (k *hook) headers(s *Server, d *Delivery) map[string]string {
	out := map[string]string{"Content-Type": "application/json", "User-Agent": "GitHub-Hookshot/fa4e000", "Accept": "*/*",
		"X-GitHub-Event": d.Event, "X-GitHub-Delivery": d.GUID, "X-GitHub-Hook-ID": strconv.FormatInt(k.id, 10),
		"X-GitHub-Hook-Installation-Target-Type": "organization", "X-GitHub-Hook-Installation-Target-ID": strconv.FormatInt(s.user(k.owner).id, 10)}
	if k.owner == "" {
		out["X-GitHub-Hook-Installation-Target-Type"] = "integration"
		out["X-GitHub-Hook-Installation-Target-ID"] = strconv.FormatInt(s.App.ID, 10)
	}
	if v := s.options.EnterpriseVersion; v != "" {
		out["X-GitHub-Enterprise-Version"], out["X-GitHub-Enterprise-Host"] = v, strings.TrimPrefix(s.URL, "http://")
	}
	if k.secret != "" {
		out["X-Hub-Signature"] = "sha1=" + sign1(d.Payload, k.secret)
		out["X-Hub-Signature-256"] = "sha256=" + Sign(d.Payload, k.secret)
	}
	return out
}

// Sign gives what stands behind "sha256=" in X-Hub-Signature-256.
func Sign(body []byte, secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

func sign1(body []byte, secret string) string {
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

func guid() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // which never fails
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func (h *hooks) delivery(id int64) *Delivery {
	i := slices.IndexFunc(h.deliveries, func(d *Delivery) bool { return d.ID == id })
	if i < 0 {
		return nil
	}
	return h.deliveries[i]
}
