package scenario

import (
	"fmt"
	"slices"
	"strings"
)

// show writes down a part of the state.
func (w *world) show(what string) string {
	var lines []string
	switch what {
	case "queues":
		lines = w.queueLines()
	case "builds":
		for _, b := range byAge(w.store.builds, func(b *build) int { return max(b.requested, b.asks) }) {
			if b.running() {
				lines = append(lines, "runs: "+title(b)+" on "+w.stateText(b))
			} else if b.waiting() && !w.unwanted(b) {
				lines = append(lines, "waits for nodes: "+title(b))
			} else if b.waitsForSemaphores() && !w.unwanted(b) {
				lines = append(lines, "waits for semaphores: "+title(b))
			}
		}
	case "history":
		lines = w.history
	case "results":
		for _, i := range w.store.itemList {
			if i.live && i.result != "" {
				lines = append(lines, fmt.Sprintf("%s %s %s", i.pipeline, i.title(), i.result))
			}
		}
	case "merged":
		for _, m := range w.merges {
			lines = append(lines, m.queue+": "+m.item)
		}
	case "branches":
		for _, at := range w.host.branches {
			if tip := w.host.tips[at]; len(tip) > 0 && at.Project.Name != configProject {
				lines = append(lines, fmt.Sprintf("%s %s: %s", at.Project.Name, at.Branch, strings.Join(tip, " ")))
			}
		}
	}
	if len(lines) == 0 {
		lines = []string{"none"}
	}
	return "  [" + what + "]\n  " + strings.Join(lines, "\n  ") + "\n"
}

func (w *world) queueLines() []string {
	var out []string
	for _, q := range w.queuesInOrder() {
		if len(q.entries) == 0 && q.item != "" {
			continue
		}
		line := q.pipeline + " " + q.label
		if q.manager == "dependent" {
			line += fmt.Sprintf(" (window %d)", q.window)
		}
		out = append(out, line)
		for _, e := range q.entries {
			out = append(out, "  "+w.itemText(q, w.store.items[e.item]))
		}
	}
	return out
}

// itemText says where an item stands and how it is.
func (w *world) itemText(q *queue, i *item) string {
	e := q.entry(i.name)
	on := "the branch"
	if ahead := w.store.items[e.Ahead]; ahead != nil {
		on = ahead.title()
	}
	text := i.title() + " on " + on
	if e.urgent {
		text += ", urgent"
	}
	f := w.facts(i, e.Epoch)
	switch {
	case !i.live:
		text += ", not live"
	case e.Halted:
		text += ", halted: " + e.Why
	case f.Problem != "":
		text += ", " + string(f.Problem)
	case f.Failing && e.GivenUp:
		text += ", given up: " + f.Reason
	case f.Failing:
		text += ", failing: " + f.Reason
	case !e.Active:
		text += ", outside the window"
	case f.Complete:
		text += ", ready"
	}
	return text
}

// end is how everything ended: what merged in which order in each queue, what
// the branches have, and the result of every item.
func (w *world) end() string {
	var out []string
	order := map[string][]string{}
	for _, m := range w.merges {
		order[m.queue] = append(order[m.queue], m.item)
	}
	for name, items := range order {
		out = append(out, fmt.Sprintf("merged in %s: %s", name, strings.Join(items, ", ")))
	}
	for at, tip := range w.host.tips {
		out = append(out, fmt.Sprintf("%s %s: %s", at.Project.Name, at.Branch, strings.Join(tip, " ")))
	}
	for _, i := range w.store.items {
		if i.live {
			out = append(out, fmt.Sprintf("%s %s: %s", i.pipeline, strings.Join(names(i.changes), "+"), i.result))
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}
