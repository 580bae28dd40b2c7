package modelcheck

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// Outcome of a search.
type Outcome struct {
	// States that are distinct, Steps between them, Depth of the longest shortest way to one.
	States, Steps, Depth int
	// Ends are the states in which nothing happens by itself any more.
	Ends int
	// Violation is nil when everything holds; Story is the shortest way to it.
	Violation error
	Story     []string
}

// search is one breadth-first search.
type search struct {
	stage *stage
	seen  set
	// limit of states, for worlds that are too large; 0 is none.
	limit int

	mu    sync.Mutex
	found *violation
}

// violation of an invariant: the way is that to a state and one more step.
type violation struct {
	err  error
	from uint32
	at   int // which of the state's steps; -1 for the state itself
}

// node is a state of the frontier.
type node struct {
	state  state
	number uint32
}

// worker explores a part of each layer.
type worker struct {
	*search
	next [][]node
	// origins of the states that it was the first to see.
	origins []origin
	// edges are the fair steps: from, how many, and where to.
	edges       []uint32
	steps, ends int
	buffer      writer
}

// origin says from which state and by which of its steps a state was first reached.
type origin struct {
	number, from uint32
	at           uint8
}

// Check searches all states of a world; limit is 0, or ends it when so many were seen.
func Check(w World, e Engine, workers, limit int) Outcome {
	s := &search{stage: newStage(w, e), limit: limit}
	crew := make([]*worker, workers)
	for i := range crew {
		crew[i] = &worker{search: s}
	}
	first := node{state: s.stage.initial()}
	first.state.canonical()
	first.state.encode(&crew[0].buffer)
	first.number, _ = s.seen.add(crew[0].buffer.print())
	frontier := [][]node{{first}}
	depth := 0
	for ; len(frontier) > 0 && s.found == nil && (limit == 0 || int(s.seen.count.Load()) < limit); depth++ {
		frontier = s.layer(crew, frontier)
	}
	out := Outcome{States: int(s.seen.count.Load()), Depth: depth}
	for _, c := range crew {
		out.Steps += c.steps
		out.Ends += c.ends
	}
	if s.found == nil && len(frontier) == 0 {
		s.found = live(crew, out.States)
	}
	if s.found != nil {
		out.Violation, out.Story = s.found.err, s.story(crew, out.States)
	}
	return out
}

// layer takes one step from every state of the frontier.
func (s *search) layer(crew []*worker, frontier [][]node) [][]node {
	var wait sync.WaitGroup
	var at atomic.Int64
	for _, w := range crew {
		wait.Go(func() {
			for n := int(at.Add(1)) - 1; n < len(frontier); n = int(at.Add(1)) - 1 {
				for i := range frontier[n] {
					w.visit(&frontier[n][i])
				}
				frontier[n] = nil
			}
		})
	}
	wait.Wait()
	var next [][]node
	for _, w := range crew {
		next = append(next, w.next...)
		w.next = nil
	}
	return next
}

// maxBatch bounds the batches of a layer, 16<<maxBatch nodes: what a worker takes at once, and what is freed at once.
const maxBatch = 6

// push puts a new state into the next layer.
func (w *worker) push(n node) {
	if k := len(w.next); k == 0 || len(w.next[k-1]) == cap(w.next[k-1]) {
		// Small layers are many, and large ones have many batches.
		w.next = append(w.next, make([]node, 0, 16<<min(k, maxBatch)))
	}
	last := &w.next[len(w.next)-1]
	*last = append(*last, n)
}

// visit takes every step of one state.
func (w *worker) visit(n *node) {
	head := len(w.edges)
	w.edges = append(w.edges, n.number, 0)
	at := 0
	w.stage.each(&n.state, func(st step, to *state, err error) {
		defer func() { at++ }()
		w.steps++
		if err != nil {
			w.violated(violation{err, n.number, at})
			return
		}
		to.canonical()
		to.encode(&w.buffer)
		number, fresh := w.seen.add(w.buffer.print())
		if fresh {
			w.push(node{*to, number})
			w.origins = append(w.origins, origin{number, n.number, uint8(at)})
		}
		if st.op.fair() {
			w.edges = append(w.edges, number)
		}
	})
	fair := len(w.edges) - head - 2
	w.edges[head+1] = uint32(fair)
	if fair == 0 {
		w.ends++
		if err := w.stage.checkEnd(&n.state); err != nil {
			w.violated(violation{err, n.number, -1})
		}
	}
}

func (s *search) violated(v violation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.found == nil || v.from < s.found.from {
		s.found = &v
	}
}

func (o Outcome) String() string {
	return fmt.Sprintf("%d states, %d steps, depth %d, %d ends", o.States, o.Steps, o.Depth, o.Ends)
}
