package github

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gozer-dev/gozer/internal/lru"
)

// priority of a request: when there is not enough for all, the lower ones wait.
type priority int

const (
	forReading priority = iota // what an event asks for
	forPolling
	forReporting
	forMerging
)

type priorityKey struct{}

func with(ctx context.Context, p priority) context.Context {
	return context.WithValue(ctx, priorityKey{}, p)
}

// reserve is the part of an hour's requests that a priority leaves to higher ones.
func (p priority) reserve(limit int) int {
	switch p {
	case forPolling:
		return limit / 5
	case forReading:
		return limit / 50
	case forReporting:
		return limit / 100
	}
	return 0
}

// Request that was sent.
type Request struct {
	// Endpoint is the method and the path without names: "GET /repos/{owner}/{repo}/pulls/{n}".
	Endpoint string
	// Code of the answer; 0 when there was none.
	Code int
}

// inFlight bounds how many requests of one account are under way; GitHub asks for few.
const inFlight = 8

// keptAnswers bounds how many answers are kept for conditional requests, and keptSize
// each as it is kept: packed, for a page of pull requests is two megabytes of URLs.
const (
	keptAnswers = 512
	keptSize    = 256 << 10
	maxPacked   = 8 << 20
)

// limits of one account: what GitHub said that it has left.
type limits struct {
	now     func() time.Time
	observe func(Request)
	account string

	mu      sync.Mutex
	buckets map[string]bucket
	blocked time.Time
	err     string
	errAt   time.Time
	slots   *slots
	kept    *lru.Cache[string, answer]
}

// bucket is one of GitHub's primary limits: core, graphql, search.
type bucket struct {
	limit, remaining int
	reset            time.Time
}

// answer that is kept to be asked for with its ETag.
type answer struct {
	etag   string
	header http.Header
	packed []byte
}

// around sends requests through a transport as the limits allow.
func (l *limits) around(next http.RoundTripper) http.RoundTripper {
	l.buckets, l.slots, l.kept = map[string]bucket{}, newSlots(inFlight), lru.New[string, answer](keptAnswers)
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		p, _ := r.Context().Value(priorityKey{}).(priority)
		if err := l.slots.take(r.Context(), p); err != nil {
			return nil, err
		}
		defer l.slots.give()
		if err := l.ask(resourceOf(r.URL.Path), p); err != nil {
			return nil, err
		}
		return l.send(next, r)
	})
}

// send sends a request, a conditional one if the answer is known.
func (l *limits) send(next http.RoundTripper, r *http.Request) (*http.Response, error) {
	key := r.URL.String()
	known, conditional := answer{}, false
	if r.Method == http.MethodGet {
		if known, conditional = l.kept.Get(key); conditional {
			r = r.Clone(r.Context())
			r.Header.Set("If-None-Match", known.etag)
		}
	}
	resp, err := next.RoundTrip(r)
	if l.observe != nil {
		l.observe(requestOf(r, resp))
	}
	if err != nil {
		return nil, err
	}
	if err := l.learn(resp, resourceOf(r.URL.Path)); err != nil {
		resp.Body.Close() //nolint:errcheck // it is not read
		return nil, err
	}
	switch {
	case conditional && resp.StatusCode == http.StatusNotModified:
		resp.Body.Close() //nolint:errcheck // it has none
		body, err := gzip.NewReader(bytes.NewReader(known.packed))
		if err != nil {
			return nil, err
		}
		return &http.Response{
			Status: "200 OK", StatusCode: http.StatusOK, Proto: resp.Proto, ProtoMajor: resp.ProtoMajor, ProtoMinor: resp.ProtoMinor,
			Header: known.header.Clone(), Body: body, ContentLength: -1, Request: r,
		}, nil
	case r.Method == http.MethodGet && resp.StatusCode == http.StatusOK && resp.Header.Get("ETag") != "":
		return resp, l.keep(key, resp)
	}
	return resp, nil
}

// keep an answer for the next time, if it is small.
func (l *limits) keep(key string, resp *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxPacked+1))
	if err != nil {
		resp.Body.Close() //nolint:errcheck // it is broken
		return err
	}
	if len(body) > maxPacked {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(body), resp.Body), resp.Body}
		return nil
	}
	resp.Body.Close() //nolint:errcheck // it was read
	resp.Body = io.NopCloser(bytes.NewReader(body))
	header := http.Header{}
	for _, name := range []string{"Link", "Content-Type", "X-GitHub-Enterprise-Version"} {
		if v := resp.Header.Get(name); v != "" {
			header.Set(name, v)
		}
	}
	packed, err := pack(body)
	if err == nil && len(packed) <= keptSize {
		l.kept.Put(key, answer{etag: resp.Header.Get("ETag"), header: header, packed: packed})
	}
	return err
}

func pack(body []byte) ([]byte, error) {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	_, err = z.Write(body)
	err = errors.Join(err, z.Close())
	return out.Bytes(), err
}

func requestOf(r *http.Request, resp *http.Response) Request {
	out := Request{Endpoint: r.Method + " " + endpointOf(r.URL.EscapedPath())}
	if resp != nil {
		out.Code = resp.StatusCode
	}
	return out
}

// ask whether a request may be sent now.
func (l *limits) ask(resource string, p priority) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if now.Before(l.blocked) {
		return &LimitedError{Account: l.account, What: "the secondary limit was", Until: l.blocked}
	}
	b, ok := l.buckets[resource]
	if !ok || !now.Before(b.reset) || b.remaining > p.reserve(b.limit) {
		return nil
	}
	what := "the hour's requests are"
	if b.remaining > 0 {
		what = "what the hour's requests leave to requests that can wait is"
	}
	return &LimitedError{Account: l.account, What: what, Until: b.reset}
}

// pauseOfNone is how long GitHub wants to be left alone when it does not say.
const pauseOfNone = time.Minute

// learn what an answer tells of the limits. An error is one that was reached.
func (l *limits) learn(resp *http.Response, resource string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := resp.Header
	remaining, err := strconv.Atoi(h.Get("X-RateLimit-Remaining"))
	if err == nil {
		if named := h.Get("X-RateLimit-Resource"); named != "" {
			resource = named
		}
		b := bucket{remaining: remaining}
		b.limit, _ = strconv.Atoi(h.Get("X-RateLimit-Limit"))
		if at, err := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64); err == nil {
			b.reset = time.Unix(at, 0)
		}
		l.buckets[resource] = b
	}
	if resp.StatusCode != http.StatusForbidden && resp.StatusCode != http.StatusTooManyRequests {
		return nil
	}
	after, secondary := h.Get("Retry-After"), false
	switch {
	case after != "":
		secondary = true
		l.blocked = l.now().Add(pauseOfNone)
		if seconds, err := strconv.Atoi(after); err == nil {
			l.blocked = l.now().Add(time.Duration(seconds) * time.Second)
		}
	case remaining == 0 && err == nil:
		return &LimitedError{Account: l.account, What: "the hour's requests are", Until: l.buckets[resource].reset}
	case resp.StatusCode == http.StatusTooManyRequests || saysSecondary(resp):
		secondary = true
		l.blocked = l.now().Add(pauseOfNone)
	}
	if !secondary {
		return nil // it is not allowed, which is another matter
	}
	return &LimitedError{Account: l.account, What: "the secondary limit was", Until: l.blocked}
}

const maxErrorBody = 64 << 10

// saysSecondary reads the answer: GitHub does not always say when to come again.
func saysSecondary(resp *http.Response) bool {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	resp.Body = struct {
		io.Reader
		io.Closer
	}{bytes.NewReader(body), resp.Body}
	return err == nil && strings.Contains(string(body), "secondary rate limit")
}

// fail notes an error for the health of the connection.
func (l *limits) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err, l.errAt = err.Error(), l.now()
}

// resourceOf a path is the limit that it counts against.
func resourceOf(path string) string {
	switch {
	case strings.HasSuffix(path, "/graphql"):
		return "graphql"
	case strings.Contains(path, "/search/"):
		return "search"
	}
	return "core"
}

var (
	repoPath = regexp.MustCompile(`^/repos/[^/]+/[^/]+`)
	names    = []struct {
		find *regexp.Regexp
		name string
	}{
		{regexp.MustCompile(`/[0-9a-f]{40}\b`), "/{sha}"},
		{regexp.MustCompile(`/\d+\b`), "/{n}"},
		{regexp.MustCompile(`/(branches|labels|collaborators|users|compare)/[^/]+`), "/$1/{name}"},
	}
)

// endpointOf a path: what it asks for, without of whom.
func endpointOf(path string) string {
	path = strings.TrimPrefix(path, "/api/v3")
	path = repoPath.ReplaceAllString(path, "/repos/{owner}/{repo}")
	for _, n := range names {
		path = n.find.ReplaceAllString(path, n.name)
	}
	return path
}
