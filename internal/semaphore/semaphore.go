package semaphore

import (
	"cmp"
	"slices"
	"time"
)

// Key of a semaphore. Scope is where it counts: a tenant, or all of them.
type Key struct{ Scope, Name string }

// Compare is the order in which semaphores are written.
func Compare(a, b Key) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Scope, b.Scope)) }

// Semaphore as it is now.
type Semaphore struct {
	Max int
	// Holders are names of builds.
	Holders []string
}

// Place of a build among those that wait; what is less comes first.
type Place struct {
	// Precedence of the pipeline: less is served before.
	Precedence int
	// Position of the item in its queue.
	Position int
	// Since when the item is there.
	Since time.Time
}

func (p Place) compare(o Place) int {
	return cmp.Or(cmp.Compare(p.Precedence, o.Precedence), cmp.Compare(p.Position, o.Position), p.Since.Compare(o.Since))
}

// Build that holds semaphores, or waits for them.
type Build struct {
	Name  string
	Needs []Key
	// Holds says that the build went on with all of them: it holds them whatever
	// the semaphores say.
	Holds bool
	Place Place
}

// Decision about one semaphore.
type Decision struct {
	// Holders in the order in which they got it.
	Holders []string
	// Waiting in the order in which they are served.
	Waiting []string
}

// Decide says of every semaphore who is to hold it and who waits. Builds that are
// not among those given hold nothing any more.
func Decide(semaphores map[Key]Semaphore, builds []Build) map[Key]Decision {
	d := &deciding{holders: map[Key][]string{}, holds: map[held]bool{}, free: map[Key]int{}, most: map[Key]int{}}
	d.keep(semaphores, builds)
	unfinished, waiting := d.waiting(builds)
	// Those that hold some are completed first; one must not wait for what another
	// of them is kept for.
	left := slices.DeleteFunc(unfinished, d.serve)
	for _, b := range left {
		d.reserve(b)
	}
	for _, b := range waiting {
		if !d.serve(b) {
			d.reserve(b)
			left = append(left, b)
		}
	}
	return d.decisions(semaphores, left)
}

type held struct {
	key   Key
	build string
}

// deciding is the state of one decision.
type deciding struct {
	holders map[Key][]string
	holds   map[held]bool
	// free is what may still be given away, most what a semaphore allows.
	free, most map[Key]int
}

// keep lets builds that live hold what they have.
func (d *deciding) keep(semaphores map[Key]Semaphore, builds []Build) {
	needs := map[held]bool{}
	for _, b := range builds {
		for _, k := range b.Needs {
			needs[held{k, b.Name}] = true
		}
	}
	for k, s := range semaphores {
		d.most[k], d.free[k] = s.Max, s.Max
		for _, name := range s.Holders {
			if needs[held{k, name}] {
				d.give(k, name)
			}
		}
	}
	for _, b := range builds {
		if b.Holds {
			d.giveAll(b)
		}
	}
}

func (d *deciding) give(k Key, build string) {
	if h := (held{k, build}); !d.holds[h] {
		d.holds[h] = true
		d.holders[k] = append(d.holders[k], build)
		d.free[k]--
	}
}

func (d *deciding) giveAll(b Build) {
	for _, k := range b.Needs {
		d.give(k, b.Name)
	}
}

// missing is what a build needs and does not hold.
func (d *deciding) missing(b Build) []Key {
	var out []Key
	for _, k := range b.Needs {
		if !d.holds[held{k, b.Name}] && !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out
}

// waiting are the builds that miss something, in their order: those that hold
// some of what they need, and those that hold nothing.
func (d *deciding) waiting(builds []Build) (unfinished, waiting []Build) {
	for _, b := range builds {
		switch n := len(d.missing(b)); {
		case n == 0:
		case n < len(b.Needs):
			unfinished = append(unfinished, b)
		default:
			waiting = append(waiting, b)
		}
	}
	return inOrder(unfinished), inOrder(waiting)
}

// inOrder are builds as they are served.
func inOrder(builds []Build) []Build {
	return slices.SortedFunc(slices.Values(builds), func(a, b Build) int {
		return cmp.Or(a.Place.compare(b.Place), cmp.Compare(a.Name, b.Name))
	})
}

// serve gives a build all that it misses, if all of that is free.
func (d *deciding) serve(b Build) bool {
	if slices.ContainsFunc(d.missing(b), func(k Key) bool { return d.free[k] < 1 }) {
		return false
	}
	d.giveAll(b)
	return true
}

// reserve keeps those behind from what a build waits for.
func (d *deciding) reserve(b Build) {
	missing := d.missing(b)
	if slices.ContainsFunc(missing, func(k Key) bool { return d.most[k] < 1 }) {
		return // it does not get on whatever they do
	}
	for _, k := range missing {
		d.free[k]--
	}
}

func (d *deciding) decisions(semaphores map[Key]Semaphore, left []Build) map[Key]Decision {
	out := map[Key]Decision{}
	for k := range semaphores {
		out[k] = Decision{Holders: d.holders[k]}
	}
	for _, b := range left {
		for _, k := range d.missing(b) {
			if of, ok := out[k]; ok {
				of.Waiting = append(of.Waiting, b.Name)
				out[k] = of
			}
		}
	}
	return out
}
