package fakegithub

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gozer-dev/gozer/internal/testkit/fakegithub/spec"
)

// call is one request while it is answered, with the lock held.
type call struct {
	s      *Server
	r      *http.Request
	op     *spec.Operation
	name   string // of the operation
	path   map[string]string
	query  url.Values
	raw    []byte
	body   Object
	who    *token
	repo   *Repo
	header http.Header
	limit  *limit
}

const maxRequest = 32 << 20

// answer answers a request of the API.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, path string) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
	if err != nil {
		return // who asks is gone
	}
	c := &call{s: s, r: r, raw: raw, query: r.URL.Query(), header: http.Header{}}
	out, fault, b := c.locked(path)
	if fault != nil && fault.Slow > 0 {
		select {
		case <-time.After(fault.Slow):
		case <-r.Context().Done():
		}
	}
	if out.cut {
		panic(http.ErrAbortHandler) // the server closes the connection
	}
	for name, list := range c.header {
		w.Header()[name] = list
	}
	w.WriteHeader(out.status)
	_, _ = w.Write(b)
}

// locked does all that needs the state.
func (c *call) locked(path string) (*reply, *Fault, []byte) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.serving = true
	defer func() { c.s.serving = false }()
	out, fault := c.handle(path)
	return out, fault, c.encode(out)
}

// handle finds what is asked for, and does it unless a fault stands before.
func (c *call) handle(path string) (*reply, *Fault) {
	if out := c.locate(path); out != nil {
		return out, nil
	}
	fault := c.s.fault(c.name)
	if fault != nil {
		if out := fault.before(c); out != nil {
			return out, fault
		}
	}
	out := c.work()
	if fault != nil && fault.Cut {
		out = &reply{status: http.StatusBadGateway, cut: true}
	}
	return out, fault
}

// locate finds the operation.
func (c *call) locate(path string) *reply {
	c.header.Set("X-Github-Request-Id", fmt.Sprintf("FAKE:%X", c.s.id()))
	if v := c.s.options.EnterpriseVersion; v != "" {
		c.header.Set("X-Github-Enterprise-Version", v)
	}
	if path == "/graphql" {
		c.name = "POST /graphql"
		if c.r.Method != http.MethodPost || c.s.options.NoGraphQL {
			return notFound()
		}
		return nil
	}
	op, values, err := c.s.spec.Find(c.r.Method, path)
	if err == nil && c.s.routes[op.String()].handle == nil {
		err = fmt.Errorf("the fake has no %s", op)
	}
	if err != nil {
		c.s.mistake("%v", err)
		return notFound()
	}
	c.op, c.path, c.name = op, values, op.String()
	return nil
}

// work checks who asks and what, and answers.
func (c *call) work() *reply {
	if c.r.UserAgent() == "" {
		return problem(http.StatusForbidden, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.")
	}
	if accept := c.r.Header.Get("Accept"); accept != "" && !acceptable(accept) {
		return problem(http.StatusUnsupportedMediaType, "Unsupported 'Accept' header: '"+accept+"'. Must accept 'application/json'.")
	}
	route := c.s.routes[c.name]
	if out := c.identify(route); out != nil {
		return out
	}
	if out := c.spend(); out != nil {
		return out
	}
	if c.op == nil {
		return c.s.graphql(c)
	}
	if out := c.check(); out != nil {
		return out
	}
	if out := c.permit(route); out != nil {
		return out
	}
	return route.handle(c)
}

// acceptable media types: JSON, and GitHub's own, of which those for previews that
// ended long ago are still taken.
func acceptable(accept string) bool {
	return strings.Contains(accept, "json") || strings.Contains(accept, "*/*") || strings.Contains(accept, "application/vnd.github.")
}

// identify says who asks, and whether such may ask this.
func (c *call) identify(route route) *reply {
	who, no := c.s.authenticate(c.r)
	switch {
	case no != nil && route.public && c.r.Header.Get("Authorization") == "":
		who = &token{name: "nobody", login: "ghost"}
	case no != nil:
		return no
	}
	c.who = who
	if route.jwt && !who.app {
		return problem(http.StatusUnauthorized, "A JSON web token could not be decoded")
	}
	if !route.jwt && !route.public && who.app {
		return problem(http.StatusForbidden, "Resource not accessible by integration")
	}
	return nil
}

// check checks the request against the description.
func (c *call) check() *reply {
	wrong := c.op.CheckQuery(c.query)
	body, more := c.op.CheckBody(c.raw)
	wrong = append(wrong, more...)
	if len(wrong) > 0 {
		c.s.mistake("%s: %s", c.op, strings.Join(wrong, "; "))
		if slices.Contains(wrong, "Problems parsing JSON") {
			return problem(http.StatusBadRequest, "Problems parsing JSON")
		}
		return problem(http.StatusUnprocessableEntity, "Invalid request.\n\n"+strings.Join(wrong, "\n"))
	}
	c.body, _ = body.(Object)
	return nil
}

// permit finds the repository, if there is one to be found, and looks whether
// the token may do that there.
func (c *call) permit(route route) *reply {
	if !strings.HasPrefix(c.op.Template, "/repos/{owner}/{repo}") || route.jwt {
		return nil
	}
	repo := c.s.find(c.path["owner"] + "/" + c.path["repo"])
	if repo == nil || !c.who.sees(repo) {
		return notFound()
	}
	c.repo = repo
	for _, name := range strings.Split(route.permission, "|") {
		if c.who.may(name, route.level) {
			return c.permitPerson(route)
		}
	}
	c.header.Set("X-Accepted-Github-Permissions", route.permission+"="+route.level)
	return problem(http.StatusForbidden, "Resource not accessible by integration")
}

// viewerRole is the role of who asks.
func (c *call) viewerRole(r *Repo) string {
	if c.who.installation != nil && c.who.may("contents", "write") {
		return "write"
	}
	return r.role(c.who.login)
}

// permitPerson looks at the role of a person, who has all permissions elsewhere.
func (c *call) permitPerson(route route) *reply {
	if c.who.installation != nil || route.level != "write" {
		return nil
	}
	if !c.inScope(route) {
		return notFound() // as GitHub says it, without a word of the scope
	}
	if c.repo.writes(c.who.login) {
		return nil
	}
	if strings.HasSuffix(c.op.Template, "/comments") || strings.HasSuffix(c.op.Template, "/reviews") {
		return nil // everybody may
	}
	return problem(http.StatusForbidden, "Must have write access to repository.") // as GitHub says of most
}

// inScope says whether a person's token is meant for writing that.
func (c *call) inScope(route route) bool {
	for _, scope := range c.who.scopes {
		if scope == "repo" || scope == "public_repo" && !c.repo.private || scope == "repo:status" && route.permission == "statuses" {
			return true
		}
	}
	return false
}

// encode writes the reply's body, checks that it is what GitHub promises, and
// answers 304 when it is known already.
func (c *call) encode(out *reply) []byte {
	c.header.Set("Content-Type", "application/json; charset=utf-8")
	c.header.Set("X-Github-Media-Type", "github.v3; format=json")
	b := c.marshal(out)
	if out.status == http.StatusOK && c.r.Method == http.MethodGet {
		sum := sha256.Sum256(append(b, c.who.name...))
		etag := `W/"` + hex.EncodeToString(sum[:]) + `"`
		c.header.Set("ETag", etag)
		c.header.Set("Cache-Control", "private, max-age=60, s-maxage=60")
		if slices.Contains(strings.Split(c.r.Header.Get("If-None-Match"), ", "), etag) {
			out.status, b = http.StatusNotModified, nil
			c.header.Del("Content-Type")
			c.unspend()
		}
	}
	c.tally(out.status == http.StatusNotModified)
	if c.limit != nil {
		c.limit.tell(c.header)
	}
	if c.who != nil && c.who.scopes != nil {
		c.header.Set("X-Oauth-Scopes", strings.Join(c.who.scopes, ", "))
	}
	return b
}

func (c *call) tally(unchanged bool) {
	switch {
	case c.name == "":
	case unchanged:
		c.s.unchanged[c.name]++
	default:
		c.s.counts[c.name]++
	}
}

func (c *call) marshal(out *reply) []byte {
	if out.message != "" {
		return c.problem(out)
	}
	if out.status == http.StatusNoContent || out.body == nil {
		return nil
	}
	if out.done || c.op == nil {
		b, err := json.Marshal(out.body)
		c.s.must(err)
		return b
	}
	b, err := c.op.Complete(out.status, out.body)
	if err != nil {
		c.s.mistake("the fake's own answer to %s: %v", c.op, err)
	}
	return b
}

func (c *call) problem(out *reply) []byte {
	body := Object{"message": out.message, "status": strconv.Itoa(out.status), "documentation_url": "https://docs.github.com/rest"}
	if c.op != nil && c.op.Docs != "" {
		body["documentation_url"] = c.op.Docs
	}
	if len(out.errors) > 0 {
		body["errors"] = out.errors
	}
	b, err := json.Marshal(body)
	c.s.must(err)
	return b
}

// number in the path.
func (c *call) number(name string) int64 {
	n, err := strconv.ParseInt(c.path[name], 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// onPull finds the pull request.
func onPull(param string, f func(c *call, p *Pull) *reply) func(c *call) *reply {
	return func(c *call) *reply {
		p := c.repo.pull(int(c.number(param)))
		if p == nil {
			return notFound()
		}
		return f(c, p)
	}
}

// text of the body.
func (c *call) text(name string) string {
	t, _ := c.body[name].(string)
	return t
}
