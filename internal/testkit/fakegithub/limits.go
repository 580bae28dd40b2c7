package fakegithub

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// limit of requests of one token and kind.
type limit struct {
	resource string
	size     int
	used     int
	reset    time.Time
	window   time.Duration
}

func (l *limit) tell(h http.Header) {
	h.Set("X-Ratelimit-Limit", strconv.Itoa(l.size))
	h.Set("X-Ratelimit-Remaining", strconv.Itoa(max(l.size-l.used, 0)))
	h.Set("X-Ratelimit-Used", strconv.Itoa(l.used))
	h.Set("X-Ratelimit-Reset", strconv.FormatInt(l.reset.Unix(), 10))
	h.Set("X-Ratelimit-Resource", l.resource)
}

func (l *limit) object() Object {
	return Object{"limit": l.size, "used": l.used, "remaining": max(l.size-l.used, 0), "reset": l.reset.Unix()}
}

// resource that an operation uses.
func resource(name string) string {
	switch {
	case name == "POST /graphql":
		return "graphql"
	case strings.Contains(name, " /search/"):
		return "search"
	}
	return "core"
}

// limitOf a token. The lock must be held.
func (s *Server) limitOf(who *token, resource string) *limit {
	l := s.limits[who.name+" "+resource]
	if l == nil {
		l = &limit{resource: resource, size: 5000, window: time.Hour}
		if resource == "search" {
			l.size, l.window = s.options.SearchLimit, time.Minute
		}
		s.limits[who.name+" "+resource] = l
	}
	if !s.now().Before(l.reset) {
		l.used, l.reset = 0, s.now().Add(l.window)
	}
	return l
}

// SetRemaining says how many requests a token or installation has left until
// then: of "core", "graphql" or "search". Who is a token's text.
func (s *Server) SetRemaining(text, resource string, remaining int, reset time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if who := s.tokens[text]; who != nil {
		l := s.limitOf(who, resource)
		l.used, l.reset = l.size-remaining, reset
	}
}

// SetRemaining does the same for all tokens of an installation.
func (i *Installation) SetRemaining(resource string, remaining int, reset time.Time) {
	i.s.mu.Lock()
	defer i.s.mu.Unlock()
	l := i.s.limitOf(&token{name: i.limits()}, resource)
	l.used, l.reset = l.size-remaining, reset
}

func (i *Installation) limits() string { return "installation " + strconv.FormatInt(i.ID, 10) }

// spend takes one request; asking for the limits is free.
func (c *call) spend() *reply {
	c.limit = c.s.limitOf(c.who, resource(c.name))
	if c.name == "GET /rate_limit" {
		return nil
	}
	if c.limit.used >= c.limit.size {
		return c.exceeded()
	}
	c.limit.used++
	return nil
}

// exceeded is what GitHub says when all requests are used: GraphQL has its own way.
func (c *call) exceeded() *reply {
	const words = "API rate limit exceeded for installation. If you reach out to GitHub Support for help, please include the request ID."
	if c.op == nil {
		return gqlProblem("RATE_LIMITED", words)
	}
	return problem(http.StatusForbidden, words)
}

// unspend gives it back: what did not change costs nothing.
func (c *call) unspend() {
	if c.name != "GET /rate_limit" && c.limit.used > 0 {
		c.limit.used--
	}
}

func (c *call) rateLimit() *reply {
	resources := Object{}
	for _, name := range []string{"core", "graphql", "search"} {
		resources[name] = c.s.limitOf(c.who, name).object()
	}
	return ok(Object{"resources": resources, "rate": c.s.limitOf(c.who, "core").object()})
}
