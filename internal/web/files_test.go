package web

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/logstore"
)

func (f fixture) put(t *testing.T, name, content string) {
	t.Helper()
	k := logstore.Key{Namespace: "acme", Build: "b", Attempt: 2}
	if err := f.kept.Put(t.Context(), k, name, int64(len(content)), strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
}

func TestFiles(t *testing.T) {
	f := newFixture(t, failed(), nil)
	f.append(t, "one\ntwo\n", true)
	f.put(t, "sub/a b?<i>.html", "<script>alert(1)</script>")
	const file = "/logs/acme/b/2/sub/a%20b%3F%3Ci%3E.html"
	html := http.Header{"Accept": {"text/html,*/*"}}
	for name, tc := range map[string]struct {
		method, path string
		header       http.Header
		code         int
		want         string
	}{
		"a file":           {"GET", file, nil, 200, "<script>"},
		"a part":           {"GET", file, http.Header{"Range": {"bytes=1-6"}}, 206, "script"},
		"no such part":     {"GET", file, http.Header{"Range": {"bytes=100-"}}, 416, ""},
		"head":             {"HEAD", file, nil, 200, ""},
		"write":            {"PUT", file, nil, 405, ""},
		"delete":           {"DELETE", file, nil, 405, ""},
		"no such file":     {"GET", "/logs/acme/b/2/x", nil, 404, "no such file"},
		"the log":          {"GET", "/logs/acme/b/2/job-output.txt", http.Header{"Range": {"bytes=-4"}}, 206, "two\n"},
		"list":             {"GET", "/logs/acme/b/2/", nil, 200, `{"attempt":2,"final":true,"files":[{"name":"job-output.txt","size":8,`},
		"list of newest":   {"GET", "/logs/acme/b/", nil, 200, `{"attempt":2,`},
		"page":             {"GET", "/logs/acme/b/2/", html, 200, `<a href="./sub/a%20b%3F%3Ci%3E.html">sub/a b?&lt;i&gt;.html</a> 25 B`},
		"page of newest":   {"GET", "/logs/acme/b/", html, 200, `<a href="./2/job-output.txt">job-output.txt</a> 8 B`},
		"page of nothing":  {"GET", "/logs/acme/b/3/", html, 404, "there are no files"},
		"page of a build":  {"GET", "/t/acme/build/b", nil, 200, `<a href="../../../logs/acme/b/2/sub/a%20b%3F%3Ci%3E.html">`},
		"list of nothing":  {"GET", "/logs/acme/none/", nil, 404, ""},
		"a file of newest": {"GET", "/logs/acme/b/x/y", nil, 400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := do(t, tc.method, f.web.URL+tc.path, tc.header)
			if got.code != tc.code || !strings.Contains(got.body, tc.want) {
				t.Errorf("%d %s", got.code, got.body)
			}
		})
	}
	got := do(t, "GET", f.web.URL+file, nil)
	if got.header.Get("Content-Type") != "text/plain; charset=utf-8" || !strings.Contains(got.header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("a job's page is served as %v", got.header)
	}
	if again := do(t, "GET", f.web.URL+file, http.Header{"If-None-Match": {got.header.Get("ETag")}}); again.code != 304 {
		t.Errorf("what is known comes again: %d", again.code)
	}
}

func TestGzip(t *testing.T) {
	f := newFixture(t, failed(), nil)
	f.append(t, "one\n", true)
	text := strings.Repeat("0123456789\n", 10_000)
	f.put(t, "large.txt", text)
	f.put(t, "small.txt", "x")
	f.put(t, "data", "\x00"+text)
	take := http.Header{"Accept-Encoding": {"br, gzip;q=0.5"}}
	got := do(t, "GET", f.web.URL+"/logs/acme/b/2/large.txt", take)
	if got.header.Get("Content-Encoding") != "gzip" || !strings.Contains(got.header.Get("Vary"), "Accept-Encoding") || len(got.body) > len(text)/10 {
		t.Errorf("%d bytes, %v", len(got.body), got.header)
	}
	z, err := gzip.NewReader(strings.NewReader(got.body))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := io.ReadAll(z); err != nil || string(plain) != text {
		t.Errorf("%d bytes, %v", len(plain), err)
	}
	known := http.Header{"Accept-Encoding": {"gzip"}, "If-None-Match": {got.header.Get("ETag")}}
	if again := do(t, "GET", f.web.URL+"/logs/acme/b/2/large.txt", known); again.code != 304 {
		t.Errorf("what is known comes again: %d", again.code)
	}
	for name, tc := range map[string]struct {
		path   string
		header http.Header
	}{
		"not asked for": {"large.txt", http.Header{"Accept-Encoding": {"identity"}}}, "refused": {"large.txt", http.Header{"Accept-Encoding": {"gzip; q=0"}}},
		"a part": {"large.txt", http.Header{"Accept-Encoding": {"gzip"}, "Range": {"bytes=0-9999"}}}, "small": {"small.txt", take}, "no text": {"data", take},
	} {
		if got := do(t, "GET", f.web.URL+"/logs/acme/b/2/"+tc.path, tc.header); got.header.Get("Content-Encoding") != "" || got.code/100 != 2 {
			t.Errorf("%s: %d %v", name, got.code, got.header)
		}
	}
}

func TestSizes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 5 << 20: "5.0 MiB", 3 << 40: "3072.0 GiB"} {
		if got := sizeOf(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}

func TestManyFiles(t *testing.T) {
	f := newFixture(t, failed(), nil)
	for i := range pageFiles + 5 {
		f.put(t, fmt.Sprintf("f%03d", i), "x")
	}
	page := do(t, "GET", f.web.URL+"/t/acme/build/b", nil).body
	if !strings.Contains(page, "f049") || strings.Contains(page, "f050") || !strings.Contains(page, `<a href="../../../logs/acme/b/2/">All 55 files</a>`) {
		t.Errorf("the page has not %d of the files:\n%s", pageFiles, page)
	}
}

// TestListOfLongNames: as many as there may be, with names that JSON makes longer.
func TestListOfLongNames(t *testing.T) {
	f := newFixture(t, failed(), nil)
	k := logstore.Key{Namespace: "acme", Build: "b", Attempt: 2}
	for i := range buildspec.MaxFiles {
		name := strings.Repeat(strings.Repeat(`"&<>`, 40)+"/", 3) + fmt.Sprint(i)
		if err := f.kept.Put(t.Context(), k, name, 1, strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
	}
	resp, err := http.Get(f.web.URL + "/logs/acme/b/2/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var list logstore.Files
	if err := json.NewDecoder(io.LimitReader(resp.Body, buildspec.MaxListBytes)).Decode(&list); err != nil || len(list.Files) != buildspec.MaxFiles {
		t.Errorf("%d files, %v", len(list.Files), err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.web.URL+"/logs/acme/b/2/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	if resp, err = http.DefaultClient.Do(req); err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("the page: %s", resp.Status)
	}
}
