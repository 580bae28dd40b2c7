package web

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-logr/logr"

	"github.com/gozer-dev/gozer/internal/logfollow"
	"github.com/gozer-dev/gozer/internal/managerapi"
	"github.com/gozer-dev/gozer/internal/token"
)

// Options of the handler.
type Options struct {
	// Intake takes webhooks; it finds the connection in the path value "connection".
	Intake http.Handler
	// ManagerURL is where the manager is, e.g. "http://gozer-manager:8080".
	ManagerURL string
	// Origins are hosts, besides the one that is asked, whose pages may open the
	// console stream; * stands for anything.
	Origins []string
	// MaxOfOne is how many logs one address may follow at once; default 100, below 0 no bound.
	MaxOfOne int
	Key      token.Key
	Log      logr.Logger
}

// Times that the manager may take.
const (
	dialTime   = 5 * time.Second
	answerTime = 20 * time.Second
)

type server struct {
	manager *url.URL
	bearer  string
	// transport bounds the time to the start of an answer; client that of all of it.
	transport http.RoundTripper
	client    *http.Client
	// hub has those who follow logs.
	hub     *logfollow.Hub
	from    *perAddress
	origins []string
	log     logr.Logger
}

// New makes the handler.
func New(o Options) (http.Handler, error) {
	manager, err := url.Parse(o.ManagerURL)
	if err != nil || manager.Host == "" || manager.Scheme != "http" && manager.Scheme != "https" {
		return nil, fmt.Errorf("the manager's URL must be like http://gozer-manager:8080, not %q", o.ManagerURL)
	}
	manager.Path = strings.TrimRight(manager.Path, "/")
	s := &server{
		manager: manager, bearer: "Bearer " + o.Key.For(token.Internal, managerapi.Role), log: o.Log, origins: o.Origins, from: &perAddress{most: o.MaxOfOne},
		transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: dialTime}).DialContext,
			ResponseHeaderTimeout: answerTime,
			MaxIdleConnsPerHost:   16,
			ReadBufferSize:        64 << 10, // what comes of a log goes on to its followers in as few parts
			IdleConnTimeout:       time.Minute,
		},
	}
	s.hub = &logfollow.Hub{Source: &logfollow.Source{URL: manager.String(), Bearer: s.bearer, Transport: s.transport}}
	s.client = &http.Client{Transport: s.transport, Timeout: answerTime, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // the token goes nowhere else
	}}
	mux := http.NewServeMux()
	mux.Handle("POST /api/connection/{connection}/payload", o.Intake)
	mux.HandleFunc("GET /logs/{namespace}/{build}", s.logs)
	mux.HandleFunc("GET /logs/{namespace}/{build}/{attempt}", s.logs)
	mux.HandleFunc("GET /logs/{namespace}/{build}/{$}", s.files)
	mux.HandleFunc("GET /logs/{namespace}/{build}/{attempt}/{name...}", s.files)
	mux.HandleFunc("GET /api/builds", s.builds)
	mux.HandleFunc("GET /api/builds/{namespace}/{build}", s.build)
	mux.HandleFunc("GET /api/tenant/{tenant}/key/{project...}", s.key)
	mux.HandleFunc("GET /api/tenant/{tenant}/config-errors", s.configErrors)
	mux.HandleFunc("GET /api/tenant/{tenant}/console-stream", s.consoleStream)
	mux.HandleFunc("GET /t/{tenant}/build/{build}", s.page)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }) //nolint:errcheck // the prober has gone
	return mux, nil
}
