package simulate

// batch tests all that wait as one (bors). A batch that fails is halved, and its
// halves come first; a batch of one that fails is out.
type batch struct {
	most    int
	waiting []*Change
	batches [][]*Change
	run     *Run
}

func (b *batch) Arrive(w *World, c *Change) {
	b.waiting = append(b.waiting, c)
	b.next(w)
}

func (b *batch) next(w *World) {
	n := len(b.waiting)
	for _, list := range b.batches {
		n += len(list)
	}
	w.res.length(w.Now, n)
	if b.run != nil {
		return
	}
	if len(b.batches) == 0 && len(b.waiting) > 0 {
		size := min(b.most, len(b.waiting))
		b.batches = append(b.batches, b.waiting[:size:size])
		b.waiting = b.waiting[size:]
	}
	if len(b.batches) > 0 {
		b.run = w.Start(0, b.batches[0]...)
	}
}

func (b *batch) Moved(w *World, r *Run) {
	if r != b.run || !r.Done && (!r.Failed || len(r.Changes) == 1) {
		return
	}
	list := b.batches[0]
	b.run, b.batches = nil, b.batches[1:]
	switch {
	case !r.Failed:
		for _, c := range list {
			w.Merge(c, r)
		}
	case len(list) == 1:
		w.Eject(list[0], r)
	default:
		w.res.restart("a batch failed and is halved", len(r.builds))
		w.Discard(r)
		half := (len(list) + 1) / 2
		b.batches = append([][]*Change{list[:half], list[half:]}, b.batches...)
	}
	b.next(w)
}
