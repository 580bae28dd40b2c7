package ansible

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestParseEvent(t *testing.T) {
	nested := func(n int) string {
		return mark + `{"event": "ok", "result": {"x": ` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}}`
	}
	for name, c := range map[string]struct {
		line string
		want bool
	}{
		"an event":            {mark + `{"event": "ok", "host": "a"}`, true},
		"text":                {`{"event": "ok"}`, false},
		"no kind":             {mark + `{"host": "a"}`, false},
		"no JSON":             {mark + `ok`, false},
		"nested":              {nested(maxDepth - 2), true},
		"nested too deep":     {nested(maxDepth), false},
		"brackets in a text":  {mark + `{"event": "ok", "name": "` + strings.Repeat(`[\"{`, 100) + `"}`, true},
		"a text with a slash": {mark + `{"event": "ok", "name": "\\", "item": ` + strings.Repeat("[", 99) + strings.Repeat("]", 99) + `}`, false},
	} {
		if _, ok := ParseEvent(c.line); ok != c.want {
			t.Errorf("%s: got %v, want %v", name, ok, c.want)
		}
	}
}

// TestRecordIsBounded: what strangers' playbooks make of it.
func TestRecordIsBounded(t *testing.T) {
	for name, add := range map[string]func(*Recording){
		"plays": func(r *Recording) { r.Add(Event{Event: EventPlay, Name: strings.Repeat("x", 1<<20)}, time.Unix(0, 0)) },
		"tasks": func(r *Recording) { r.Add(Event{Event: EventTask, Name: strings.Repeat("x", 1<<20)}, time.Unix(0, 0)) },
		"results": func(r *Recording) {
			r.Add(Event{Event: EventOK, ID: "1", Host: strings.Repeat("h", 10), Result: map[string]any{"x": strings.Repeat("x", 1<<20)}}, time.Unix(0, 0))
		},
		"hosts whose results do not show": func(r *Recording) {
			for i := range 10 {
				host := fmt.Sprint(i, strings.Repeat("h", 1<<20))
				r.Add(Event{Event: EventOK, ID: "1", Host: host, NoLog: true}, time.Unix(0, 0))
			}
		},
		"hosts beyond the limit": func(r *Recording) {
			for i := range 10 {
				host := fmt.Sprint(i, strings.Repeat("h", 1<<20))
				r.Add(Event{Event: EventOK, ID: "1", Host: host, Result: map[string]any{"x": 1}}, time.Unix(0, 0))
			}
		},
		"numbers of tasks": func(r *Recording) {
			r.Add(Event{Event: EventTask, ID: strings.Repeat("x", 1<<20)}, time.Unix(0, 0))
		},
		"stats": func(r *Recording) {
			r.Add(Event{Event: EventStats, Stats: map[string]map[string]int{strings.Repeat("x", 1<<20): {}}}, time.Unix(0, 0))
		},
	} {
		var record Record
		for range 40 {
			rec := record.Begin(Playbook{})
			rec.Add(Event{Event: EventPlay, Name: "first"}, time.Unix(0, 0))
			rec.Add(Event{Event: EventTask, Name: "first", ID: "1"}, time.Unix(0, 0))
			add(rec)
		}
		raw := record.JSON()
		if len(raw) > maxRecord+1<<20 || len(raw) < maxRecord/2 || !json.Valid(raw) {
			t.Errorf("%s: the record has %d bytes", name, len(raw))
		}
	}
}
