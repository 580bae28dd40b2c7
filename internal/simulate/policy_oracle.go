package simulate

// oracle knows all results: it tests a good change once, as it will pass, and at
// once; it merges in order. A bad one is tested once, beside, and ejected.
type oracle struct {
	waiting []*Change
	runs    map[*Change]*Run
	n       int
}

func (o *oracle) Arrive(w *World, c *Change) {
	if o.runs == nil {
		o.runs = map[*Change]*Run{}
	}
	o.n++
	if !c.Bad {
		w.runs[c.index] = len(c.Runs) // the record of flakes is over
		o.waiting = append(o.waiting, c)
	}
	o.runs[c] = w.Start(o.n, c)
	w.res.length(w.Now, len(o.waiting))
}

func (o *oracle) Moved(w *World, r *Run) {
	if !r.Done {
		return
	}
	if c := r.Changes[0]; c.Bad {
		w.Eject(c, r)
		return
	}
	for len(o.waiting) > 0 && o.runs[o.waiting[0]].Done {
		c := o.waiting[0]
		o.waiting = o.waiting[1:]
		w.Merge(c, o.runs[c])
	}
	w.res.length(w.Now, len(o.waiting))
}
