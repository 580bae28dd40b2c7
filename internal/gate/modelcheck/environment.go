package modelcheck

// op is a kind of step.
type op uint8

const (
	opGather op = iota
	opStoreItem
	opStoreQueue
	opAct
	opPrepare
	opFinish
	opCancel
	opDeliver
	// From here on steps are rare: how often they happen is bounded, and nothing waits for them.
	opArrive
	opPush
	opClose
	opDequeue
	opRefuse
	opDie
)

// fair says whether a step that can be taken will be taken some time.
func (o op) fair() bool { return o < opArrive }

// step is one step, with its item or project, its job, and the job's verdict.
type step struct {
	op      op
	which   int
	job     int
	verdict verdict
}

// each calls f with every state that one step leads to, always in the same order.
func (m *stage) each(s *state, f func(step, *state, error)) {
	m.eachOfProcess(s, f)
	for i := range m.Items {
		m.eachOfItem(s, i, f)
	}
	if s.pushes > 0 {
		for p := range s.branch {
			n := *s
			n.pushes--
			n.branch[p] = n.branch[p].with(pushed)
			for i := range n.memory {
				n.memory[i].raced = n.memory[i].raced || n.memory[i].asked && !n.memory[i].merged
			}
			f(step{op: opPush, which: p}, &n, nil)
		}
	}
}

// eachOfProcess takes the steps of the process.
func (m *stage) eachOfProcess(s *state, f func(step, *state, error)) {
	if !s.busy {
		n := *s
		// A reconcile that finds nothing to do and nothing to store is no step.
		if err := m.gather(&n); err != nil || n.busy {
			f(step{op: opGather}, &n, err)
		}
		return
	}
	if s.crashes > 0 {
		n := *s
		n.busy = false
		n.crashes--
		for i := range m.Items {
			n.forgot = n.forgot || !s.items[i].gone && (s.memory[i].refuses || m.hosted(s, i) && !s.items[i].merged)
		}
		f(step{op: opDie}, &n, nil)
	}
	switch {
	case s.acting:
		n := *s
		which := s.next()
		err := m.act(&n, false)
		f(step{op: opAct, which: which}, &n, err)
		if s.refusals > 0 && s.memory[which].todo == doMerge {
			n = *s
			n.refusals--
			err = m.act(&n, true)
			f(step{op: opRefuse, which: which}, &n, err)
		}
	case s.itemsDirty():
		for _, a := range s.arrival[:s.seen] {
			if s.itemDirty(int(a)) {
				n := *s
				n.storeItem(int(a))
				f(step{op: opStoreItem, which: int(a)}, &n, m.advance(&n))
			}
		}
	default:
		n := *s
		err := m.checkLeaving(s)
		n.storeQueue()
		if err == nil {
			err = m.advance(&n)
		}
		f(step{op: opStoreQueue}, &n, err)
	}
}

// eachOfItem takes the steps of an item that are not the queue's.
func (m *stage) eachOfItem(s *state, i int, f func(step, *state, error)) {
	if !s.hasArrived(i) {
		m.arrive(s, i, f)
		return
	}
	it := &s.items[i]
	if it.gone {
		return
	}
	if n := *s; m.prepare(&n, i) {
		f(step{op: opPrepare, which: i}, &n, nil)
	}
	if it.place.epoch != 0 && it.facts.epoch == it.place.epoch && !it.problem {
		m.jobs(s, i, f)
	}
	if s.closed[i] && !it.leave {
		n := *s
		n.items[i].leave = true
		f(step{op: opDeliver, which: i}, &n, nil)
	}
	if s.leaves == 0 || it.leave || s.closed[i] {
		return
	}
	n := *s
	n.leaves--
	n.items[i].leave = true
	f(step{op: opDequeue, which: i}, &n, nil)
	if !m.anyHosted(s, i) {
		n = *s
		n.leaves--
		n.closed[i] = true
		f(step{op: opClose, which: i}, &n, nil)
	}
}

func (m *stage) arrive(s *state, i int, f func(step, *state, error)) {
	if m.InOrder && i > int(s.arrived) {
		return
	}
	for _, need := range m.Items[i].Needs {
		if !s.hasArrived(need) {
			return
		}
	}
	n := *s
	n.arrival[n.arrived] = uint8(i)
	n.arrived++
	f(step{op: opArrive, which: i}, &n, nil)
}

// prepare merges the item's changes onto the state that it stands on.
func (m *stage) prepare(s *state, i int) bool {
	it := &s.items[i]
	if !it.active || it.halted || it.facts.epoch == it.place.epoch {
		return false
	}
	base := [projects]sequence{untouched, untouched}
	if it.ahead > 0 {
		a := &s.items[it.ahead-1]
		if a.gone || a.place.epoch != it.aheadEpoch || a.facts.epoch != it.aheadEpoch || a.problem {
			return false
		}
		base = a.tested
	}
	it.facts = facts{epoch: it.place.epoch}
	for _, c := range m.changes[i] {
		p := m.project[c]
		if base[p] == untouched {
			base[p] = s.branch[p]
		}
		if !base[p].has(c) {
			base[p] = base[p].with(c)
		}
		if m.conflicts(base[p]) {
			it.problem = true
		}
	}
	it.tested = base
	if it.problem {
		it.tested = [projects]sequence{}
	}
	return true
}

// jobs end with the verdict that their state was given when it was first tested;
// jobs of a halted item are cancelled.
func (m *stage) jobs(s *state, i int, f func(step, *state, error)) {
	it := &s.items[i]
	if it.canceled {
		return
	}
	open := false
	for j, v := range it.jobs[:m.Jobs] {
		if v != running {
			continue
		}
		open = true
		for _, v := range []verdict{good, broken} {
			n := *s
			remembered := &n.verdictsOf(i).jobs[j]
			if *remembered == running {
				if v == broken {
					if n.failures == 0 {
						continue
					}
					n.failures--
				}
				*remembered = v
			}
			if *remembered == v {
				n.items[i].jobs[j] = v
				f(step{op: opFinish, which: i, job: j, verdict: v}, &n, nil)
			}
		}
	}
	if open && it.halted {
		n := *s
		n.items[i].canceled = true
		f(step{op: opCancel, which: i}, &n, nil)
	}
}
