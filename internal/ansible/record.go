package ansible

import (
	"encoding/json"
	"time"
)

// Playbook of a Record.
type Playbook struct {
	// Phase is pre, run or post; Index counts its playbooks.
	Phase    string `json:"phase"`
	Index    int    `json:"index"`
	Playbook string `json:"playbook"`
	Branch   string `json:"branch"`
	Trusted  bool   `json:"trusted"`
}

// maxRecord bounds what a record keeps, in bytes; headerSize is what a play or
// a task counts beside its name, resultSize what a result does.
const (
	maxRecord  = 16 << 20
	headerSize = 300
	resultSize = 150
)

// Record is job-output.json (Zuul: the callback zuul_json).
type Record struct {
	playbooks []*Recording
	size      int
}

// Recording is one playbook of a record.
type Recording struct {
	Playbook
	Plays []*recordedPlay           `json:"plays"`
	Stats map[string]map[string]int `json:"stats"`

	record *Record
}

type recordedPlay struct {
	Play  header          `json:"play"`
	Tasks []*recordedTask `json:"tasks"`
}

type recordedTask struct {
	Task  header                    `json:"task"`
	Hosts map[string]map[string]any `json:"hosts"`
}

type header struct {
	Name     string   `json:"name"`
	ID       string   `json:"id"`
	Duration duration `json:"duration"`
}

type duration struct {
	Start time.Time  `json:"start"`
	End   *time.Time `json:"end,omitempty"`
}

// Begin begins with a playbook.
func (r *Record) Begin(p Playbook) *Recording {
	rec := &Recording{Playbook: p, Plays: []*recordedPlay{}, Stats: map[string]map[string]int{}, record: r}
	r.playbooks = append(r.playbooks, rec)
	return rec
}

// Add takes an event in. When the record is full, the rest is left out.
func (r *Recording) Add(e Event, now time.Time) {
	begun := header{Name: e.Name, ID: e.ID, Duration: duration{Start: now.UTC()}}
	switch e.Event {
	case EventPlay:
		if !r.record.room(headerSize + len(e.Name) + len(e.ID)) {
			return
		}
		r.Plays = append(r.Plays, &recordedPlay{Play: begun, Tasks: []*recordedTask{}})
	case EventTask:
		if len(r.Plays) > 0 && r.record.room(headerSize+len(e.Name)+len(e.ID)) {
			play := r.Plays[len(r.Plays)-1]
			play.Tasks = append(play.Tasks, &recordedTask{Task: begun, Hosts: map[string]map[string]any{}})
		}
	case EventStats:
		if raw, err := json.Marshal(e.Stats); err == nil && r.record.room(len(raw)) {
			r.Stats = e.Stats
		}
	case EventOK, EventFailed, EventSkipped, EventUnreachable:
		r.result(e, now.UTC())
	}
}

// room says whether there is room for so many bytes more, and takes it.
func (r *Record) room(size int) bool {
	if r.size+size > maxRecord {
		return false
	}
	r.size += size
	return true
}

func (r *Recording) result(e Event, now time.Time) {
	if len(r.Plays) == 0 {
		return
	}
	play := r.Plays[len(r.Plays)-1]
	for i := len(play.Tasks) - 1; i >= 0; i-- {
		task := play.Tasks[i]
		if task.Task.ID != e.ID {
			continue
		}
		task.Task.Duration.End, play.Play.Duration.End = &now, &now
		if kept, ok := r.kept(e); ok {
			task.Hosts[e.Host] = kept
		}
		return
	}
}

// kept is what is recorded of a result, if there is room. The name of the host is
// a stranger's as well.
func (r *Recording) kept(e Event) (map[string]any, bool) {
	size := resultSize + len(e.Host) + len(e.Action)
	out := map[string]any{"action": e.Action}
	if e.Event == EventUnreachable {
		out["unreachable"] = true
	}
	if e.NoLog {
		out["censored"] = "the output has been hidden due to the fact that 'no_log: true' was specified for this result"
		return out, r.record.room(size)
	}
	raw, err := json.Marshal(e.Result)
	if err != nil || !r.record.room(size+len(raw)) {
		return nil, false
	}
	for k, v := range e.Result {
		out[k] = v
	}
	return out, true
}

// JSON is the file.
func (r *Record) JSON() []byte {
	playbooks := r.playbooks
	if playbooks == nil {
		playbooks = []*Recording{}
	}
	raw, err := json.Marshal(playbooks) // indented, what is deeply nested would be many times larger
	if err != nil {
		return []byte("[]") // there is nothing in it that JSON has not
	}
	return raw
}
