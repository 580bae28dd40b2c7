package executor

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/gozer-dev/gozer/internal/buildspec"
)

const (
	// minHidden is the shortest value that is taken out: shorter ones are words
	// that a log has anyway, and their absence would tell them.
	minHidden = 8
	hidden    = "***"
)

// hider takes the values of secrets out of lines that people will read. It
// finds what was printed by mistake, as it is; whoever wants to print a secret
// writes it otherwise. A nil hider takes out nothing.
type hider struct {
	// values by their first bytes, so that the cost of a line does not depend
	// on how many there are.
	values map[string][]string
}

// newHider knows all texts in some secrets. A text of several lines is looked
// for line by line, as that is how it is printed.
func newHider(secrets buildspec.Secrets) *hider {
	h := &hider{values: map[string][]string{}}
	for _, raw := range secrets {
		var data any
		if json.Unmarshal(raw, &data) == nil { // what is no JSON was refused before
			h.add(data)
		}
	}
	return h
}

func (h *hider) add(data any) {
	switch v := data.(type) {
	case map[string]any:
		for _, e := range v {
			h.add(e)
		}
	case []any:
		for _, e := range v {
			h.add(e)
		}
	case string:
		for line := range strings.FieldsFuncSeq(v, func(r rune) bool { return r == '\n' || r == '\r' }) {
			h.value(safeText(strings.TrimSpace(line)))
			h.value(asJSON(strings.TrimSpace(line)))
		}
	}
}

// asJSON is a text as it stands in the file that scripts get.
func asJSON(text string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		return ""
	}
	return strings.TrimSuffix(b.String(), "\"\n")[1:]
}

func (h *hider) value(v string) {
	if len(v) < minHidden {
		return
	}
	if at := v[:minHidden]; !slices.Contains(h.values[at], v) {
		h.values[at] = append(h.values[at], v)
	}
}

// status makes a text fit for the Build, where everybody reads it. A value may come
// out only when colours and the like are gone, may have gone with them, and must not
// be cut to a beginning that nobody knows any more.
func (h *hider) status(text string, limit int) string {
	return cutLine(h.line(plainLine(h.line(text, false)), false), limit)
}

// line takes the values out of one line. Values may overlap: what any of them
// covers goes. cut says that the line had more than this: then also goes what
// may be the beginning of a value at its end.
func (h *hider) line(text string, cut bool) string {
	if h == nil || len(h.values) == 0 {
		return text
	}
	var out strings.Builder
	done := 0 // what is before it is written, or taken out
	for i := 0; i < len(text); i++ {
		end := i
		for j := i; j <= end && j < len(text); j++ {
			end = max(end, j+h.longest(text[j:]))
		}
		if end > i {
			out.WriteString(text[done:i])
			out.WriteString(hidden)
			done, i = end, end-1
		}
	}
	rest, begun := text[done:], 0
	if cut {
		begun = min(h.begun(text), len(rest))
	}
	switch {
	case begun == 0:
		return out.String() + rest
	case begun == len(rest) && done > 0:
		return out.String()
	}
	return out.String() + rest[:len(rest)-begun] + hidden
}

// longest is the length of the longest value that the text begins with.
func (h *hider) longest(text string) int {
	if len(text) < minHidden {
		return 0
	}
	n := 0
	for _, v := range h.values[text[:minHidden]] {
		if len(v) > n && strings.HasPrefix(text, v) {
			n = len(v)
		}
	}
	return n
}

// begun is the length of the longest beginning of a value that the text ends with.
func (h *hider) begun(text string) int {
	longest := 0
	for _, values := range h.values {
		for _, v := range values {
			for n := min(len(v)-1, len(text)); n > longest; n-- {
				if strings.HasSuffix(text, v[:n]) {
					longest = n
				}
			}
		}
	}
	return longest
}

// deep takes the values out of all texts of something, also of names.
func (h *hider) deep(v any) any {
	if h == nil || len(h.values) == 0 {
		return v
	}
	switch v := v.(type) {
	case string:
		return h.text(v)
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = h.deep(e)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, e := range v {
			out[h.text(name)] = h.deep(e)
		}
		return out
	}
	return v
}

// text is line for a text of many.
func (h *hider) text(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = h.line(l, false)
	}
	return strings.Join(lines, "\n")
}
