package layout

import (
	"maps"
	"slices"
	"strings"
)

// checkLoops complains of jobs that are their own ancestors through others. A
// variant may name its own job as its parent; that adds nothing.
func (l *checker) checkLoops() {
	l.loops = false
	l.errs = slices.DeleteFunc(l.errs, func(e *Error) bool { return e.loop })
	var names []string
	for _, c := range slices.SortedFunc(maps.Values(l.chunks), l.compare) {
		for _, j := range c.jobs {
			names = append(names, j.Name)
		}
	}
	l.loopsFrom(names)
}

// checkLoopsThrough looks for loops that some jobs are part of. Where there is
// one, all are looked for: who is blamed does not depend on where one begins.
func (l *checker) checkLoopsThrough(names []string) {
	if !l.loops {
		l.loopsFrom(names)
	}
	if l.loops {
		l.checkLoops()
	}
}

// loopsFrom looks upwards from some jobs.
func (l *checker) loopsFrom(names []string) {
	const onPath, done = 1, 2
	state := map[string]int{}
	var path []string
	var visit func(name string)
	visit = func(name string) {
		state[name] = onPath
		path = append(path, name)
		for _, j := range l.Variants(name) {
			parent := j.Parent
			if parent == "" || parent == name || j.Origin == nil {
				continue
			}
			switch state[parent] {
			case 0:
				visit(parent)
			case onPath:
				l.loops = true
				loop := append(slices.Clone(path[slices.Index(path, parent):]), parent)
				before := len(l.errs)
				l.found(j.Origin, j, j.stanza(), problemf("", "change the parent of one of them", "Job %s is its own ancestor: %s", name, strings.Join(loop, " -> ")))
				for _, e := range l.errs[before:] {
					e.loop = true
				}
			}
		}
		path = path[:len(path)-1]
		state[name] = done
	}
	for _, name := range names {
		if state[name] == 0 {
			visit(name)
		}
	}
}
