package spec

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Operation is what can be asked at one path by one method.
type Operation struct {
	// Method and Template name it: "GET", "/repos/{owner}/{repo}".
	Method, Template string
	// Docs is where people read of it.
	Docs string
	// Apps says whether Apps may ask.
	Apps bool

	spec     *Spec
	segments []string
	raw      json.RawMessage
	once     sync.Once
	err      error
	query    map[string]any // schemas by name
	required []string
	body     bool
	bodyMust bool
	answers  map[int]string // URLs of schemas by status
}

func (o *Operation) String() string { return o.Method + " " + o.Template }

func (s *Spec) index(path string, methods map[string]json.RawMessage) {
	for method, raw := range methods {
		method = strings.ToUpper(method)
		o := &Operation{Method: method, Template: path, spec: s, segments: strings.Split(path, "/"), raw: raw}
		s.operations[method] = append(s.operations[method], o)
	}
}

// Find finds the operation for an escaped path, and the values in it.
func (s *Spec) Find(method, path string) (*Operation, map[string]string, error) {
	parts := strings.Split(path, "/")
	var best *Operation
	for _, o := range s.operations[method] {
		if o.matches(parts) && (best == nil || o.better(best)) {
			best = o
		}
	}
	if best == nil {
		return nil, nil, fmt.Errorf("GitHub has no %s %s", method, path)
	}
	if err := best.read(); err != nil {
		return nil, nil, err
	}
	return best, best.values(parts), nil
}

// matches says whether a path is one of the operation's. A value of a branch or
// ref may have slashes.
func (o *Operation) matches(parts []string) bool {
	at, extra := o.stretch(len(parts))
	if extra < 0 || extra > 0 && at < 0 {
		return false
	}
	for i, segment := range o.segments {
		j := i
		if i > at && at >= 0 {
			j += extra
		}
		if parts[j] == "" && segment != "" || !isParam(segment) && parts[j] != segment {
			return false
		}
	}
	return true
}

// stretch says which segment may have slashes, and how many more parts there are.
func (o *Operation) stretch(parts int) (at, extra int) {
	at = slices.IndexFunc(o.segments, func(s string) bool { return s == "{ref}" || s == "{branch}" })
	return at, parts - len(o.segments)
}

// better prefers words to values, and values without slashes.
func (o *Operation) better(than *Operation) bool {
	if len(o.segments) != len(than.segments) {
		return len(o.segments) > len(than.segments)
	}
	for i, segment := range o.segments {
		if a, b := isParam(segment), isParam(than.segments[i]); a != b {
			return b
		}
	}
	return false
}

func (o *Operation) values(parts []string) map[string]string {
	at, extra := o.stretch(len(parts))
	out := map[string]string{}
	for i, segment := range o.segments {
		from, to := i, i+1
		if at >= 0 && i > at {
			from, to = from+extra, to+extra
		} else if i == at {
			to += extra
		}
		if isParam(segment) {
			value, err := url.PathUnescape(strings.Join(parts[from:to], "/"))
			if err != nil {
				value = strings.Join(parts[from:to], "/")
			}
			out[strings.Trim(segment, "{}")] = value
		}
	}
	return out
}

func isParam(segment string) bool { return strings.HasPrefix(segment, "{") }

type parameter struct {
	Ref      string `json:"$ref"`
	Name     string `json:"name"`
	In       string `json:"in"`
	Required bool   `json:"required"`
	Schema   any    `json:"schema"`
}

type content struct {
	Ref     string `json:"$ref"`
	Content map[string]struct {
		Schema any `json:"schema"`
	} `json:"content"`
	Required bool `json:"required"`
}

// read reads the operation's description when it is first asked for.
func (o *Operation) read() error {
	o.once.Do(func() { o.err = o.parse() })
	return o.err
}

func (o *Operation) parse() error {
	var d struct {
		Parameters   []parameter        `json:"parameters"`
		RequestBody  *content           `json:"requestBody"`
		Responses    map[string]content `json:"responses"`
		ExternalDocs struct {
			URL string `json:"url"`
		} `json:"externalDocs"`
		GitHub struct {
			Apps bool `json:"enabledForGitHubApps"`
		} `json:"x-github"`
	}
	if err := json.Unmarshal(o.raw, &d); err != nil {
		return err
	}
	o.Docs, o.Apps, o.query, o.answers = d.ExternalDocs.URL, d.GitHub.Apps, map[string]any{}, map[int]string{}
	for _, p := range d.Parameters {
		if err := o.spec.component(p.Ref, &p); err != nil {
			return err
		}
		if p.In != "query" {
			continue
		}
		o.query[p.Name] = p.Schema
		o.spec.schemas.put(o.url("query/"+p.Name), p.Schema, components)
		if p.Required {
			o.required = append(o.required, p.Name)
		}
	}
	if d.RequestBody != nil {
		o.body, o.bodyMust = true, d.RequestBody.Required
		o.spec.schemas.put(o.url("body"), d.RequestBody.Content["application/json"].Schema, strictly)
	}
	for status, c := range d.Responses {
		if err := o.spec.component(c.Ref, &c); err != nil {
			return err
		}
		code, err := strconv.Atoi(status)
		if schema := c.Content["application/json"].Schema; err == nil && schema != nil {
			o.answers[code] = o.url(status)
			o.spec.schemas.put(o.url(status), schema, components)
		}
	}
	return nil
}

func (o *Operation) url(what string) string {
	return "operation:///" + o.Method + strings.NewReplacer("{", "", "}", "").Replace(o.Template) + "/" + what
}

// component reads what is described elsewhere.
func (s *Spec) component(ref string, out any) error {
	if ref == "" {
		return nil
	}
	kind, name, _ := strings.Cut(strings.TrimPrefix(ref, "#/components/"), "/")
	return json.Unmarshal(s.schemas.components[kind][name], out)
}
