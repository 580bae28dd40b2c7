package layout

import (
	"reflect"
	"slices"

	"github.com/gozer-dev/gozer/internal/configlang"
)

// Noop is built in: it needs no definition and always succeeds.
const Noop = "noop"

// settleJobs keeps the variants of one repository. Another one may define the
// same job only if it shadows the first; then its own is left out.
func settleJobs(s *scope, all []*Job, complain complain[*Job]) []*Job {
	var in []*Job
	for _, j := range all {
		switch {
		case j.Name == Noop:
			complain(j, "", "choose another name", "The job noop is built in and cannot be defined")
			continue
		case len(in) > 0 && in[0].Origin.Project != j.Origin.Project:
			first := in[0].Origin.Project
			if !s.shadows(j.Origin.Project, first) {
				complain(j, "", "give it another name, with the other as its parent", "Job %s in %s is not permitted to shadow job %s in %s",
					j.Name, j.Origin.Project.Name, in[0].Name, first.Name)
			}
			continue
		}
		in = append(in, j)
	}
	return in
}

// checkShadow complains of projects that are to be shadowed and are not there.
func (l *Layout) checkShadow(p *Project) {
	for _, name := range p.Shadow {
		found, err := l.project(name)
		o := &Origin{Project: p}
		switch {
		case err != nil:
			l.complain(o, p, configlang.Stanza{}, false, "", "", "%v", err)
		case found == nil:
			l.complain(o, p, configlang.Stanza{}, false, configlang.NameProjectNotFound, "add it to the tenant, or do not shadow it", "The project %q was not found.", name)
		}
	}
}

func (s *scope) shadows(p, other *Project) bool {
	return slices.ContainsFunc(p.Shadow, func(name string) bool {
		found, err := s.project(name)
		return err == nil && found == other
	})
}

// settleSame keeps the first definition. A copy of it on another branch of the
// same repository is fine; anything else is an error.
func settleSame[T any](title string) func(*scope, []*Def[T], complain[*Def[T]]) []*Def[T] {
	return func(_ *scope, all []*Def[T], complain complain[*Def[T]]) []*Def[T] {
		first := all[:min(1, len(all))]
		for _, d := range all[min(1, len(all)):] {
			was := first[0]
			switch {
			case !d.Origin.sameProject(was.Origin):
				complain(d, "", "rename one of them", "%s %s already defined in project %s", title, d.name, was.Origin.Project.Name)
			case d.Origin.Branch == was.Origin.Branch:
				complain(d, "", "rename one of them", "%s %s already defined", title, d.name)
			case !sameText(d.Value, was.Value):
				complain(d, "", "make them equal, or rename one of them", "%s %s does not match existing definition in branch %s", title, d.name, was.Origin.Branch)
			}
		}
		return first
	}
}

// sameText compares two objects but for the places where they stand.
func sameText(a, b any) bool { return equalValues(reflect.ValueOf(a), reflect.ValueOf(b)) }

func equalValues(a, b reflect.Value) bool {
	if a.IsValid() != b.IsValid() || a.IsValid() && a.Type() != b.Type() {
		return false
	}
	if !a.IsValid() || a.Type() == reflect.TypeFor[configlang.Pos]() {
		return true
	}
	switch a.Kind() {
	case reflect.Pointer, reflect.Interface:
		return a.IsNil() == b.IsNil() && equalValues(a.Elem(), b.Elem())
	case reflect.Struct:
		for i := range a.NumField() {
			if !equalValues(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !equalValues(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

// settleSemaphores leaves out those that hide a global one.
func settleSemaphores(s *scope, all []*Def[configlang.Semaphore], complain complain[*Def[configlang.Semaphore]]) []*Def[configlang.Semaphore] {
	if len(all) > 0 && slices.Contains(s.GlobalSemaphores, all[0].name) {
		for _, d := range all {
			complain(d, "", "rename it", "Semaphore %s shadows a global semaphore and will be ignored", d.name)
		}
		return nil
	}
	return settleSame[configlang.Semaphore]("Semaphore")(s, all, complain)
}

// settlePipelines keeps the first of a name.
func settlePipelines(_ *scope, all []*Def[configlang.BoundPipeline], complain complain[*Def[configlang.BoundPipeline]]) []*Def[configlang.BoundPipeline] {
	for _, d := range all[min(1, len(all)):] {
		complain(d, "", "rename one of them", "Pipeline %s is already defined", d.name)
	}
	return all[:min(1, len(all))]
}

// settleTemplates keeps those of the first repository: another one must not
// give jobs to whoever uses the template.
func settleTemplates(_ *scope, all []*Stanza, complain complain[*Stanza]) []*Stanza {
	var in []*Stanza
	for _, t := range all {
		if len(in) > 0 && in[0].Origin.Project != t.Origin.Project {
			complain(t, "", "give it another name", "Project template %s is already defined", t.Name)
			continue
		}
		in = append(in, t)
	}
	return in
}

// settleProjects puts stanzas for one project before those for many, these by
// their expression in the order in which each is met first.
func settleProjects(_ *scope, all []*Stanza, _ complain[*Stanza]) []*Stanza {
	plain := func(s *Stanza) bool { return s.NameRegex == nil }
	if !slices.ContainsFunc(all, func(s *Stanza) bool { return !plain(s) }) {
		return all
	}
	var in []*Stanza
	var names []string
	byName := map[string][]*Stanza{}
	for _, s := range all {
		if plain(s) {
			in = append(in, s)
			continue
		}
		if byName[s.Name] == nil {
			names = append(names, s.Name)
		}
		byName[s.Name] = append(byName[s.Name], s)
	}
	for _, n := range names {
		in = append(in, byName[n]...)
	}
	return in
}
