package scenario

import (
	"maps"
	"slices"
	"time"

	"github.com/gozer-dev/gozer/internal/semaphore"
)

// askForSemaphores writes down that a build waits for what it needs (controllers/build).
func (w *world) askForSemaphores(b *build) {
	if b.asks == 0 {
		b.asks = w.store.tick()
		w.wrote()
	}
}

// decideSemaphores is what is to be written (controllers/semaphore).
func (w *world) decideSemaphores() map[semaphore.Key]semaphore.Decision {
	now := map[semaphore.Key]semaphore.Semaphore{}
	for k, holders := range w.store.holders {
		now[k] = semaphore.Semaphore{Max: w.maxOf(k), Holders: holders}
	}
	var builds []semaphore.Build
	for _, b := range w.store.builds {
		if b.asks == 0 || b.result != "" {
			continue
		}
		set := w.decides(b)
		place := semaphore.Place{Precedence: int(priorities["normal"]), Since: time.Unix(int64(w.store.items[set.item].seq), 0)}
		if p := w.store.pipeline(set.pipeline); p != nil && priorities[p.spec.Precedence] > 0 {
			place.Precedence = int(priorities[p.spec.Precedence])
		}
		if q := w.store.queues[set.queue]; q != nil {
			place.Position = max(0, slices.IndexFunc(q.entries, func(e entry) bool { return e.item == set.item }))
		}
		builds = append(builds, semaphore.Build{Name: b.name, Needs: b.needs, Holds: b.holds, Place: place})
		for _, k := range b.needs {
			now[k] = semaphore.Semaphore{Max: w.maxOf(k), Holders: w.store.holders[k]}
		}
	}
	return semaphore.Decide(now, builds)
}

// maxOf is what the configuration in force says.
func (w *world) maxOf(k semaphore.Key) int { return int(w.inForce().SemaphoreMax(k.Name)) }

// mayGoOn are builds that have all that they asked for.
func (w *world) mayGoOn() []*build {
	var out []*build
	for _, b := range byAge(w.store.builds, func(b *build) int { return b.asks }) {
		missing := func(k semaphore.Key) bool { return !slices.Contains(w.store.holders[k], b.name) }
		if b.waitsForSemaphores() && !w.unwanted(b) && !slices.ContainsFunc(b.needs, missing) {
			out = append(out, b)
		}
	}
	return out
}

func (w *world) semaphoresReady() bool {
	for k, d := range w.decideSemaphores() {
		if !slices.Equal(w.store.holders[k], d.Holders) {
			return true
		}
	}
	return len(w.mayGoOn()) > 0
}

// giveSemaphores gives builds what they need, and lets those go on that have it.
func (w *world) giveSemaphores() {
	decided := w.decideSemaphores()
	for _, k := range slices.SortedFunc(maps.Keys(decided), semaphore.Compare) {
		if slices.Equal(w.store.holders[k], decided[k].Holders) {
			continue
		}
		if before := len(w.store.holders[k]); len(decided[k].Holders) > max(before, w.maxOf(k)) {
			w.violation("%s is held by %v, and has room for %d", k.Name, decided[k].Holders, w.maxOf(k))
		}
		w.store.holders[k] = decided[k].Holders
		w.wrote()
	}
	for _, b := range w.mayGoOn() {
		b.holds = true
		w.touchSets(w.decides(b).item)
		if b.allotted {
			w.startBuild(b)
		} else {
			w.wrote()
		}
	}
}
