package layout

import (
	"maps"
	"slices"

	"github.com/gozer-dev/gozer/internal/configlang"
)

// object is what an entry is made of.
type object interface {
	comparable
	key() string
	from() *Origin
	stanza() configlang.Stanza
}

// entry is all objects of one kind and name.
type entry[T object] struct {
	// all that are defined, in the tenant's order; in are those that count.
	all, in []T
}

// table is the entries of one kind. A table that differs in few names from
// another one shares it as its base.
type table[T object] struct {
	base, over map[string]*entry[T]
	// of the objects in a chunk.
	of func(*chunk) []T
	// settle decides which of an entry count, and complains of the others.
	settle func(s *scope, all []T, complain complain[T]) []T
}

// complain records an error of an object.
type complain[T object] func(o T, name, hint, format string, args ...any)

func newTable[T object](of func(*chunk) []T, settle func(*scope, []T, complain[T]) []T) table[T] {
	return table[T]{base: map[string]*entry[T]{}, of: of, settle: settle}
}

// get returns the objects that count under a name.
func (t *table[T]) get(name string) []T {
	if e := t.entry(name); e != nil {
		return e.in
	}
	return nil
}

func (t *table[T]) entry(name string) *entry[T] {
	if e, ok := t.over[name]; ok {
		return e
	}
	return t.base[name]
}

// first returns the first object under a name, or nil.
func (t *table[T]) first(name string) T {
	if in := t.get(name); len(in) > 0 {
		return in[0]
	}
	var none T
	return none
}

// each visits all entries; the order is not determined.
func (t *table[T]) each(visit func(name string, e *entry[T])) {
	for name, e := range t.over {
		visit(name, e)
	}
	for name, e := range t.base {
		if _, replaced := t.over[name]; !replaced {
			visit(name, e)
		}
	}
}

// fill adds the objects of a chunk to a table that is being built.
func (t *table[T]) fill(c *chunk) {
	for _, o := range t.of(c) {
		e := t.base[o.key()]
		if e == nil {
			e = &entry[T]{}
			t.base[o.key()] = e
		}
		e.all = append(e.all, o)
	}
}

// settleAll decides every entry.
func (t *table[T]) settleAll(l *Layout) {
	for _, e := range t.base {
		t.settleEntry(l, e)
	}
}

func (t *table[T]) settleEntry(l *Layout, e *entry[T]) {
	e.in = t.settle(l.scope, e.all, func(o T, name, hint, format string, args ...any) {
		l.complain(o.from(), o, o.stanza(), false, name, hint, format, args...)
	})
}

// replace makes a table in which the objects of one chunk are others. It
// returns the names that this touches.
func (t *table[T]) replace(l *Layout, old, now *chunk) (next table[T], touched []string) {
	next = *t
	after := map[string][]T{}
	for _, o := range t.objects(old) {
		after[o.key()] = nil
	}
	for _, o := range t.objects(now) {
		after[o.key()] = append(after[o.key()], o)
	}
	if len(after) == 0 {
		return next, nil
	}
	touched = slices.Sorted(maps.Keys(after))
	if next.over = maps.Clone(t.over); next.over == nil {
		next.over = map[string]*entry[T]{}
	}
	for _, name := range touched {
		e := &entry[T]{}
		if was := t.entry(name); was != nil {
			for _, o := range was.all {
				l.forget(o)
				if c := o.from().chunk; c != old || old == nil {
					e.all = append(e.all, o)
				}
			}
		}
		e.all = append(e.all, after[name]...)
		slices.SortStableFunc(e.all, func(a, b T) int { return l.compare(a.from().chunk, b.from().chunk) })
		next.settleEntry(l, e)
		next.over[name] = e
	}
	return next, touched
}

func (t *table[T]) objects(c *chunk) []T {
	if c == nil {
		return nil
	}
	return t.of(c)
}
