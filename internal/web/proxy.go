package web

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/logstore"
	"github.com/gozer-dev/gozer/internal/managerapi"
)

// slowest is how long a reader may take for one write.
const slowest = 60 * time.Second

// logs hands on a log. The path is made anew from parts that were checked.
func (s *server) logs(w http.ResponseWriter, r *http.Request) {
	attempt := r.PathValue("attempt")
	path, ok := logPath(r.PathValue("namespace"), r.PathValue("build"), attempt)
	if !ok {
		http.Error(w, logstore.ErrBadKey.Error(), http.StatusBadRequest)
		return
	}
	if r.Method == http.MethodGet && r.URL.Query().Get("follow") == "true" {
		s.follow(w, r, path)
		return
	}
	s.forward(w, r, path, []string{"offset"})
}

// files hands on a file of a build, or which there are.
func (s *server) files(w http.ResponseWriter, r *http.Request) {
	attempt := r.PathValue("attempt")
	path, ok := logPath(r.PathValue("namespace"), r.PathValue("build"), attempt)
	name := r.PathValue("name")
	if !ok || name != "" && buildspec.CheckFileName(name) != nil {
		http.Error(w, "a file is at /logs/<tenant>/<build>/<attempt>/<name>", http.StatusBadRequest)
		return
	}
	if name == "" && strings.Contains(r.Header.Get("Accept"), "text/html") {
		s.listing(w, r, path)
		return
	}
	w.Header().Set("Vary", "Accept, Accept-Encoding")
	s.forward(w, r, path+"/"+name, nil)
}

// logPath is the manager's path of a log; an empty attempt is the newest.
func logPath(namespace, build, attempt string) (string, bool) {
	number := attempt
	if number == "" {
		number = "0"
	}
	k, err := logstore.ParseKey(namespace, build, number)
	if err != nil {
		return "", false
	}
	path := "/logs/" + k.Namespace + "/" + k.Build
	if attempt != "" {
		path += "/" + strconv.Itoa(k.Attempt)
	}
	return path, true
}

func (s *server) builds(w http.ResponseWriter, r *http.Request) {
	s.forward(w, r, "/api/builds", managerapi.Parameters)
}

func (s *server) build(w http.ResponseWriter, r *http.Request) {
	path, ok := buildPath(r.PathValue("namespace"), r.PathValue("build"))
	if !ok {
		http.Error(w, managerapi.ErrNotFound.Error(), http.StatusNotFound)
		return
	}
	s.forward(w, r, path, nil)
}

func buildPath(namespace, build string) (string, bool) {
	k, err := logstore.ParseKey(namespace, build, "0")
	return "/api/builds/" + k.Namespace + "/" + k.Build, err == nil
}

// passed are the headers of a request that go to the manager: which part of a
// file, and which version of it is known.
var passed = []string{"Range", "If-Range", "If-None-Match", "If-Modified-Since"}

func headersFor(bearer string, in http.Header) http.Header {
	out := http.Header{"Authorization": {bearer}, "Accept-Encoding": {"identity"}, "User-Agent": {"gozer-web"}}
	for _, name := range passed {
		if v := in.Get(name); v != "" && len(v) < maxHeader {
			out.Set(name, v)
		}
	}
	return out
}

// maxHeader is more than any of them needs.
const maxHeader = 1000

// forward asks the manager and passes its answer on as it comes. Of the
// request only the method, the path that is given, the parameters that are
// allowed, and a few headers go there.
func (s *server) forward(w http.ResponseWriter, r *http.Request, path string, allowed []string) {
	target := *s.manager
	target.Path += path
	target.RawQuery = only(r.URL.Query(), allowed).Encode()
	p := &httputil.ReverseProxy{
		Transport:     s.transport,
		FlushInterval: -1,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL = &target
			p.Out.Host = target.Host
			p.Out.Body, p.Out.ContentLength = http.NoBody, 0
			p.Out.Header = headersFor(s.bearer, r.Header)
		},
		ModifyResponse: func(resp *http.Response) error {
			err := s.check(resp)
			if err == nil && takesGzip(r.Header) {
				compress(resp)
			}
			return err
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() == nil {
				s.log.Error(err, "The manager does not answer", "path", path)
			}
			http.Error(w, unreachable, http.StatusBadGateway)
		},
	}
	p.ServeHTTP(&patient{ResponseWriter: w, rc: http.NewResponseController(w)}, r)
}

const unreachable = "the manager cannot be asked now; try again in a moment"

func only(q url.Values, allowed []string) url.Values {
	out := url.Values{}
	for _, name := range allowed {
		if v, ok := q[name]; ok {
			out[name] = v
		}
	}
	return out
}

// check lets answers through that are meant for a visitor. That the manager
// refuses this service's own token is not the visitor's affair.
func (s *server) check(resp *http.Response) error {
	resp.Header.Del("Set-Cookie")
	resp.Header.Del("WWW-Authenticate")
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code/100 == 3 && code != http.StatusNotModified, code/100 == 5:
		s.log.Info("The manager's answer is not passed on; have web and manager the same token key?", "status", code, "path", resp.Request.URL.Path)
		body := []byte(unreachable + "\n")
		_ = resp.Body.Close()
		resp.StatusCode, resp.Status = http.StatusBadGateway, ""
		resp.Header = http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "X-Content-Type-Options": {"nosniff"}, "Content-Length": {strconv.Itoa(len(body))}}
		resp.ContentLength = int64(len(body))
		resp.Body = io.NopCloser(bytes.NewReader(body))
	}
	return nil
}

// patient gives every write its own deadline: a follower may stay for hours,
// but one that does not read goes.
type patient struct {
	http.ResponseWriter
	rc *http.ResponseController
}

func (p *patient) Write(b []byte) (int, error) {
	_ = p.rc.SetWriteDeadline(time.Now().Add(slowest))
	return p.ResponseWriter.Write(b)
}

// Unwrap lets the proxy flush.
func (p *patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }
