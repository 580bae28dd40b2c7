package semaphore_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gozer-dev/gozer/internal/semaphore"
)

// land is a number of builds that need semaphores, and what is written of these.
type land struct {
	t      *rapid.T
	now    map[semaphore.Key]semaphore.Semaphore
	builds []semaphore.Build
	// before is what a semaphore was before it was last written.
	before map[semaphore.Key]semaphore.Semaphore
}

func newLand(t *rapid.T, most int) *land {
	l := &land{t: t, now: map[semaphore.Key]semaphore.Semaphore{}, before: map[semaphore.Key]semaphore.Semaphore{}}
	all := keys("a b c d")
	for _, k := range all {
		l.now[k] = semaphore.Semaphore{Max: rapid.IntRange(1, most).Draw(t, "max "+k.Name)}
	}
	for n := range rapid.IntRange(1, 12).Draw(t, "builds") {
		b := waits(fmt.Sprintf("build-%02d", n), "", rapid.IntRange(1, 3).Draw(t, "precedence"), rapid.IntRange(0, 3).Draw(t, "position"), n)
		b.Needs = rapid.SliceOfNDistinct(rapid.SampledFrom(all), 1, 3, rapid.ID[semaphore.Key]).Draw(t, "needs")
		l.builds = append(l.builds, b)
	}
	return l
}

// write writes a decision, and dies after so many semaphores.
func (l *land) write(decided map[semaphore.Key]semaphore.Decision, dies int) {
	l.writeSome(l.now, decided, dies, nil)
}

// writeSome writes what was decided by what was seen, and leaves out what cannot
// be written. It ends where somebody wrote in between.
func (l *land) writeSome(seen map[semaphore.Key]semaphore.Semaphore, decided map[semaphore.Key]semaphore.Decision, dies int, broken map[semaphore.Key]bool) {
	written, without := 0, map[string]bool{}
	for _, k := range slices.SortedFunc(maps.Keys(decided), semaphore.Compare) {
		d := decided[k].Withheld(seen[k], without)
		if slices.Equal(seen[k].Holders, d.Holders) {
			continue
		}
		if written++; written > dies || !cmp.Equal(seen[k], l.now[k]) {
			return
		}
		if broken[k] {
			for _, b := range d.Given(seen[k]) {
				without[b] = true
			}
			continue
		}
		s := l.now[k]
		if before, after := len(s.Holders), len(d.Holders); after > s.Max && after > before {
			l.t.Fatalf("%s has %d holders and room for %d", k.Name, after, s.Max)
		}
		l.before[k] = s
		s.Holders = d.Holders
		l.now[k] = s
	}
}

// writeBadly decides by a cache that may be behind, and some semaphores cannot be written.
func (l *land) writeBadly() {
	seen, broken := maps.Clone(l.now), map[semaphore.Key]bool{}
	for _, k := range keys("a b c d") {
		if b, ok := l.before[k]; ok && rapid.Bool().Draw(l.t, "behind "+k.Name) {
			seen[k] = b
		}
		broken[k] = rapid.Bool().Draw(l.t, "broken "+k.Name)
	}
	l.writeSome(seen, semaphore.Decide(seen, l.builds), len(seen), broken)
}

// proceed lets builds that hold all go on; it says whether there were any.
func (l *land) proceed() bool {
	some := false
	for n := range l.builds {
		b := &l.builds[n]
		all := !slices.ContainsFunc(b.Needs, func(k semaphore.Key) bool { return !slices.Contains(l.now[k].Holders, b.Name) })
		if all && !b.Holds {
			b.Holds, some = true, true
		}
	}
	return some
}

// end ends the builds that run and are chosen.
func (l *land) end(choose func(semaphore.Build) bool) bool {
	before := len(l.builds)
	l.builds = slices.DeleteFunc(l.builds, func(b semaphore.Build) bool { return b.Holds && choose(b) })
	return len(l.builds) < before
}

// TestDecideProperties: whatever dies, ends and changes in between, nobody holds
// more than there is, all come to their turn, and deciding again gives nothing new.
func TestDecideProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLand(t, 3)
		for range rapid.IntRange(0, 30).Draw(t, "steps") {
			switch rapid.IntRange(0, 6).Draw(t, "step") {
			case 0:
				l.end(func(semaphore.Build) bool { return rapid.Bool().Draw(t, "ends") })
			case 1: // one leaves its queue, whatever it has
				if n := rapid.IntRange(0, len(l.builds)).Draw(t, "leaves"); n < len(l.builds) {
					l.builds = slices.Delete(l.builds, n, n+1)
				}
			case 2:
				k := rapid.SampledFrom(keys("a b c d")).Draw(t, "which")
				s := l.now[k]
				s.Max = rapid.IntRange(1, 3).Draw(t, "now max")
				l.now[k] = s
			case 3:
				l.proceed()
			case 4:
				l.writeBadly()
			case 5: // those ahead of one leave, or more come
				if n := rapid.IntRange(0, len(l.builds)).Draw(t, "moves"); n < len(l.builds) {
					l.builds[n].Place.Position = rapid.IntRange(0, 3).Draw(t, "to")
				}
			default:
				l.write(semaphore.Decide(l.now, l.builds), rapid.IntRange(0, 4).Draw(t, "dies after"))
			}
		}
		// From now on nothing goes wrong: all come to their turn.
		for len(l.builds) > 0 {
			decided := semaphore.Decide(l.now, l.builds)
			l.write(decided, len(l.now))
			if diff := cmp.Diff(decided, semaphore.Decide(l.now, l.builds)); diff != "" {
				t.Fatalf("deciding again gives (-first +second):\n%s", diff)
			}
			proceeded := l.proceed()
			if ended := l.end(func(semaphore.Build) bool { return true }); !proceeded && !ended {
				t.Fatalf("nobody gets on: %v", told(decided))
			}
		}
	})
}

// TestNobodyIsPassed: what has room for one goes to the first who waits for it.
func TestNobodyIsPassed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLand(t, 1)
		for len(l.builds) > 0 {
			decided := semaphore.Decide(l.now, l.builds)
			first := map[semaphore.Key]string{}
			for k, d := range decided {
				if len(d.Waiting) > 0 {
					first[k] = d.Waiting[0]
				}
			}
			l.write(decided, len(l.now))
			l.proceed()
			l.end(func(semaphore.Build) bool { return rapid.Bool().Draw(t, "ends") })
			for k, d := range semaphore.Decide(l.now, l.builds) {
				got := slices.DeleteFunc(slices.Clone(d.Holders), func(b string) bool { return slices.Contains(decided[k].Holders, b) })
				if len(got) > 0 && got[0] != first[k] {
					t.Fatalf("%s goes to %v before %s", k.Name, got, first[k])
				}
			}
		}
	})
}
