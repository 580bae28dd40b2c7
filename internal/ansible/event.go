package ansible

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Kinds of events, as the callback plugin writes them.
const (
	EventPlay        = "play"
	EventInclude     = "include"
	EventTask        = "task"
	EventOK          = "ok"
	EventFailed      = "failed"
	EventUnreachable = "unreachable"
	EventSkipped     = "skipped"
	EventItemOK      = "item_ok"
	EventItemFailed  = "item_failed"
	EventItemSkipped = "item_skipped"
	EventRetry       = "retry"
	EventWarning     = "warning"
	EventStats       = "stats"
)

// Event is one line of the callback plugin. What is not of its kind is empty.
type Event struct {
	Event string `json:"event"`
	// ID of the play or task, its Name, and the Action of the task.
	ID     string `json:"id"`
	Name   string `json:"name"`
	Action string `json:"action"`
	Loop   bool   `json:"loop"`
	// Log is the start of the name of the file that the task's output is in, where
	// it has one, for Hosts: pairs of the host and of where its task runs.
	Log   string      `json:"log"`
	Hosts [][2]string `json:"hosts"`
	// Host that a result is of, and where it was run when that is another.
	Host      string `json:"host"`
	Delegated string `json:"delegated"`
	// Ignored failures do not fail the play; Rescuable ones may not.
	Ignored   bool `json:"ignored"`
	Rescuable bool `json:"rescuable"`
	// NoLog results have nothing to show.
	NoLog  bool                      `json:"no_log"`
	Item   any                       `json:"item"`
	Result map[string]any            `json:"result"`
	Stats  map[string]map[string]int `json:"hosts_stats"`
}

// mark is how a line of events begins.
const mark = "\x1e"

// MaxEvent bounds one line; the plugin keeps to less. maxDepth bounds how deep
// its values are nested: playbooks of strangers can write events as well.
const (
	MaxEvent = 4 << 20
	maxDepth = 64
)

// ParseEvent tells an event from a line of text.
func ParseEvent(line string) (Event, bool) {
	rest, ok := strings.CutPrefix(line, mark)
	if !ok || depth(rest) > maxDepth {
		return Event{}, false
	}
	var e Event
	d := json.NewDecoder(bytes.NewReader([]byte(rest)))
	d.UseNumber()
	if d.Decode(&e) != nil || e.Event == "" {
		return Event{}, false
	}
	return e, true
}

// depth is how deep the values of a JSON text are nested.
func depth(text string) int {
	deepest, now, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return deepest
}

// Failed says whether the event makes the playbook fail, as far as that can be known by then.
func (e Event) Failed() bool {
	return e.Event == EventFailed && !e.Ignored && !e.Rescuable
}

// Lost says whether a host cannot be reached.
func (e Event) Lost() bool { return e.Event == EventUnreachable && !e.Ignored }

// Command says whether the task runs a command, whose output is worth more than its result.
func (e Event) Command() bool {
	switch strings.TrimPrefix(strings.TrimPrefix(e.Action, "ansible.builtin."), "ansible.legacy.") {
	case "command", "shell":
		return true
	}
	return false
}

// where is the host of a result as the console names it.
func (e Event) where() string {
	if e.Delegated != "" {
		return e.Host + " -> " + e.Delegated
	}
	return e.Host
}

// Output are the lines that a command of the result has written.
func (e Event) Output() []string {
	var out []string
	for _, stream := range []string{"stdout", "stderr"} {
		if text, ok := e.Result[stream].(string); ok && text != "" {
			out = append(out, strings.Split(text, "\n")...)
		}
	}
	return out
}

// Message is what the result says of itself.
func (e Event) Message() string {
	msg, _ := e.Result["msg"].(string)
	return msg
}
