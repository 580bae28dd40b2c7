package simulate

// serial tests one change at a time.
type serial struct {
	waiting []*Change
	run     *Run
}

func (s *serial) Arrive(w *World, c *Change) {
	s.waiting = append(s.waiting, c)
	s.next(w)
}

func (s *serial) next(w *World) {
	w.res.length(w.Now, len(s.waiting))
	if s.run == nil && len(s.waiting) > 0 {
		s.run = w.Start(0, s.waiting[0])
	}
}

func (s *serial) Moved(w *World, r *Run) {
	if r != s.run || !r.Done {
		return
	}
	c := s.waiting[0]
	s.run, s.waiting = nil, s.waiting[1:]
	if r.Failed {
		w.Eject(c, r)
	} else {
		w.Merge(c, r)
	}
	s.next(w)
}
