package fakegithub

import (
	"context"
	"crypto/rsa"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gozer-dev/gozer/internal/testkit/fakegithub/spec"
)

// Object is a JSON object.
type Object = spec.Object

// Options of a server. The zero value is github.com as it is.
type Options struct {
	// Address to listen at; a free port of this machine when it is empty. URL is what
	// the server is called in what it says; the address when it is empty.
	Address, URL string
	// Dir holds the repositories; a temporary one when it is empty.
	Dir string
	// Now is the server's clock.
	Now func() time.Time
	// Wrong is told of every request that is a mistake of who asks, and of every
	// mistake of the fake itself.
	Wrong func(problem string)
	// Fatal is told when people do what they cannot; it does not return.
	Fatal func(problem string)
	// NoGraphQL answers 404 to GraphQL.
	NoGraphQL bool
	// EnterpriseVersion is told in a header and by /meta, as Enterprise servers do.
	EnterpriseVersion string
	// SearchLimit is how many searches a minute are allowed: 30 unless said.
	SearchLimit int
}

// Server is a GitHub.
type Server struct {
	// URL of the server, without a slash at its end.
	URL string
	// App that the server knows.
	App App

	options Options
	spec    *spec.Spec
	http    *httptest.Server
	ownDir  bool

	mu            sync.Mutex
	lastID        int64
	users         map[string]*user
	apps          map[string]int64
	repos         []*Repo
	installations []*Installation
	tokens        map[string]*token
	limits        map[string]*limit
	counts        map[string]int
	unchanged     map[string]int
	wrong         []string
	faults        []*Fault
	merged        []string
	hooks         *hooks
	routes        map[string]route
	serving       bool // a request is answered
}

// App is a GitHub App.
type App struct {
	ID         int64
	Slug, Name string
	key        *rsa.PrivateKey
}

// New starts a GitHub that ends with the test. A request that GitHub would not
// know is an error of the test.
func New(t testing.TB, edits ...func(*Options)) *Server {
	t.Helper()
	o := Options{Dir: t.TempDir(), Wrong: func(p string) { t.Errorf("fakegithub: %s", p) }, Fatal: func(p string) { t.Helper(); t.Fatalf("fakegithub: %s", p) }}
	for _, edit := range edits {
		edit(&o)
	}
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// Start starts a GitHub. Who starts it closes it.
func Start(o Options) (*Server, error) {
	described, err := spec.Load()
	if err != nil {
		return nil, err
	}
	key, err := appKey()
	if err != nil {
		return nil, err
	}
	s := &Server{options: o, spec: described, App: App{ID: 4711, Slug: "gozer", Name: "Gozer", key: key}, lastID: 1000,
		users: map[string]*user{}, apps: map[string]int64{"gozer": 4711}, tokens: map[string]*token{}, limits: map[string]*limit{},
		counts: map[string]int{}, unchanged: map[string]int{}}
	if err := s.defaults(); err != nil {
		return nil, err
	}
	s.routes = s.allRoutes()
	s.hooks = newHooks(s)
	git, err := s.gitHandler()
	if err != nil {
		return nil, err
	}
	s.http = httptest.NewUnstartedServer(s.split(git))
	if o.Address != "" {
		_ = s.http.Listener.Close() // of the free port
		if s.http.Listener, err = (&net.ListenConfig{}).Listen(context.Background(), "tcp", o.Address); err != nil {
			s.hooks.close()
			return nil, err
		}
	}
	s.http.Start()
	s.URL = o.URL
	orSo(&s.URL, s.http.URL)
	return s, nil
}

func (s *Server) defaults() (err error) {
	o := &s.options
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Wrong == nil {
		o.Wrong = func(string) {}
	}
	if o.Fatal == nil {
		o.Fatal = func(p string) { panic("fakegithub: " + p) }
	}
	if o.SearchLimit == 0 {
		o.SearchLimit = 30
	}
	if o.Dir == "" {
		s.ownDir = true
		o.Dir, err = os.MkdirTemp("", "fakegithub")
	}
	return err
}

// Close ends the server and waits until no webhook is under way.
func (s *Server) Close() {
	s.hooks.close()
	s.http.Close()
	if s.ownDir {
		_ = os.RemoveAll(s.options.Dir)
	}
}

// split sends git, GraphQL and REST their ways.
func (s *Server) split(git http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.EscapedPath()
		switch {
		case strings.Contains(path, ".git/"):
			git.ServeHTTP(w, r)
		case path == "/graphql" || path == "/api/graphql":
			s.answer(w, r, "/graphql")
		default:
			if rest, ok := strings.CutPrefix(path, "/api/v3"); ok {
				path = rest
			}
			s.answer(w, r, strings.TrimSuffix(path, "/"))
		}
	})
}

// Wrong lists what was wrong: requests that GitHub would not understand, and
// answers that it would not give.
func (s *Server) Wrong() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.wrong...)
}

// Requests that were made, by operation: "GET /repos/{owner}/{repo}". Those that
// were answered by 304 are not among them.
func (s *Server) Requests() map[string]int { return s.copyOf(&s.counts) }

// Unchanged are the requests that were answered by 304, by operation.
func (s *Server) Unchanged() map[string]int { return s.copyOf(&s.unchanged) }

func (s *Server) copyOf(m *map[string]int) map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]int{}
	for k, n := range *m {
		out[k] = n
	}
	return out
}

// ForgetRequests begins to count anew.
func (s *Server) ForgetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts, s.unchanged = map[string]int{}, map[string]int{}
}

// MergedOrder lists what was merged, in order: "acme/api#1".
func (s *Server) MergedOrder() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.merged...)
}

// mistake notes what is wrong. The lock must be held.
func (s *Server) mistake(format string, args ...any) {
	p := fmt.Sprintf(format, args...)
	s.wrong = append(s.wrong, p)
	s.options.Wrong(p)
}

// must stops people who do what they cannot. What goes wrong while a request is
// answered is the fake's mistake, and nobody else's goroutine ends by it.
func (s *Server) must(err error) {
	switch {
	case err == nil:
	case s.serving:
		s.mistake("%v", err)
		panic(http.ErrAbortHandler)
	default:
		s.options.Fatal(err.Error())
	}
}

func (s *Server) now() time.Time { return s.options.Now().UTC().Truncate(time.Second) }

// id is a new one. The lock must be held.
func (s *Server) id() int64 {
	s.lastID++
	return s.lastID
}

// find a repository. The lock must be held.
func (s *Server) find(fullName string) *Repo {
	for _, r := range s.repos {
		if strings.EqualFold(r.Name(), fullName) {
			return r
		}
	}
	return nil
}
