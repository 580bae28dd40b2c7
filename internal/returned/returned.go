// Package returned is what playbooks and scripts hand over (Zuul: zuul_return):
// how several calls become one result, and what of it the gate goes by.
package returned

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// MaxBytes bounds what one build may hand over, as JSON.
const MaxBytes = 512 << 10

// Results of one build. Data can be seen by everybody, Secret only by the jobs
// that depend on this one.
type Results struct {
	Data   map[string]any `json:"data"`
	Secret map[string]any `json:"secret_data"`
}

// Parse reads results. What is more than a build may hand over, or of another
// form, is an error for the author of the job.
func Parse(raw []byte) (Results, error) {
	var r Results
	if len(raw) > MaxBytes {
		return r, fmt.Errorf("the job returned %d bytes of data; at most %d are possible", len(raw), MaxBytes)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&r); err != nil {
		return r, errors.New("what the job returned is not {\"data\": {...}, \"secret_data\": {...}}")
	}
	return r, nil
}

// JSON is what Parse reads, no longer than it must be: <, > and & stay as they are.
func (r Results) JSON() ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(r)
	return out.Bytes(), err
}

// Empty says whether nothing was returned.
func (r Results) Empty() bool { return len(r.Data)+len(r.Secret) == 0 }

// Add takes in what was returned by a later call.
func (r *Results) Add(later Results) {
	r.Data, r.Secret = merge(r.Data, later.Data), merge(r.Secret, later.Secret)
}

// merge adds b to a: objects are merged, anything else is replaced; lists of
// artifacts and warnings, and the comments on one file, grow.
func merge(a, b map[string]any) map[string]any {
	grown := grow(zuul(a), zuul(b))
	out := Deep(a, b)
	if len(grown) > 0 {
		section := maps.Clone(zuul(out))
		maps.Copy(section, grown)
		out["zuul"] = section
	}
	return out
}

func grow(a, b map[string]any) map[string]any {
	out := map[string]any{}
	for _, key := range []string{"artifacts", "warnings"} {
		if both := slices.Concat(list(a[key]), list(b[key])); len(both) > 0 {
			out[key] = both
		}
	}
	comments := map[string]any{}
	for _, from := range []map[string]any{a, b} {
		of, _ := from["file_comments"].(map[string]any)
		for file, entries := range of {
			comments[file] = slices.Concat(list(comments[file]), list(entries))
		}
	}
	if len(comments) > 0 {
		out["file_comments"] = comments
	}
	return out
}

// Deep merges b over a; both are left alone.
func Deep(a, b map[string]any) map[string]any {
	out := maps.Clone(a)
	if out == nil {
		out = map[string]any{}
	}
	for key, v := range b {
		from, ok1 := out[key].(map[string]any)
		to, ok2 := v.(map[string]any)
		if ok1 && ok2 {
			v = Deep(from, to)
		}
		out[key] = v
	}
	return out
}

func zuul(data map[string]any) map[string]any {
	section, _ := data["zuul"].(map[string]any)
	return section
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

// Vars are the variables for the jobs that depend on this one: all but `zuul`.
func Vars(data map[string]any) map[string]any {
	out := maps.Clone(data)
	delete(out, "zuul")
	return out
}

// Artifact is something that a build has left somewhere.
type Artifact struct {
	Name     string          `json:"name"`
	URL      string          `json:"url"`
	Metadata json.RawMessage `json:"metadata,omitempty"`
}

// Summary is what the gate and people go by.
type Summary struct {
	// ChildJobs are the only ones of the jobs that depend on this one that run;
	// nil is no restriction.
	ChildJobs *[]string  `json:"childJobs,omitempty"`
	LogURL    string     `json:"logURL,omitempty"`
	Artifacts []Artifact `json:"artifacts,omitempty"`
	Warnings  []string   `json:"warnings,omitempty"`
	// FileComments are for the author of the change.
	FileComments []FileComment `json:"fileComments,omitempty"`
}

// Bounds on a summary: on the entries of its lists, and on one text.
const (
	maxEntries = 100
	maxText    = 1000
	// maxSummary is less than the 256 KiB that all annotations of an object may have.
	maxSummary = 192 << 10
)

// Summary leaves out what has another form than it should, and what is too much:
// of each list the last entries, comments on files first and warnings last.
func (r Results) Summary() Summary {
	var s Summary
	section := zuul(r.Data)
	if jobs, ok := section["child_jobs"].([]any); ok {
		names := []string{}
		for _, j := range jobs {
			if name, ok := j.(string); ok && len(names) < maxEntries {
				names = append(names, cut(name))
			}
		}
		s.ChildJobs = &names
	}
	if u, ok := section["log_url"].(string); ok {
		s.LogURL = link(u)
	}
	for _, w := range list(section["warnings"]) {
		if text, ok := w.(string); ok && len(s.Warnings) < maxEntries {
			s.Warnings = append(s.Warnings, cut(text))
		}
	}
	for _, v := range list(section["artifacts"]) {
		if a, ok := artifact(v); ok && len(s.Artifacts) < maxEntries {
			a.URL = below(s.LogURL, a.URL)
			s.Artifacts = append(s.Artifacts, a)
		}
	}
	s.FileComments = fileComments(section["file_comments"])
	for s.size() > maxSummary && len(s.FileComments)+len(s.Artifacts)+len(s.Warnings) > 0 {
		switch {
		case len(s.FileComments) > 0:
			s.FileComments = s.FileComments[:len(s.FileComments)-1]
		case len(s.Artifacts) > 0:
			s.Artifacts = s.Artifacts[:len(s.Artifacts)-1]
		default:
			s.Warnings = s.Warnings[:len(s.Warnings)-1]
		}
	}
	return s
}

// size is that of the summary in an annotation.
func (s Summary) size() int {
	raw, err := json.Marshal(s)
	if err != nil {
		return maxSummary + 1
	}
	return len(raw)
}

// link is a URL that can stand in a comment; empty when it is none.
func link(text string) string {
	u, err := url.Parse(text)
	if err != nil || len(text) > maxText || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return ""
	}
	return strings.NewReplacer("(", "%28", ")", "%29", "<", "%3C", ">", "%3E", "|", "%7C", "`", "%60").Replace(u.String())
}

// below is a URL that may be relative to that of the log.
func below(log, text string) string {
	u, err := url.Parse(text)
	base, wrong := url.Parse(strings.TrimSuffix(log, "/") + "/")
	if log == "" || err != nil || wrong != nil || u.IsAbs() {
		return text
	}
	if joined := base.ResolveReference(u).String(); len(joined) <= maxText {
		return joined
	}
	return text
}

func artifact(v any) (Artifact, bool) {
	object, _ := v.(map[string]any)
	name, ok1 := object["name"].(string)
	u, ok2 := object["url"].(string)
	if !ok1 || !ok2 || len(name) > maxText || len(u) > maxText {
		return Artifact{}, false
	}
	a := Artifact{Name: name, URL: u}
	if m, ok := object["metadata"]; ok {
		if raw, err := json.Marshal(m); err == nil && len(raw) <= maxText {
			a.Metadata = raw
		}
	}
	return a, true
}

func cut(text string) string {
	if len(text) <= maxText {
		return text
	}
	return string([]rune(text[:maxText-4])) + "…"
}

// Set is a key of `gozer return`, with dots between the names of objects, and a
// value: JSON, or else a text.
func Set(into map[string]any, key, value string) error {
	names := splitKey(key)
	if slices.Contains(names, "") {
		return fmt.Errorf("%q is not a key: name it like version, or zuul.log_url", key)
	}
	var v any
	d := json.NewDecoder(bytes.NewReader([]byte(value)))
	d.UseNumber()
	if d.Decode(&v) != nil || d.More() {
		v = value
	}
	for _, name := range names[:len(names)-1] {
		next, ok := into[name].(map[string]any)
		if !ok {
			next = map[string]any{}
			into[name] = next
		}
		into = next
	}
	into[names[len(names)-1]] = v
	return nil
}

func splitKey(key string) []string {
	var out []string
	for part := range bytes.SplitSeq([]byte(key), []byte(".")) {
		out = append(out, string(part))
	}
	return out
}
