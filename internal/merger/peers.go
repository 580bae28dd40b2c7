package merger

import (
	"context"
	"net/http"
	"net/http/httputil"
	"time"

	"github.com/gozer-dev/gozer/internal/gitrepo"
)

// forwardedHeader marks what another replica has handed on already.
const forwardedHeader = "Gozer-Forwarded"

// askTime bounds the question to a peer; it looks at a file.
const askTime = 10 * time.Second

// Peers are all replicas of the merger, this one among them. Builds fetch from
// any of them, and what they fetch is where it was published.
type Peers struct {
	ring ring[*Client]
}

// NewPeers makes Peers of the replicas.
func NewPeers(replicas []*Client, now func() time.Time) *Peers {
	p := &Peers{ring: ring[*Client]{now: now}}
	for _, c := range replicas {
		p.ring.add(c.Name(), c)
	}
	return p
}

// servesRequest asks whether a replica has something published.
type servesRequest struct {
	Scope string `json:"scope"`
	Host  string `json:"host"`
	Name  string `json:"name"`
}

type servesResult struct {
	Serves bool `json:"serves"`
}

func (s *Service) serves(_ context.Context, r servesRequest) (servesResult, error) {
	scope, err := gitrepo.ParseScope(r.Scope)
	if err != nil {
		return servesResult{}, badRequest(err)
	}
	_, err = s.store.Served(scope, r.Host, r.Name)
	return servesResult{Serves: err == nil}, nil
}

// forward hands a request of git on to the replica that has what it is about.
// Who asks has been checked, and is checked again there.
func (p *Peers) forward(w http.ResponseWriter, r *http.Request, q servesRequest) {
	away := false
	for m := range p.ring.order(q.Host + "/" + q.Name) {
		serves, err := p.ask(r.Context(), m, q)
		switch {
		case r.Context().Err() != nil:
			return
		case err != nil:
			away = true
		case serves:
			m.to.handOn(w, r)
			return
		}
	}
	if away {
		noPeer(w)
		return
	}
	notPublished(w, q.Host+"/"+q.Name)
}

func (p *Peers) ask(ctx context.Context, m *member[*Client], q servesRequest) (bool, error) {
	bounded, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	res, err := post[servesResult](bounded, m.to, "serves", q)
	if ctx.Err() == nil {
		m.note(p.ring.now(), !isAway(err))
	}
	return res.Serves, err
}

// handOn streams the request to this merger, and its answer back.
func (c *Client) handOn(w http.ResponseWriter, r *http.Request) {
	proxy := &httputil.ReverseProxy{
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.SetURL(c.url)
			pr.Out.Header.Set(forwardedHeader, "yes")
		},
		Transport:     c.http.Transport,
		FlushInterval: -1,
		ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { noPeer(w) },
	}
	proxy.ServeHTTP(w, r)
}

// noPeer: whoever does not answer may have it, and may be back soon.
func noPeer(w http.ResponseWriter) {
	http.Error(w, "a merger that may have this does not answer; try again", http.StatusServiceUnavailable)
}

// notPublished: nobody has it, and nobody will before it is prepared anew.
func notPublished(w http.ResponseWriter, repo string) {
	http.Error(w, "nothing was prepared for this buildset in "+repo, http.StatusNotFound)
}
