package gitrepo

import (
	"context"
	"slices"
	"sync"
)

// rounds lets many callers share one run against a remote. Who asks while a run
// is under way waits for the next, which all share who ask until it begins: an
// answer is never older than its question.
//
//	ask ─┐                     ask ─┐  ask ─┐
//	     └► [ round 1 .......... ]  └───────┴► [ round 2 ]
type rounds[T any] struct {
	// work does one round: it waits for its turn, calls take to begin, and gives
	// every asker its answer.
	work func(ctx context.Context, r *round[T])
	// background counts the goroutines of rounds, for who closes the store.
	background *sync.WaitGroup

	mu      sync.Mutex
	running bool
	// open rounds have not begun; the first may be waiting for its turn.
	open []*round[T]
}

// round is one run, for one remote: credentials are not mixed.
type round[T any] struct {
	of     *rounds[T]
	remote Remote
	ctx    context.Context //nolint:containedctx // of the run: it ends when nobody waits for it any more
	stop   context.CancelFunc
	done   chan struct{}
	askers []*asker[T]
	left   int
}

// asker is one caller: what it wants, and its answer.
type asker[T any] struct {
	wants  []Want
	answer T
	err    error
}

// ask waits for a round that begins after this question.
func (rs *rounds[T]) ask(ctx context.Context, remote Remote, wants []Want) (T, error) {
	a := &asker[T]{wants: wants}
	r := rs.join(ctx, remote, a)
	select {
	case <-r.done:
		return a.answer, a.err
	case <-ctx.Done():
		rs.leave(r)
		var none T
		return none, context.Cause(ctx)
	}
}

func (rs *rounds[T]) join(ctx context.Context, remote Remote, a *asker[T]) *round[T] {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	i := slices.IndexFunc(rs.open, func(r *round[T]) bool { return r.remote == remote })
	if i < 0 {
		i = len(rs.open)
		r := &round[T]{of: rs, remote: remote, done: make(chan struct{})}
		r.ctx, r.stop = context.WithCancel(context.WithoutCancel(ctx))
		rs.open = append(rs.open, r)
	}
	r := rs.open[i]
	r.askers = append(r.askers, a)
	r.left++
	if !rs.running {
		rs.running = true
		rs.background.Go(rs.serve)
	}
	return r
}

// leave gives up waiting; a run that nobody waits for is stopped.
func (rs *rounds[T]) leave(r *round[T]) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if r.left--; r.left == 0 {
		r.stop()
		rs.close(r)
	}
}

// close lets nobody join any more; mu is held.
func (rs *rounds[T]) close(r *round[T]) {
	rs.open = slices.DeleteFunc(rs.open, func(o *round[T]) bool { return o == r })
}

// serve works on one round after another until nobody waits.
func (rs *rounds[T]) serve() {
	for {
		rs.mu.Lock()
		if len(rs.open) == 0 {
			rs.running = false
			rs.mu.Unlock()
			return
		}
		r := rs.open[0]
		rs.mu.Unlock()
		rs.work(r.ctx, r)
		r.take()
		r.stop()
		close(r.done)
	}
}

// waiting are those who asked so far; more may come.
func (r *round[T]) waiting() []*asker[T] {
	r.of.mu.Lock()
	defer r.of.mu.Unlock()
	return slices.Clone(r.askers)
}

// take begins the round: who asks from now on is answered by the next one.
func (r *round[T]) take() []*asker[T] {
	r.of.mu.Lock()
	defer r.of.mu.Unlock()
	r.of.close(r)
	return r.askers
}
