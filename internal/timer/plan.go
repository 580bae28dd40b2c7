package timer

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"
)

// Branch of a project that a pipeline has jobs for.
type Branch struct {
	// Project is a canonical name.
	Project string
	Name    string
	// Spread says where in the jitter the branch has its place; see SpreadOf.
	Spread uint64
}

// SpreadOf is where a branch has its place in every jitter: always the same one,
// whoever computes it (as Zuul does, by tenant, project and branch).
func SpreadOf(tenant, project, branch string) uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", tenant, project, branch))
	return binary.BigEndian.Uint64(sum[:])
}

// delay of a branch: 0 to Jitter, in whole seconds, so that branches share moments.
func (s *Schedule) delay(b Branch) time.Duration {
	return time.Duration(b.Spread%uint64(s.Jitter/time.Second+1)) * time.Second
}

// Timer is one time of a pipeline.
type Timer struct {
	Pipeline string
	Time     string
	Schedule *Schedule
	// Dereference makes each commit of a branch an item of its own.
	Dereference bool
	// Since: what came then or before is done with.
	Since    time.Time
	Branches []Branch
}

// Tick is a time that has come for a branch.
type Tick struct {
	Timer  *Timer
	Branch Branch
	// At is when it came, with the delay of the branch.
	At time.Time
}

// Plan says which times have come since they were looked at last, in order, and
// when to look again (the zero time: there are no timers).
//
// Of the ticks that a branch has missed only the latest counts, and none that is
// older than the grace: a night's tests that a restart of minutes would have
// skipped are run, and what lay still for longer does not begin with work that
// nobody waits for.
func Plan(now time.Time, grace time.Duration, timers []Timer) (ticks []Tick, next time.Time) {
	for n := range timers {
		t := &timers[n]
		since := t.Since
		if oldest := now.Add(-grace); since.Before(oldest) {
			since = oldest
		} else if since.After(now) {
			since = now // the clock was ahead
		}
		// A time without branches comes as well: one that is there later has no part in it.
		if after := t.Schedule.Next(now); next.IsZero() || after.Before(next) {
			next = after
		}
		// Branches of the same delay have the same ticks.
		moments := map[time.Duration][2]time.Time{}
		for _, b := range t.Branches {
			delay := t.Schedule.delay(b)
			m, ok := moments[delay]
			if !ok {
				m[0], m[1] = t.Schedule.around(since.Add(-delay), now.Add(-delay))
				moments[delay] = m
			}
			if !m[0].IsZero() {
				ticks = append(ticks, Tick{Timer: t, Branch: b, At: m[0].Add(delay)})
			}
			if after := m[1].Add(delay); next.IsZero() || after.Before(next) {
				next = after
			}
		}
	}
	slices.SortStableFunc(ticks, func(a, b Tick) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Timer.Pipeline, b.Timer.Pipeline))
	})
	return once(ticks), next
}

// around is the latest moment after since that has come, if there is one, and
// the first that has not.
func (s *Schedule) around(since, now time.Time) (latest, next time.Time) {
	for next = s.Next(since); !next.After(now); next = s.Next(next) {
		latest = next
	}
	return latest, next
}

// once leaves one tick where several times of a pipeline come at the same moment.
func once(ticks []Tick) []Tick {
	type moment struct {
		pipeline, project, branch string
		at                        time.Time
	}
	seen := map[moment]bool{}
	return slices.DeleteFunc(ticks, func(t Tick) bool {
		m := moment{t.Timer.Pipeline, t.Branch.Project, t.Branch.Name, t.At}
		again := seen[m]
		seen[m] = true
		return again
	})
}
