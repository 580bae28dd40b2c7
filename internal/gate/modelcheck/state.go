package modelcheck

import "math/bits"

// verdict of a job.
type verdict uint8

const (
	running verdict = iota
	good
	broken
)

// result of an item, as it was told or stored.
type result uint8

const (
	undecided result = iota
	success
	failure
	conflict
	refused
	dequeued
)

// place mirrors gate.Place. Ahead and rescuer are the item's number plus one; 0 is the branch, or nobody.
type place struct {
	epoch, ahead, aheadEpoch uint8
	active, halted           bool
	rescuer                  uint8
	givenUp                  bool
}

// facts about an item in an epoch; none when the epoch is 0.
type facts struct {
	epoch             uint8
	problem, canceled bool
	jobs              [maxJobs]verdict
}

// stored is what is kept of an item whatever dies.
type stored struct {
	place
	facts
	// tested is what the state of facts' epoch consists of.
	tested [projects]sequence
	// gone: it left the queue. leave: somebody wants it to.
	gone, leave bool
	merged      bool
	reported    result
}

// known is what the process has in memory of an item.
type known struct {
	place
	facts
	gone, leave bool
	merged      bool
	reported    result
	// asked, refuses and moved are what the host said; merged has a field of its own.
	asked, refuses, moved bool
	// raced: somebody pushed after the host was asked about it.
	raced bool
	// todo is the outside action of this round, tell the result to report.
	todo todo
	tell result
}

type todo uint8

const (
	nothing todo = iota
	doLookup
	doMerge
	doReport
)

// verdicts remember what jobs say about a state: the same state, the same results.
type verdicts struct {
	item   uint8
	tested [projects]sequence
	jobs   [maxJobs]verdict
}

const maxVerdicts = 14

// state of the world. It has no pointers: equal states are equal values.
type state struct {
	// arrival is the items in the order of the queue; arrived of them are there.
	arrival [maxItems]uint8
	arrived uint8
	window  uint8
	items   [maxItems]stored

	// The code host: branches, changes that were closed, what was told.
	branch [projects]sequence
	closed [maxItems]bool
	told   [maxItems]result

	// The process, while it reconciles. seen of the arrived items are known to it.
	busy   bool
	seen   uint8
	size   uint8 // of the window
	memory [maxItems]known
	// acting: what was decided is stored, and it acts outside. last: nothing is left to do but to store.
	acting, last bool
	// forgot: it died when it knew of a refusal or a merge that was not stored.
	// Until it has asked again, those behind are placed without knowing it.
	forgot bool

	// What may still happen.
	failures, pushes, leaves, refusals, crashes uint8

	verdicts [maxVerdicts]verdicts
	nVerdict uint8
}

func (m *stage) initial() state {
	s := state{window: uint8(m.Window.Size), failures: uint8(m.Failures), pushes: uint8(m.Pushes),
		leaves: uint8(m.Leaves), refusals: uint8(m.Refusals), crashes: uint8(m.Crashes)}
	return s
}

func (s *state) hasArrived(i int) bool {
	for _, a := range s.arrival[:s.arrived] {
		if int(a) == i {
			return true
		}
	}
	return false
}

// hosted says whether all of the item's changes are in their branches.
func (m *stage) hosted(s *state, i int) bool {
	for _, c := range m.changes[i] {
		if !s.branch[m.project[c]].has(c) {
			return false
		}
	}
	return true
}

// verdictsOf is where the results of a state are remembered.
func (s *state) verdictsOf(i int) *verdicts {
	tested := s.items[i].tested
	for n := range s.verdicts[:s.nVerdict] {
		if v := &s.verdicts[n]; int(v.item) == i && v.tested == tested {
			return v
		}
	}
	if s.nVerdict == maxVerdicts {
		panic("more tested states than the model has room for")
	}
	v := &s.verdicts[s.nVerdict]
	s.nVerdict++
	*v = verdicts{item: uint8(i), tested: tested}
	return v
}

// canonical gives a state the one form that all equal states have: what cannot
// matter any more is forgotten, epochs are numbered anew, remembered verdicts sorted.
func (s *state) canonical() {
	if !s.busy {
		s.memory, s.seen, s.size, s.acting, s.last = [maxItems]known{}, 0, 0, false, false
	}
	for i := range s.items {
		it, k := &s.items[i], &s.memory[i]
		if it.gone {
			*it = stored{gone: true, merged: it.merged}
			s.told[i], s.closed[i] = 0, false
			if s.busy {
				*k = known{gone: true, merged: k.merged}
			}
			continue
		}
		if it.facts.epoch != it.place.epoch {
			it.facts, it.tested = facts{}, [projects]sequence{}
		}
		if k.facts.epoch != k.place.epoch {
			k.facts = facts{}
		}
	}
	s.renumber()
	s.sortVerdicts()
}

// renumber maps the epochs of each item that occur anywhere to 1, 2, 3...: only order and equality matter.
func (s *state) renumber() {
	for i := range s.items {
		used := uint64(0)
		s.epochsOf(i, func(e *uint8) { used |= 1 << *e })
		used &^= 1
		s.epochsOf(i, func(e *uint8) { *e = uint8(bits.OnesCount64(used & (2<<*e - 1))) })
	}
}

func (s *state) epochsOf(i int, f func(*uint8)) {
	f(&s.items[i].place.epoch)
	f(&s.items[i].facts.epoch)
	f(&s.memory[i].place.epoch)
	f(&s.memory[i].facts.epoch)
	for j := range s.items {
		if int(s.items[j].ahead) == i+1 {
			f(&s.items[j].aheadEpoch)
		}
		if int(s.memory[j].ahead) == i+1 {
			f(&s.memory[j].aheadEpoch)
		}
	}
}

// sortVerdicts drops those of items that left, and sorts the others.
func (s *state) sortVerdicts() {
	n := 0
	for _, v := range s.verdicts[:s.nVerdict] {
		if s.items[v.item].gone || v.jobs == [maxJobs]verdict{} {
			continue
		}
		at := n
		for ; at > 0 && v.less(&s.verdicts[at-1]); at-- {
			s.verdicts[at] = s.verdicts[at-1]
		}
		s.verdicts[at] = v
		n++
	}
	for i := n; i < int(s.nVerdict); i++ {
		s.verdicts[i] = verdicts{}
	}
	s.nVerdict = uint8(n)
}

func (v *verdicts) less(o *verdicts) bool {
	if v.item != o.item {
		return v.item < o.item
	}
	if v.tested[0] != o.tested[0] {
		return v.tested[0] < o.tested[0]
	}
	return v.tested[1] < o.tested[1]
}
