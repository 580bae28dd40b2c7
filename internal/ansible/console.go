package ansible

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Console makes the lines of an event, in the form of Zuul's console. streamed
// says that the output of the command has been shown while it ran.
func Console(e Event, streamed bool) []string {
	switch e.Event {
	case EventPlay:
		return []string{"", "PLAY [" + e.Name + "]"}
	case EventTask:
		kind := "TASK"
		if e.Loop {
			kind = "LOOP"
		}
		return []string{"", kind + " [" + e.Name + "]"}
	case EventInclude:
		return []string{e.Host + " | included: " + e.Name}
	case EventWarning:
		return strings.Split(e.Name, "\n")
	case EventStats:
		return recap(e.Stats)
	case EventSkipped:
		return skipped(e)
	case EventOK:
		return succeeded(e, streamed)
	case EventItemOK, EventItemFailed, EventItemSkipped:
		return itemLines(e)
	case EventFailed, EventUnreachable:
		return failed(e, streamed)
	case EventRetry:
		return []string{fmt.Sprintf("%s | FAILED - RETRYING: [%s]: %s", e.where(), e.Host, plural(e.Result))}
	}
	return nil
}

func plural(result map[string]any) string {
	return fmt.Sprintf("attempt %v of %v", result["attempts"], result["retries"])
}

func recap(stats map[string]map[string]int) []string {
	out := []string{"", "PLAY RECAP"}
	for _, host := range slices.Sorted(maps.Keys(stats)) {
		s := stats[host]
		out = append(out, fmt.Sprintf("%s | ok: %d changed: %d unreachable: %d failed: %d skipped: %d rescued: %d ignored: %d",
			host, s["ok"], s["changed"], s["unreachable"], s["failures"], s["skipped"], s["rescued"], s["ignored"]))
	}
	return append(out, "")
}

func skipped(e Event) []string {
	if e.Loop {
		return []string{e.where() + " | skipping: All items skipped"}
	}
	reason, _ := e.Result["skip_reason"].(string)
	return e.say("skipping", reason)
}

func succeeded(e Event, streamed bool) []string {
	status := e.status()
	switch {
	case e.NoLog:
		return e.say(status, "")
	case e.Loop:
		return append(e.say(status, "All items complete"), "")
	case e.Action == "debug" || e.Action == "ansible.builtin.debug":
		return debugLines(e, status)
	case e.Command():
		out := e.unseen(streamed)
		if delta, ok := e.Result["delta"].(string); ok {
			return append(out, e.say("ok", "Runtime: "+delta)...)
		}
		return append(out, e.say(status, e.Message())...)
	}
	return e.say(status, text(e.Result["msg"]))
}

// debugLines are the message as it stands, or the variable.
func debugLines(e Event, status string) []string {
	if msg, ok := e.Result["msg"].(string); ok {
		return strings.Split(strings.TrimRight(msg, "\n"), "\n")
	}
	shown := maps.Clone(e.Result)
	for _, name := range []string{"changed", "failed"} {
		delete(shown, name)
	}
	return e.say(status, text(shown))
}

func itemLines(e Event) []string {
	status := map[string]string{EventItemOK: e.status(), EventItemFailed: "ERROR", EventItemSkipped: "skipping"}[e.Event]
	if e.NoLog {
		return e.say(status, "")
	}
	var out []string
	if e.Command() {
		out = e.unseen(false)
		about := "Item: " + text(e.Item)
		if e.Event == EventItemFailed {
			return append(out, e.say(status, fmt.Sprintf("%s Result: %s", about, text(e.Result["rc"])))...)
		}
		if delta, ok := e.Result["delta"].(string); ok {
			status, about = "ok", about+" Runtime: "+delta
		}
		return append(out, e.say(status, about)...)
	}
	if e.Event == EventItemFailed {
		return append(e.say(status, "Item: "+text(e.Item)), e.dump()...)
	}
	if msg := e.Message(); msg != "" {
		return e.say(status, msg)
	}
	return e.say(status, text(e.Item))
}

func failed(e Event, streamed bool) []string {
	if e.NoLog {
		return e.ignoring(e.say("ERROR", ""))
	}
	var out []string
	if e.Command() {
		out = e.unseen(streamed)
	}
	msg := e.Message()
	switch {
	case e.Loop:
		return e.ignoring(append(out, e.say("ERROR", msg)...))
	case strings.HasPrefix(msg, "MODULE FAILURE"):
		for _, name := range []string{"module_stdout", "exception", "module_stderr"} {
			if why, _ := e.Result[name].(string); why != "" {
				return e.ignoring(append(out, e.say("MODULE FAILURE", why)...))
			}
		}
	}
	left := e.shown()
	if _, ok := left["msg"]; ok && len(left) <= 2 {
		delete(left, "failed")
		if len(left) == 1 {
			return e.ignoring(append(out, e.say("ERROR", msg)...))
		}
	}
	return e.ignoring(append(append(out, e.say("ERROR", "")...), e.dump()...))
}

func (e Event) ignoring(lines []string) []string {
	if e.Ignored {
		return append(lines, e.say("ERROR", "Ignoring Errors")...)
	}
	return lines
}

func (e Event) status() string {
	if changed, _ := e.Result["changed"].(bool); changed {
		return "changed"
	}
	return "ok"
}

// unseen is the output of a command, unless it was seen already.
func (e Event) unseen(streamed bool) []string {
	if streamed {
		return nil
	}
	var out []string
	for _, line := range e.Output() {
		out = append(out, e.where()+" | "+line)
	}
	return out
}

// say is one line, or a heading with one line each.
func (e Event) say(status, msg string) []string {
	if e.NoLog {
		return []string{e.where() + " | Output suppressed because no_log was given"}
	}
	msg = strings.TrimRight(msg, "\n ")
	if msg == "" {
		return []string{e.where() + " | " + status}
	}
	lines := strings.Split(msg, "\n")
	if len(lines) == 1 {
		return []string{e.where() + " | " + status + ": " + msg}
	}
	out := []string{e.where() + " | " + status + ":"}
	for _, l := range lines {
		out = append(out, e.where()+" | "+l)
	}
	return out
}

// shown is the result without what the log has already, or what says nothing.
func (e Event) shown() map[string]any {
	out := maps.Clone(e.Result)
	for _, name := range []string{"stdout", "stdout_lines", "stderr", "stderr_lines", "changed", "cmd"} {
		delete(out, name)
	}
	return out
}

func (e Event) dump() []string {
	var out []string
	for _, l := range strings.Split(text(e.shown()), "\n") {
		out = append(out, e.where()+" | "+l)
	}
	return out
}

// text is a value for people: texts as they are, anything else as JSON.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if enc.Encode(v) != nil {
		return ""
	}
	return strings.TrimRight(b.String(), "\n")
}
