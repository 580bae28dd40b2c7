package fakegithub

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// lenient keeps mistakes of requests for the test, which makes them on purpose.
func lenient(o *Options) { o.Wrong = func(string) {} }

// client asks, with one token.
type client struct {
	t     *testing.T
	s     *Server
	token string
	etag  string
}

// answer of the server.
type answer struct {
	status int
	header http.Header
	raw    []byte
	t      *testing.T
}

func (c client) do(method, path string, body any) answer {
	c.t.Helper()
	var in io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		in = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			c.t.Fatal(err)
		}
		in = bytes.NewReader(raw)
	}
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.s.URL+path, in)
	if err != nil {
		c.t.Fatal(err)
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.etag != "" {
		r.Header.Set("If-None-Match", c.etag)
	}
	out, err := http.DefaultClient.Do(r)
	if err != nil {
		return answer{t: c.t, status: -1}
	}
	defer out.Body.Close()
	raw, err := io.ReadAll(out.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer{t: c.t, status: out.StatusCode, header: out.Header, raw: raw}
}

func (c client) get(path string) answer { c.t.Helper(); return c.do("GET", path, nil) }

// is checks the status, and that some words are in the body.
func (a answer) is(status int, words ...string) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("status %d, want %d: %s", a.status, status, a.raw)
	}
	for _, w := range words {
		if !bytes.Contains(a.raw, []byte(w)) {
			a.t.Errorf("not %q in %s", w, a.raw)
		}
	}
	return a
}

func (a answer) object() Object {
	a.t.Helper()
	var o Object
	if err := json.Unmarshal(a.raw, &o); err != nil {
		a.t.Fatalf("%v: %s", err, a.raw)
	}
	return o
}

func (a answer) list() []Object {
	a.t.Helper()
	var o []Object
	if err := json.Unmarshal(a.raw, &o); err != nil {
		a.t.Fatalf("%v: %s", err, a.raw)
	}
	return o
}

// jwt signs as the App does.
func jwt(t *testing.T, s *Server, iss any, iat, exp time.Time) string {
	t.Helper()
	claims, err := json.Marshal(Object{"iss": iss, "iat": iat.Unix(), "exp": exp.Unix()})
	if err != nil {
		t.Fatal(err)
	}
	enc := base64.RawURLEncoding
	text := enc.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + enc.EncodeToString(claims)
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, s.App.key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + enc.EncodeToString(sig)
}

// asApp is the App itself.
func asApp(t *testing.T, s *Server) client {
	now := time.Now()
	return client{t: t, s: s, token: jwt(t, s, fmt.Sprint(s.App.ID), now.Add(-time.Minute), now.Add(5*time.Minute))}
}

// asInstallation is the App where it is installed.
func asInstallation(t *testing.T, i *Installation) client {
	t.Helper()
	a := asApp(t, i.s).do("POST", fmt.Sprintf("/app/installations/%d/access_tokens", i.ID), nil).is(201)
	token, _ := a.object()["token"].(string)
	return client{t: t, s: i.s, token: token}
}

// start is a server with one repository, one pull request, and the App.
func start(t *testing.T, edits ...func(*Options)) (*Server, *Repo, *Pull, client) {
	t.Helper()
	s := New(t, edits...)
	r := s.CreateRepo("acme/api", map[string]string{"README": "hello\n"})
	i := s.Install("acme", nil)
	p := r.Open(Opening{Title: "A change", Body: "Depends-On: nothing", Files: map[string]string{"a.txt": "1\n"}})
	return s, r, p, asInstallation(t, i)
}
