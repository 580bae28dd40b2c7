package gitrepo

import (
	"container/heap"
	"context"
)

// maxWalk bounds the commits that are looked at for a merge base. What is
// further apart is left to git, which has an index of the history.
const maxWalk = 5_000

// paint marks from where a commit can be reached.
type paint uint8

const (
	fromOurs paint = 1 << iota
	fromTheirs
	// stale commits are behind a common one.
	stale
	found

	common = fromOurs | fromTheirs
)

// mergeBase finds the best common ancestor of two commits as git does: it walks
// both histories back by date, until all that is left is behind a common commit.
// "" when there is none; errOdd when there are several, or it is far away.
func (m *Mirror) mergeBase(ctx context.Context, ours, theirs string) (string, error) {
	if ours == theirs {
		_, err := m.commit(ctx, ours)
		return ours, err
	}
	w := walk{marks: map[string]paint{}}
	for id, mark := range map[string]paint{ours: fromOurs, theirs: fromTheirs} {
		c, err := m.commit(ctx, id)
		if err != nil {
			return "", err
		}
		w.push(id, c, mark)
	}
	var bases []string
	for looked := 0; w.fresh > 0; looked++ {
		if looked == maxWalk {
			return "", errOdd
		}
		id, c := w.pop()
		mark := w.marks[id] & (common | stale)
		if mark == common {
			if w.marks[id]&found == 0 {
				w.marks[id] |= found
				bases = append(bases, id)
			}
			mark |= stale
		}
		for _, p := range c.parents {
			if w.marks[p]&mark == mark {
				continue
			}
			parent, err := m.commit(ctx, p)
			if err != nil {
				return "", m.WasThere(err)
			}
			w.push(p, parent, mark)
		}
	}
	best := ""
	for _, id := range bases {
		switch {
		case w.marks[id]&stale != 0:
		case best != "":
			return "", errOdd
		default:
			best = id
		}
	}
	return best, nil
}

// walk is a queue of commits, the youngest first. A commit may be in it twice.
type walk struct {
	queue []walked
	marks map[string]paint
	// inQueue counts how often a commit is in the queue; fresh are those entries
	// whose commit is not stale.
	inQueue map[string]int
	fresh   int
	seq     int
}

type walked struct {
	id     string
	commit commitInfo
	seq    int
}

func (w *walk) push(id string, c commitInfo, mark paint) {
	if w.inQueue == nil {
		w.inQueue = map[string]int{}
	}
	before := w.marks[id]
	w.marks[id] = before | mark
	if before&stale == 0 && mark&stale != 0 {
		w.fresh -= w.inQueue[id]
	}
	w.inQueue[id]++
	if w.marks[id]&stale == 0 {
		w.fresh++
	}
	w.seq++
	heap.Push(w, walked{id, c, w.seq})
}

func (w *walk) pop() (string, commitInfo) {
	x, _ := heap.Pop(w).(walked)
	w.inQueue[x.id]--
	if w.marks[x.id]&stale == 0 {
		w.fresh--
	}
	return x.id, x.commit
}

// Len implements heap.Interface.
func (w *walk) Len() int { return len(w.queue) }

// Less implements heap.Interface.
func (w *walk) Less(i, j int) bool {
	a, b := w.queue[i], w.queue[j]
	if a.commit.time != b.commit.time {
		return a.commit.time > b.commit.time
	}
	return a.seq < b.seq
}

// Swap implements heap.Interface.
func (w *walk) Swap(i, j int) { w.queue[i], w.queue[j] = w.queue[j], w.queue[i] }

// Push implements heap.Interface.
func (w *walk) Push(x any) { w.queue = append(w.queue, x.(walked)) } //nolint:errcheck,forcetypeassert // push puts nothing else in

// Pop implements heap.Interface.
func (w *walk) Pop() any {
	last := w.queue[len(w.queue)-1]
	w.queue = w.queue[:len(w.queue)-1]
	return last
}
