package modelcheck

import "fmt"

// act does the first thing that is to be done outside. Merging a cycle takes a
// step for each change. refuse makes the host refuse.
func (m *stage) act(s *state, refuse bool) error {
	i := s.next()
	k := &s.memory[i]
	switch k.todo {
	case doLookup:
		m.lookup(s, i)
	case doMerge:
		return m.merge(s, i, refuse)
	case doReport:
		if err := m.report(s, i); err != nil {
			return err
		}
	}
	k.todo, k.tell = nothing, undecided
	return m.advance(s)
}

// next is the item about which something is to be done outside, in the order of the queue.
func (s *state) next() int {
	for _, a := range s.arrival[:s.seen] {
		if s.memory[a].todo != nothing {
			return int(a)
		}
	}
	return -1
}

// lookup asks the host about the change and the branches.
func (m *stage) lookup(s *state, i int) {
	k := &s.memory[i]
	k.asked, k.raced = true, false
	switch {
	case s.items[i].ahead == 0 && m.hosted(s, i):
		k.merged = true
	case s.closed[i]:
		k.refuses = true
	case s.items[i].ahead > 0:
		k.moved = m.movedBelow(s, i)
	default:
		k.moved = !m.asTested(s, i)
	}
}

// movedBelow says whether a branch that the item was the first to stand on is
// not where it was. Of the others those ahead tell.
func (m *stage) movedBelow(s *state, i int) bool {
	it := &s.items[i]
	for p, tested := range it.tested {
		first := s.items[it.ahead-1].tested[p] == untouched
		if tested != untouched && first && s.branch[p] != tested.before(m.own(i, p)) {
			return true
		}
	}
	return false
}

// asTested says whether all branches are where the item's test assumed them.
// Of a cycle, some changes may have merged already.
func (m *stage) asTested(s *state, i int) bool {
	for p, tested := range s.items[i].tested {
		if tested == untouched {
			continue
		}
		want := tested
		if c := m.own(i, p); c != 0 && !s.branch[p].has(c) {
			want = tested.before(c)
		}
		if s.branch[p] != want {
			return false
		}
	}
	return true
}

// merge merges the next change of an item, at the host.
func (m *stage) merge(s *state, i int, refuse bool) error {
	k := &s.memory[i]
	if refuse || s.closed[i] {
		k.refuses, k.todo = true, nothing
		return m.advance(s)
	}
	if err := m.mayMerge(s, i); err != nil {
		return err
	}
	left := 0
	for _, c := range m.changes[i] {
		if b := &s.branch[m.project[c]]; !b.has(c) {
			if left++; left == 1 {
				*b = b.with(c)
			}
		}
	}
	if left == 0 {
		return fmt.Errorf("not safe: %s is merged twice", m.names[i])
	}
	if left > 1 {
		return nil // the next step merges the next change
	}
	k.merged, k.todo = true, nothing
	return m.advance(s)
}

// mayMerge is what safe means: what merges is what was tested, and in order.
func (m *stage) mayMerge(s *state, i int) error {
	it, name := &s.items[i], m.names[i]
	switch {
	case it.facts.epoch == 0 || it.facts.epoch != it.place.epoch || it.problem:
		return fmt.Errorf("not safe: %s merges untested", name)
	case !m.asTested(s, i) && !s.memory[i].raced:
		// Between the question and the merge there is room for a push that no
		// gate can see; the host's commit tells afterwards.
		return fmt.Errorf("not safe: %s merges onto %v, but was tested as %v", name, s.branch, it.tested)
	}
	for j, v := range it.jobs[:m.Jobs] {
		if v != good && (v != broken || !m.rescued(s, i, j)) {
			return fmt.Errorf("not safe: %s merges, and its job %d did not succeed on %v", name, j+1, it.tested)
		}
	}
	behind := false
	for _, a := range s.arrival[:s.arrived] {
		if behind && m.anyHosted(s, int(a)) {
			return fmt.Errorf("not safe: %s merges after %s, which is behind it", name, m.names[a])
		}
		behind = behind || int(a) == i
	}
	for _, n := range m.Items[i].Needs {
		if !m.hosted(s, n) {
			return fmt.Errorf("not safe: %s merges without %s, which it needs", name, m.names[n])
		}
	}
	return nil
}

// rescued says whether an item all of whose jobs passed stands on this one, as
// it is now, and the host was asked about it. Every item runs the same jobs.
func (m *stage) rescued(s *state, i, job int) bool {
	if !m.Rescue {
		return false
	}
	var on [maxItems]bool
	on[i] = true
	for _, a := range s.arrival[:s.arrived] {
		o := &s.items[a]
		if o.gone || o.ahead == 0 || !on[o.ahead-1] || o.aheadEpoch != s.items[o.ahead-1].place.epoch || o.facts.epoch != o.place.epoch || o.problem || o.canceled {
			continue
		}
		on[a] = true
		passed := o.jobs[job] == good && s.memory[a].asked && !s.memory[a].refuses
		for _, v := range o.jobs[:m.Jobs] {
			passed = passed && v == good
		}
		if passed {
			return true
		}
	}
	return false
}

func (m *stage) anyHosted(s *state, i int) bool {
	for _, c := range m.changes[i] {
		if s.branch[m.project[c]].has(c) {
			return true
		}
	}
	return false
}

// report tells the host a result. Telling the same again does nothing there.
func (m *stage) report(s *state, i int) error {
	k := &s.memory[i]
	if in := m.hosted(s, i); in != (k.tell == success) {
		return fmt.Errorf("not honest: %s is told %s, and merged=%v", m.names[i], itemResults[k.tell], in)
	}
	s.told[i] = k.tell
	k.reported = k.tell
	return nil
}
