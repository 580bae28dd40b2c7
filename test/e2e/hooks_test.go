package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gozer-dev/gozer/test/e2e/story"
)

// hookProxy stands between the forge and Gozer. It passes webhooks on as they
// are, or twice and out of order.
type hookProxy struct {
	url    string
	target string
	server *http.Server

	mu    sync.Mutex
	chaos *rand.Rand // nil: pass on as they are
	sent  int        // deliveries in chaos, repeats too
	late  sync.WaitGroup
}

// reachable is the address at which the cluster reaches this machine: the one
// before the node's.
func reachable(s story.Settings) (string, error) {
	u, err := url.Parse(s.Forge.URL)
	if err != nil {
		return "", err
	}
	node, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return "", err
	}
	return node.Prev().String(), nil
}

// startHookProxy listens where the cluster reaches it.
func startHookProxy(s story.Settings) (*hookProxy, error) {
	host, err := reachable(s)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, fmt.Errorf("webhooks: %w", err)
	}
	p := &hookProxy{url: "http://" + listener.Addr().String(), target: s.WebURL}
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second}
	go p.server.Serve(listener)
	return p, nil
}

func (p *hookProxy) stop() { _ = p.server.Close() }

// misbehave sends everything twice until the returned function is called,
// which waits for what is still under way.
func (p *hookProxy) misbehave(seed uint64) (behave func() (sent int)) {
	p.mu.Lock()
	p.chaos, p.sent = rand.New(rand.NewPCG(seed, 0)), 0
	p.mu.Unlock()
	return func() int {
		p.mu.Lock()
		p.chaos = nil
		p.mu.Unlock()
		p.late.Wait()
		return p.sent
	}
}

// Delays of a webhook that misbehaves.
const (
	maxLate   = 3 * time.Second
	maxRepeat = 5 * time.Second
)

func (p *hookProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	chaos := p.chaos != nil
	var late, again time.Duration
	if chaos {
		late, again = p.random(maxLate), p.random(maxRepeat)
		if strings.HasPrefix(r.Header.Get("X-Gitea-Event"), "pull_request_review") || strings.HasPrefix(r.Header.Get("X-Gitea-Event-Type"), "pull_request_review") {
			late = 0 // the order of approvals is the order in the queue: Bob's will, not an accident
		}
		p.late.Add(2)
	}
	p.mu.Unlock()
	if !chaos {
		code, answer, err := p.pass(r.Context(), r, body)
		if err != nil {
			code, answer = http.StatusBadGateway, err.Error()
		}
		w.WriteHeader(code)
		fmt.Fprint(w, answer)
		return
	}
	first := make(chan struct{})
	go p.passLater(r.Clone(context.Background()), body, late, first)
	go p.passLater(r.Clone(context.Background()), body, late+again, nil)
	if late == 0 {
		<-first
	}
}

func (p *hookProxy) random(limit time.Duration) time.Duration {
	return time.Duration(p.chaos.Int64N(int64(limit)))
}

// passLater passes a webhook on until it is taken.
func (p *hookProxy) passLater(r *http.Request, body []byte, after time.Duration, done chan struct{}) {
	defer p.late.Done()
	if done != nil {
		defer close(done)
	}
	time.Sleep(after)
	for range 50 {
		code, _, err := p.pass(context.Background(), r, body)
		if err == nil && code/100 == 2 {
			break
		}
		time.Sleep(200 * time.Millisecond)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent++
}

func (p *hookProxy) pass(ctx context.Context, r *http.Request, body []byte) (int, string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.target+r.URL.Path, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header = r.Header.Clone()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(answer), err
}
