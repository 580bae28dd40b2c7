package statusview

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Text draws the view.
func (v View) Text(s Style) string {
	var b strings.Builder
	for i, q := range v.Queues {
		if i > 0 {
			b.WriteByte('\n')
		}
		v.queue(&b, s, q)
	}
	if len(v.Queues) == 0 {
		fmt.Fprintf(&b, "tenant %s has no changes in its pipelines\n", v.Tenant)
	}
	footer := fmt.Sprintf("merged in the last hour: %d · restarted tests: %d", v.MergedLastHour, v.Resets)
	if len(v.Culprits) > 0 {
		footer += " (the last by " + short(v.Culprits) + ")"
	}
	b.WriteString(s.paint(grey, footer) + "\n")
	return b.String()
}

func (v View) queue(b *strings.Builder, s Style, q Queue) {
	parts := []string{"tenant " + v.Tenant, q.Pipeline}
	if q.Name != "" {
		parts = append(parts, "queue "+q.Name)
		if q.Window > 0 {
			parts = append(parts, fmt.Sprintf("window %d", q.Window))
		}
	}
	parts = append(parts, plural(len(q.Items), "change"))
	head := strings.Join(parts, " · ")
	if !s.NoTimes {
		head = pad(head, 80) + " " + v.Time.Format(time.TimeOnly)
	}
	b.WriteString(s.paint(bold, head) + "\n")
	if q.Problem != "" {
		b.WriteString(" " + s.paint(red, "! "+q.Problem) + "\n")
	}
	rows := make([]row, len(q.Items))
	var w widths
	for i, it := range q.Items {
		rows[i] = v.row(s, it)
		w.fit(rows[i])
	}
	for i := range rows {
		rows[i].write(b, s, w, q.Items[i].Live)
	}
}

// cell is a text and the colour of its symbol.
type cell struct{ text, color string }

// row is one item, not yet aligned.
type row struct {
	symbol     cell
	change, on string
	jobs       []cell
	note       string
	noteColor  string
}

type widths struct {
	change, on int
	jobs       []int
}

func (w *widths) fit(r row) {
	w.change = max(w.change, utf8.RuneCountInString(r.change))
	w.on = max(w.on, utf8.RuneCountInString(r.on))
	for i, j := range r.jobs {
		if i == len(w.jobs) {
			w.jobs = append(w.jobs, 0)
		}
		w.jobs[i] = max(w.jobs[i], utf8.RuneCountInString(j.text))
	}
}

func (v View) row(s Style, it Item) row {
	r := row{symbol: symbol(it), change: it.Change, on: "on " + it.Branch, note: it.Note}
	if len(it.On) > 0 {
		r.on = "on " + short(it.On)
	}
	if len(it.WasOn) > 0 {
		r.on += "  (was on " + short(it.WasOn) + ")"
	}
	for _, j := range it.Jobs {
		r.jobs = append(r.jobs, v.job(s, j.brief()))
	}
	if it.Note == "" && it.Reset != nil {
		r.note, r.noteColor = "reset: "+it.Why, yellow
		if !s.NoTimes {
			r.note = "reset " + Span(v.Time.Sub(*it.Reset)) + " ago: " + it.Why
		}
	}
	if it.Failing {
		r.noteColor = red
	}
	return r
}

func symbol(it Item) cell {
	switch {
	case !it.Live:
		return cell{"·", grey}
	case it.Failing:
		return cell{"✖", red}
	case it.Halted:
		return cell{"‖", yellow}
	case it.State == "Ready" || it.State == "Merging":
		return cell{"●", green}
	case len(it.Jobs) == 0:
		return cell{"○", grey}
	}
	return cell{"●", yellow}
}

// brief leaves to `explain` what would make the picture wide.
func (j Job) brief() Job {
	if j.State == "nodes" {
		j.Wait = "waits for nodes"
	}
	return j
}

// job is "unit ✔ 41s", "unit ▶ 3s", "lint … node starting".
func (v View) job(s Style, j Job) cell {
	name := j.Name
	if !j.Voting {
		name += " (non-voting)"
	}
	if j.Attempt > 1 {
		name += fmt.Sprintf(" (attempt %d)", j.Attempt)
	}
	took := ""
	if j.Started != nil {
		end := v.Time
		if j.Finished != nil {
			end = *j.Finished
		}
		if j.Finished == nil && s.NoTimes {
			end = *j.Started
		}
		took = Span(end.Sub(*j.Started))
		if j.Finished == nil {
			took = s.span(end.Sub(*j.Started))
		}
	}
	mark, color := "…", ""
	switch {
	case j.Result == "SUCCESS":
		mark, color = "✔", green
	case j.Result == "SKIPPED":
		mark, color, took = "–", grey, "skipped"
	case j.Result == "CANCELED":
		mark, color, took = "–", grey, "canceled"
	case failed(j.Result):
		mark, color = "✖", red
		if j.Result != "FAILURE" {
			took = strings.TrimSpace(took + " " + j.Result)
		}
	case j.Failing != "":
		mark, color, took = "✖", red, strings.TrimSpace(took+" failing")
	case j.State == "running":
		mark = "▶"
	case j.State == "paused":
		mark, took = "‖", "paused"
	default:
		took = j.Wait
	}
	return cell{strings.TrimSpace(name + " " + mark + " " + took), color}
}

func (r row) write(b *strings.Builder, s Style, w widths, live bool) {
	plain := []string{" " + r.symbol.text, pad(r.change, w.change), pad(r.on, w.on)}
	painted := []string{" " + s.paint(r.symbol.color, r.symbol.text), plain[1], plain[2]}
	for i, width := range w.jobs {
		text, color := "", ""
		if i < len(r.jobs) {
			text, color = r.jobs[i].text, r.jobs[i].color
		}
		plain = append(plain, pad(text, width))
		painted = append(painted, s.paint(color, pad(text, width)))
	}
	line := painted[0] + " " + strings.Join(painted[1:], "  ")
	length := utf8.RuneCountInString(plain[0] + " " + strings.Join(plain[1:], "  "))
	note := s.paint(r.noteColor, r.note)
	switch {
	case !live:
		line = s.paint(grey, strings.TrimRight(plain[0]+" "+strings.Join(plain[1:], "  ")+"  "+r.note, " "))
	case r.note == "":
	case s.Width > 0 && length+2+utf8.RuneCountInString(r.note) > s.Width:
		line = strings.TrimRight(line, " ") + "\n     " + note
	default:
		line += "  " + note
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
}
