package layout_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/confview"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/testkit/synthetic"
)

// picture is everything that can be seen of a layout.
func picture(tb rapid.TB, l *layout.Layout) []string {
	return slices.Concat(errorsOf(l), objectsOf(l), fixedOf(l), jobsOf(tb, l))
}

// errorsOf are the errors with everything that is told about them, in any order.
func errorsOf(l *layout.Layout) []string {
	var out []string
	for _, e := range l.Errors() {
		out = append(out, fmt.Sprintf("error %s: %s [%s] %s (%s %s %d) attr %s hint %q, met %d times, further %v",
			e.Where(), e.Severity, e.Name, e.Message, e.Stanza.Kind, e.Stanza.Name, e.Stanza.Pos.Line, e.Attr, e.Hint, e.Uses, e.Further))
	}
	slices.Sort(out)
	return out
}

// Names that objects may have; others are found by no one.
var (
	jobNames      = []string{"unit", "docs", "lint", "base", "deploy", "noop", "gone", "broken"}
	nodeSetNames  = []string{"one", "two", "three", "gone"}
	templateNames = []string{"t1", "t2", "gone"}
	branchNames   = []string{"main", "stable", "wip", "other"}
)

// objectsOf is what counts under each name, and where it stands.
func objectsOf(l *layout.Layout) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, name := range jobNames {
		for _, j := range l.Variants(name) {
			add("job %s of %s:%d for %s from %s", name, j.Origin, j.Line(), j.BranchText(), j.Parent)
		}
	}
	stanza := func(kind string, s *layout.Stanza) {
		add("%s %s%s of %s:%d for %v uses %v", kind, s.Target, s.Name, s.Origin, s.Pos.Line, s.Branches, s.Templates)
		for _, pl := range s.Pipelines {
			for _, j := range pl.Jobs {
				add("  %s: %s at %d for %s", pl.Name, j.Name, j.Line(), j.BranchText())
			}
		}
	}
	for _, p := range l.Projects {
		for _, s := range l.Stanzas(p.Canonical()) {
			stanza("project", s)
		}
		add("%s merges by %s, default branch %s", p.Canonical(), l.MergeMode(p.Canonical()), l.DefaultBranch(p))
	}
	for _, name := range templateNames {
		for _, s := range l.Templates(name) {
			stanza("template", s)
		}
	}
	for _, name := range nodeSetNames {
		sets, err := l.NodeSets(name, nil)
		add("nodeset %s: %v, error %v", name, l.HasNodeSet(name), err)
		for _, s := range sets {
			add("  %s at %d: %v", s.Name, s.Pos.Line, s.Nodes)
		}
	}
	for _, name := range []string{"s1", "s2", "bad-name"} {
		if d := l.Secret(name); d != nil {
			add("secret %s of %s: %v", name, d.Origin, d.Value.Data)
		}
	}
	_, _, jobs := l.Counts()
	add("%d jobs", jobs)
	return out
}

// fixedOf is what speculation does not change.
func fixedOf(l *layout.Layout) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, pl := range l.Pipelines() {
		add("pipeline %s at %d supersedes %v", pl.Name, pl.Pos.Line, pl.Supersedes)
	}
	for _, name := range []string{"check", "gate", "more"} {
		add("pipeline %s: %v", name, l.Pipeline(name) != nil)
	}
	for _, name := range []string{"x", "global", "gone"} {
		add("semaphore %s: %d", name, l.SemaphoreMax(name))
	}
	if d := l.Image("img"); d != nil {
		add("image %s of %s", d.Value.Type, d.Origin)
	}
	for _, p := range l.Projects {
		q, ok := l.Queue(p.Canonical())
		add("queue of %s: %s %v %v, changes on main queue in %s", p.Canonical(), q.Name, q.PerBranch, ok, l.QueueName(p.Project, "main"))
	}
	return out
}

// jobsOf is what runs for each project, pipeline and branch.
func jobsOf(tb rapid.TB, l *layout.Layout) []string {
	tb.Helper()
	var out []string
	cache := &jobgraph.Cache{}
	for _, p := range l.Projects {
		for _, pl := range l.Pipelines() {
			for _, b := range branchNames {
				r, ok := confview.Jobs(l, cache, p, pl, b, nil)
				if !ok {
					continue
				}
				raw, err := json.Marshal(r)
				if err != nil {
					tb.Fatal(err)
				}
				out = append(out, "jobs "+string(raw))
			}
		}
	}
	return out
}

// TestWithIsBuild: a layout with other files in some branches is the layout of
// a tenant that has these files, at once and step by step; and the layout that
// it was made from stays as it is.
func TestWithIsBuild(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := synthetic.DrawWorld(t)
		first := layout.Build(w.Tenant())
		before := picture(t, first)
		l, now := first, w
		var changes []layout.Change
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			next, change := now.Edit(t)
			now, l = next, l.With(true, change)
			changes = append(changes, change)
			if diff := cmp.Diff(picture(t, layout.Build(now.Tenant())), picture(t, l)); diff != "" {
				t.Fatalf("(-built +changed) %s@%s was changed in\n%s\ninto\n%s\n%s", change.Project, change.Branch, w, now, diff)
			}
		}
		if diff := cmp.Diff(picture(t, l), picture(t, first.With(true, changes...))); diff != "" {
			t.Fatalf("(-step by step +at once) from\n%s\nto\n%s\n%s", w, now, diff)
		}
		if diff := cmp.Diff(before, picture(t, first)); diff != "" {
			t.Fatalf("the layout that was changed is another one (-before +after):\n%s\n%s", w, diff)
		}
	})
}

// TestWhatIsInForce: what a change may alter before it merges is as if it were
// merged, but for config projects; and pipelines, semaphores, queues and images
// stay as they are.
func TestWhatIsInForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := synthetic.DrawWorld(t)
		first := layout.Build(w.Tenant())
		l, now := first, w
		var changes []layout.Change
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			next, change := now.Edit(t)
			l = l.With(false, change)
			changes = append(changes, change)
			if !w.Trusted(change.Project) {
				now = next
			}
		}
		built := layout.Build(now.Tenant())
		for name, other := range map[string]*layout.Layout{"step by step": l, "at once": first.With(false, changes...)} {
			if diff := cmp.Diff(slices.Concat(errorsOf(built), objectsOf(built)), slices.Concat(errorsOf(other), objectsOf(other))); diff != "" {
				t.Fatalf("%s (-built +changed) from\n%s\nto\n%s\n%s", name, w, now, diff)
			}
			if diff := cmp.Diff(fixedOf(first), fixedOf(other)); diff != "" {
				t.Fatalf("%s (-in force +changed) from\n%s\nto\n%s\n%s", name, w, now, diff)
			}
		}
		// Jobs that build images depend on what is in force, the others do not.
		if !strings.Contains(w.String()+now.String(), "image:") {
			if diff := cmp.Diff(jobsOf(t, built), jobsOf(t, l)); diff != "" {
				t.Fatalf("jobs (-built +changed) from\n%s\nto\n%s\n%s", w, now, diff)
			}
		}
	})
}

// TestNothingNew: whoever changes nothing is told nothing of other branches,
// and whoever breaks something is told so.
func TestNothingNew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := synthetic.DrawWorld(t)
		l := layout.Build(w.Tenant())
		next, change := w.Edit(t)
		same := l.With(true, layout.Change{Project: change.Project, Branch: change.Branch, Files: w.Files(change.Project, change.Branch)})
		for _, e := range layout.NewErrors(same, l, change.Project, change.Branch) {
			if e.Origin.Project.Canonical() != change.Project || e.Origin.Branch != change.Branch {
				t.Fatalf("nothing was changed and this is told: %v\n%s", e, w)
			}
		}
		count := map[string]int{}
		proposed := l.With(true, change)
		for _, e := range layout.NewErrors(proposed, l, change.Project, change.Branch) {
			count[told(e)]++
		}
		for _, e := range l.Errors() {
			count[told(e)]++
		}
		for _, e := range proposed.Errors() {
			if count[told(e)]--; count[told(e)] < 0 && e.Severity == configlang.SeverityError && !e.Further {
				t.Fatalf("this is new and was not told: %v\n%s\nbecame\n%s", e, w, next)
			}
		}
	})
}

// told is an error but for its line.
func told(e *layout.Error) string {
	return fmt.Sprint(e.Origin, e.Severity, e.Name, e.Stanza.Kind, e.Stanza.Name, e.Message)
}
