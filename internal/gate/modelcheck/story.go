package modelcheck

import (
	"fmt"
	"slices"
	"strings"
)

// story is the shortest way to the violation that was found: the steps are taken anew.
func (s *search) story(crew []*worker, states int) []string {
	origins := make([]origin, states)
	for _, w := range crew {
		for _, o := range w.origins {
			origins[o.number] = o
		}
	}
	var way []int
	if s.found.at >= 0 {
		way = append(way, s.found.at)
	}
	for n := s.found.from; n != 0; n = origins[n].from {
		way = append(way, int(origins[n].at))
	}
	slices.Reverse(way)
	at := s.stage.initial()
	at.canonical()
	var out []string
	for _, which := range way {
		n := 0
		var next state
		s.stage.each(&at, func(st step, to *state, err error) {
			if n == which {
				next = *to
				out = append(out, s.stage.tell(&at, st))
				if err != nil {
					out = append(out, "VIOLATION "+err.Error())
				}
			}
			n++
		})
		next.canonical()
		at = next
	}
	if s.found.at < 0 {
		out = append(out, "VIOLATION "+s.found.err.Error())
	}
	return append(out, s.stage.describe(&at)...)
}

// tell says in words what a step does.
func (m *stage) tell(s *state, st step) string {
	name := ""
	if st.which >= 0 && st.which < len(m.Items) {
		name = m.names[st.which]
	}
	switch st.op {
	case opGather:
		return fmt.Sprintf("reconcile: %v", m.planned(s))
	case opStoreItem:
		return "store the status of " + name
	case opStoreQueue:
		return "store the queue"
	case opAct:
		k := s.memory[st.which]
		return strings.TrimSpace(fmt.Sprintf("%s %s %s", []string{"", "look up", "merge", "report"}[k.todo], name, itemResults[k.tell]))
	case opPrepare:
		return "prepare " + name
	case opFinish:
		return fmt.Sprintf("job %d of %s ends: %s", st.job+1, name, []string{"", "SUCCESS", "FAILURE"}[st.verdict])
	case opCancel:
		return "the jobs of " + name + " are cancelled"
	case opDeliver:
		return "it is learnt that " + name + " was closed"
	case opArrive:
		return name + " arrives"
	case opPush:
		return fmt.Sprintf("somebody pushes to project %d", st.which)
	case opClose:
		return name + " is closed at the host"
	case opDequeue:
		return name + " is dequeued by hand"
	case opRefuse:
		return "the host refuses to merge " + name
	}
	return "THE PROCESS DIES"
}

// planned is what the engine says about what is stored.
func (m *stage) planned(s *state) any {
	n := *s
	n.seen, n.size = n.arrived, n.window
	for _, a := range n.arrival[:n.arrived] {
		it := &n.items[a]
		n.memory[a] = known{place: it.place, facts: it.facts, gone: it.gone, leave: it.leave, merged: it.merged, reported: it.reported}
	}
	return m.engine.Plan(m.snapshot(&n))
}

// describe shows a state.
func (m *stage) describe(s *state) []string {
	out := []string{fmt.Sprintf("  branches %v, window %d", s.branch, s.window)}
	for _, a := range s.arrival[:s.arrived] {
		it := &s.items[a]
		if it.gone {
			out = append(out, fmt.Sprintf("  %s left, merged=%v", m.names[a], it.merged))
			continue
		}
		out = append(out, fmt.Sprintf("  %s %+v", m.names[a], *it))
		if s.busy {
			out = append(out, fmt.Sprintf("    in memory %+v", s.memory[a]))
		}
	}
	return out
}
