package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/managerapi"
	"github.com/gozer-dev/gozer/internal/model"
)

//go:embed build.html
var buildHTML string

//go:embed style.css
var styleCSS string

//go:embed follow.js
var followJS string

var (
	buildPage = template.Must(template.New("build").Parse(buildHTML))
	policy    = "default-src 'none'; style-src 'sha256-" + hash(styleCSS) + "'; script-src 'sha256-" + hash(followJS) + "'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

func hash(text string) string {
	d := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(d[:])
}

// view is what the page shows.
type view struct {
	managerapi.BuildInfo
	Style template.CSS
	// Script adds to the log what is written; the page of a build that runs has it.
	Script template.JS
	// State is the result, or the phase of what has none; Class its kind: good, bad or open.
	State, Class string
	ChangeName   string
	// ChangeLink is empty when the change's URL is not one for a browser.
	ChangeLink       string
	Began, End, Took string
	Running          bool
	// LogLink is relative, so that it works below any path.
	LogLink string
	// Stream is the websocket with the log, as relative.
	Stream string
	Tail   tail
	Files  fileList
}

// page shows a build.
func (s *server) page(w http.ResponseWriter, r *http.Request) {
	tenant, build := r.PathValue("tenant"), r.PathValue("build")
	path, ok := buildPath(tenant, build)
	if !ok {
		http.Error(w, managerapi.ErrNotFound.Error(), http.StatusNotFound)
		return
	}
	var info managerapi.BuildInfo
	if err := s.get(r.Context(), path, &info); errors.Is(err, managerapi.ErrNotFound) {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	} else if err != nil {
		s.log.Error(err, "Cannot show a build", "tenant", tenant, "build", build)
		http.Error(w, unreachable, http.StatusBadGateway)
		return
	}
	info.Tenant, info.Name = tenant, build // what links are made of is what was checked
	v := viewOf(info)
	if info.Attempt > 0 {
		v.Tail = s.tail(r.Context(), fmt.Sprintf("/logs/%s/%s/%d", tenant, build, info.Attempt))
		v.LogLink = fmt.Sprintf("../../../logs/%s/%s/%d", tenant, build, info.Attempt)
		v.Stream = fmt.Sprintf("../../../api/tenant/%s/console-stream", tenant)
		v.Files = s.fileList(r.Context(), fmt.Sprintf("/logs/%s/%s/%d", tenant, build, info.Attempt), v.LogLink+"/", pageFiles)
	}
	s.render(w, buildPage, v)
}

// render answers with a page, or says that there is none.
func (s *server) render(w http.ResponseWriter, page *template.Template, v any) {
	var body bytes.Buffer
	if err := page.Execute(&body, v); err != nil {
		s.log.Error(err, "Cannot make a page", "page", page.Name())
		http.Error(w, "the page cannot be made", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-cache")
	_, _ = body.WriteTo(w) // the visitor is gone: nobody to tell
}

// maxJSON bounds answers of the manager; a list of files may be the largest.
const maxJSON = buildspec.MaxListBytes

// get asks the manager for JSON.
func (s *server) get(ctx context.Context, path string, out any) error {
	resp, err := s.ask(ctx, http.MethodGet, path)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // a body that was read
	switch resp.StatusCode {
	case http.StatusOK:
		return json.NewDecoder(io.LimitReader(resp.Body, maxJSON)).Decode(out)
	case http.StatusNotFound:
		return managerapi.ErrNotFound
	}
	return fmt.Errorf("the manager answered %s to %s", resp.Status, path)
}

// ask sends a request; the path may have a query.
func (s *server) ask(ctx context.Context, method, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.manager.String()+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", s.bearer)
	return s.client.Do(req)
}

func viewOf(b managerapi.BuildInfo) view {
	v := view{BuildInfo: b, Style: template.CSS(styleCSS), State: b.Result, Class: "open", Running: b.Result == "", Script: template.JS(followJS)} //nolint:gosec // our own files
	switch {
	case b.Result == "" && b.Phase != "":
		v.State = strings.ToLower(b.Phase)
	case b.Result == "":
		v.State = "not known"
	case b.Result == string(model.Success):
		v.Class = "good"
	case model.BuildResult(b.Result).Failed():
		v.Class = "bad"
	}
	v.ChangeName = b.Project
	if b.Change > 0 {
		v.ChangeName = fmt.Sprintf("%s#%d", b.Project, b.Change)
	}
	if strings.HasPrefix(b.ChangeURL, "https://") || strings.HasPrefix(b.ChangeURL, "http://") {
		v.ChangeLink = b.ChangeURL
	}
	v.Began, v.End = when(b.Started), when(b.Ended)
	if !b.Started.IsZero() && b.Ended.After(b.Started) {
		v.Took = b.Ended.Sub(b.Started).Round(time.Second).String()
	}
	v.Patchset = model.ShortCommit(b.Patchset)
	return v
}

func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}
