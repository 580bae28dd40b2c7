package semaphore

// MaxUndefined is how many semaphores a tenant has that nobody defined. Whoever
// opens a change can name as many as they like, and each is an object; one job
// names fewer than this.
const MaxUndefined = 500

// Undefined is a decision about the semaphores that nobody defined.
type Undefined struct {
	// Make are those that builds need and that are not there, in the order of the builds.
	Make []Key
	// Drop are those that nobody needs and that are in others' way.
	Drop []Key
	// Refused are builds for which there is no room.
	Refused map[string]bool
}

// Names decides which of the semaphores that nobody defined are there: all that
// builds need, build by build in their order, up to a number for each scope. A
// build has room for all of its own, or for none: two that have half of theirs
// would wait for one another for ever. What somebody holds is there whatever the
// number. The keys say of each that nobody defined whether it exists.
func Names(keys map[Key]bool, now map[Key]Semaphore, builds []Build, most int) Undefined {
	n := &naming{keys: keys, needed: map[Key]bool{}, count: map[string]int{}}
	for k := range keys {
		if len(now[k].Holders) > 0 {
			n.need(k)
		}
	}
	for _, b := range inOrder(builds) {
		missing := n.missing(b)
		if !b.Holds && !n.room(missing, most) {
			n.out.Refused = with(n.out.Refused, b.Name)
			continue
		}
		for _, k := range missing {
			n.need(k)
		}
	}
	n.drop(most)
	return n.out
}

// naming is the state of one decision.
type naming struct {
	keys   map[Key]bool
	needed map[Key]bool
	// count of what is needed, by scope.
	count map[string]int
	out   Undefined
}

func (n *naming) need(k Key) {
	if n.needed[k] {
		return
	}
	n.needed[k] = true
	n.count[k.Scope]++
	if !n.keys[k] {
		n.out.Make = append(n.out.Make, k)
	}
}

// missing are those of a build that nobody before it needs.
func (n *naming) missing(b Build) []Key {
	var out []Key
	for _, k := range b.Needs {
		if _, undefined := n.keys[k]; undefined && !n.needed[k] {
			out = append(out, k)
		}
	}
	return out
}

// room says whether so many more fit in; all of a build are of one scope.
func (n *naming) room(more []Key, most int) bool {
	return len(more) == 0 || n.count[more[0].Scope]+len(more) <= most
}

// drop takes those away that nobody needs, where there would be too many.
func (n *naming) drop(most int) {
	unneeded := map[string][]Key{}
	for k, exists := range n.keys {
		if exists && !n.needed[k] {
			unneeded[k.Scope] = append(unneeded[k.Scope], k)
		}
	}
	for scope, keys := range unneeded {
		if n.count[scope]+len(keys) > most {
			n.out.Drop = append(n.out.Drop, keys...)
		}
	}
}

func with(set map[string]bool, name string) map[string]bool {
	if set == nil {
		set = map[string]bool{}
	}
	set[name] = true
	return set
}

// Withheld is a decision after a semaphore that comes before could not be written:
// builds that should have got that one get none of those that come after it, as if
// the process had died there. What else was decided of these stays.
func (d Decision) Withheld(now Semaphore, without map[string]bool) Decision {
	if len(without) == 0 {
		return d
	}
	had := map[string]bool{}
	for _, b := range now.Holders {
		had[b] = true
	}
	out := Decision{Waiting: d.Waiting}
	for _, b := range d.Holders {
		if had[b] || !without[b] {
			out.Holders = append(out.Holders, b)
		}
	}
	return out
}

// Given are the builds that get a semaphore by a decision.
func (d Decision) Given(now Semaphore) []string {
	had := map[string]bool{}
	for _, b := range now.Holders {
		had[b] = true
	}
	var out []string
	for _, b := range d.Holders {
		if !had[b] {
			out = append(out, b)
		}
	}
	return out
}
