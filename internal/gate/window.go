package gate

// Window bounds how many items at the front of a queue are worked on
// (Zuul: window, FEATURES 3.3). It grows when a change merges and shrinks when
// one fails. Size 0 is no bound.
type Window struct {
	Size int
	// Floor is the least it shrinks to, Ceiling the most it grows to (0: no bound).
	Floor, Ceiling int
	// Linear steps are added and subtracted, the others multiply and divide.
	IncreaseLinear bool
	IncreaseBy     int
	DecreaseLinear bool
	DecreaseBy     int
}

// includes says whether the item at the index is worked on.
func (w Window) includes(index int) bool { return w.Size == 0 || index < w.Size }

// maxWindow is beyond any queue. Without it a window that doubles would overflow
// after thirty merges, and a window below zero lets nobody in.
const maxWindow = 1 << 20

func (w Window) grown() Window {
	if w.Size == 0 {
		return w
	}
	if w.IncreaseLinear {
		w.Size += w.IncreaseBy
	} else {
		w.Size *= w.IncreaseBy
	}
	if w.Ceiling > 0 {
		w.Size = min(w.Size, w.Ceiling)
	}
	w.Size = min(w.Size, maxWindow)
	return w
}

func (w Window) shrunk() Window {
	if w.Size == 0 {
		return w
	}
	if w.DecreaseLinear {
		w.Size -= w.DecreaseBy
	} else if w.DecreaseBy > 0 {
		w.Size /= w.DecreaseBy
	}
	w.Size = max(w.Size, w.Floor)
	return w
}
