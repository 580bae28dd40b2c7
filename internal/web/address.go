package web

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
)

// defaultOfOne is how many logs one address may follow at once.
const defaultOfOne = 100

// tooManyOfOne is what others of the same address are told.
const tooManyOfOne = "too many logs are followed from your address now; try again in a moment, or read the log without following it"

// perAddress counts who follows by where they come from, so that nobody takes
// all places.
type perAddress struct {
	// most of one; below 0 there is no bound.
	most int

	mu    sync.Mutex
	count map[string]int
}

// enter takes a place; without one ok is false. Else leave gives it back.
func (p *perAddress) enter(r *http.Request) (leave func(), ok bool) {
	most := p.most
	if most == 0 {
		most = defaultOfOne
	}
	from := addressOf(r)
	p.mu.Lock()
	defer p.mu.Unlock()
	if most > 0 && p.count[from] >= most {
		return nil, false
	}
	if p.count == nil {
		p.count = map[string]int{}
	}
	p.count[from]++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.count[from]--; p.count[from] == 0 {
			delete(p.count, from)
		}
	}, true
}

// addressOf is where a request comes from. Proxies of the cluster stand before
// this and have private addresses; what they say counts, and only the last of
// it: all before was said by the client. Of IPv6 it is the network, for that is
// what one client has.
func addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	said := r.Header.Values("X-Forwarded-For")
	if len(said) > 0 && (addr.Unmap().IsPrivate() || addr.Unmap().IsLoopback()) {
		last := said[len(said)-1]
		last = strings.TrimSpace(last[strings.LastIndex(last, ",")+1:])
		if client, err := netip.ParseAddr(last); err == nil {
			addr = client
		}
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is6() {
		if network, err := addr.Prefix(64); err == nil {
			return network.String()
		}
	}
	return addr.String()
}
