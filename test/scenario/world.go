package scenario

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/gozer-dev/gozer/internal/gate"
)

// world is an installation of Gozer with everything around it.
type world struct {
	host   *host
	tenant tenant
	store  *store

	// Caches: a crash drops them.
	configs *configs
	// force is the configuration in force; read is the host's version that it was compared with.
	force *config
	read  int
	// refusals are what the host said about items whose report is not made yet.
	refusals map[string]gate.Host

	// order of the controllers' turns; nil for the default one.
	order *rand.Rand
	// dirty are controllers that were told of something.
	dirty map[string]bool
	// dieAfter ends the process after so many writes, when it is positive.
	dieAfter int
	crashes  int

	// rules decide what becomes of builds; holds keep them running.
	rules rules
	holds holds
	// freed are held builds that may end.
	freed map[string]bool
	// capacity of nodes; 0 for no bound.
	capacity int
	// relativePriority is the manager's --relative-priority.
	relativePriority bool

	// log is what happened since it was last shown; history the builds that ended.
	log     []string
	history []string
	// merges in order, by queue.
	merges []merged
	steps  int
	// refusedOnce are states that the host refused to merge, for the invariants.
	refusedOnce map[string]bool
	// expedites: an urgent item passes others in this turn.
	expedites bool
	// problem is the first invariant that did not hold.
	problem string
}

func newWorld(c *configs) *world {
	return &world{
		host: newHost(), store: newStore(), configs: c, refusals: map[string]gate.Host{},
		read: -1, dirty: map[string]bool{}, freed: map[string]bool{}, refusedOnce: map[string]bool{},
	}
}

func (w *world) say(format string, args ...any) { w.log = append(w.log, fmt.Sprintf(format, args...)) }

// violation records the first invariant that does not hold.
func (w *world) violation(format string, args ...any) {
	if w.problem == "" {
		w.problem = fmt.Sprintf(format, args...)
	}
}

// touch tells a controller that something of its concern changed.
func (w *world) touch(key string) { w.dirty[key] = true }

// died is what a process that is killed panics with.
type died struct{}

// wrote is called after every write to the store or to the host.
func (w *world) wrote() {
	if w.dieAfter > 0 {
		if w.dieAfter--; w.dieAfter == 0 {
			panic(died{})
		}
	}
}

// crash drops all caches: the process is started anew, and looks at everything.
func (w *world) crash() {
	w.crashes++
	w.force, w.read = nil, -1
	w.configs, w.refusals = &configs{parsed: w.configs.parsed, made: map[string]*config{}}, map[string]gate.Host{}
	w.touchAll()
}

func (w *world) touchAll() {
	for name := range w.store.queues {
		w.touch("queue " + name)
	}
	for name := range w.store.sets {
		w.touch("set " + name)
	}
}

// step is one controller's turn.
type step struct {
	key string
	run func()
}

// ready lists the controllers that have something to look at, in default order:
// what is decided is carried out before the next build ends.
func (w *world) ready() []step {
	var out []step
	add := func(key string, run func()) { out = append(out, step{key, run}) }
	if w.stale() {
		add("tenant", w.reconfigure)
	}
	for _, e := range w.store.events {
		if !e.dealt && w.store.tenantFile != "" {
			add("pipeline", func() { w.deal(e) })
			break
		}
	}
	for _, q := range w.queuesInOrder() {
		if key := "queue " + q.name; w.dirty[key] {
			add(key, func() { delete(w.dirty, key); w.reconcileQueue(q) })
		}
	}
	for _, i := range w.store.itemList {
		if w.preparable(i) {
			add("item "+i.name, func() { w.prepare(i) })
		}
	}
	for _, b := range w.store.setList {
		if key := "set " + b.name; w.dirty[key] {
			add(key, func() { delete(w.dirty, key); w.reconcileSet(b) })
		}
	}
	if w.semaphoresReady() {
		add("semaphores", w.giveSemaphores)
	}
	if w.nodesReady() {
		add("nodes", w.assignNodes)
	}
	return append(out, w.readyBuilds()...)
}

// maxSteps is far beyond what any story needs to come to rest.
const maxSteps = 20_000

// settle gives the controllers their turns until nothing is left to do.
func (w *world) settle() {
	for n := 0; ; n++ {
		steps := w.ready()
		if len(steps) == 0 || w.problem != "" {
			break
		}
		if n > maxSteps {
			w.violation("not live: still %s after %d steps", steps[0].key, n)
			break
		}
		next := steps[0]
		if w.order != nil {
			next = steps[w.order.IntN(len(steps))]
		}
		w.take(next)
	}
	w.atRest()
}

// take runs one step; a process that dies in it is started anew.
func (w *world) take(s step) {
	defer func() {
		switch r := recover(); r.(type) {
		case nil:
		case died:
			w.crash()
		default:
			panic(r)
		}
	}()
	w.steps++
	s.run()
}

// atRest checks what must hold when nothing is left to do: looking at everything
// anew changes nothing, and nothing runs that nobody wants.
func (w *world) atRest() {
	if w.problem != "" {
		return
	}
	created, said := w.store.created, len(w.log)
	w.touchAll()
	for _, s := range w.ready() {
		w.take(s)
	}
	if rest := w.ready(); len(rest) > 0 || w.store.created != created || len(w.log) != said {
		var keys []string
		for _, s := range rest {
			keys = append(keys, s.key)
		}
		w.violation("not level-based: at rest, and still something to do: %s %s", strings.Join(keys, ", "), strings.Join(w.log[said:], "; "))
	}
	w.checkBuilds()
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
