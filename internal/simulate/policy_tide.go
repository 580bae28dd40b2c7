package simulate

// tide tests a batch and, beside it, the oldest change alone (Prow's Tide). What
// passes while the other still runs is merged when that does not spoil a batch:
// a batch that passes merges, and the single one is tested anew on it; a single
// one that passes waits for the batch. A batch that failed is not tried again
// before a single change was decided.
type tide struct {
	most          int
	waiting       []*Change
	batch, single *Run
	// failed: the batch of these changes failed; one alone is decided first.
	failed bool
}

func (t *tide) Arrive(w *World, c *Change) {
	t.waiting = append(t.waiting, c)
	t.next(w)
}

func (t *tide) next(w *World) {
	w.res.length(w.Now, len(t.waiting))
	if t.single == nil && len(t.waiting) > 0 {
		t.single = w.Start(0, t.waiting[0])
	}
	if t.batch == nil && !t.failed && len(t.waiting) > 1 {
		t.batch = w.Start(1, t.waiting[:min(t.most, len(t.waiting))]...)
	}
}

func (t *tide) Moved(w *World, r *Run) {
	switch {
	case r == t.batch && r.Failed:
		t.batch, t.failed = nil, true
		w.res.restart("a batch failed", len(r.builds))
		w.Discard(r)
	case r == t.batch && r.Done:
		t.batch = nil
		for _, c := range r.Changes {
			w.Merge(c, r)
			t.waiting = without(t.waiting, c)
		}
		t.dropSingle(w)
	case r == t.single && r.Done && r.Failed:
		t.single, t.failed = nil, false
		w.Eject(r.Changes[0], r)
		t.waiting = without(t.waiting, r.Changes[0])
		t.dropBatch(w)
	case r != t.single || !r.Done:
		return
	}
	if s := t.single; s != nil && s.Done && t.batch == nil {
		t.single, t.failed = nil, false
		w.Merge(s.Changes[0], s)
		t.waiting = without(t.waiting, s.Changes[0])
	}
	t.next(w)
}

// dropSingle throws away what was tested on a branch that moved.
func (t *tide) dropSingle(w *World) {
	if t.single == nil {
		return
	}
	w.res.restart("the branch moved", len(t.single.builds))
	w.Cancel(t.single)
	t.single = nil
}

// dropBatch throws a batch away that has a change in it that failed alone.
func (t *tide) dropBatch(w *World) {
	if t.batch == nil {
		return
	}
	w.res.restart("a change of the batch failed alone", len(t.batch.builds))
	w.Cancel(t.batch)
	t.batch = nil
}
