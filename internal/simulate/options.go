package simulate

import (
	"strings"

	"github.com/gozer-dev/gozer/internal/gate"
)

// Options of one simulation.
type Options struct {
	// Nodes at once; 0 is no bound. A build takes one.
	Nodes  int
	Window gate.Window
	// Batch is the most changes that are tested as one by the policies that do that.
	Batch int
	// Retry runs a failed voting build again, up to so many times, before it counts.
	Retry int
	// Both tests those behind a build that is run again on both outcomes: gate policies only.
	Both bool
	// Rescue lets a change that failed be rescued by one behind it: gate policies only.
	Rescue bool
	// Expedite lets urgent changes pass those that wait: gate policies only.
	Expedite bool
}

// DefaultWindow is that of a pipeline that says nothing (Zuul's defaults).
func DefaultWindow() gate.Window {
	return gate.Window{Size: 20, Floor: 3, IncreaseLinear: true, IncreaseBy: 1, DecreaseBy: 2}
}

// Names of the policies, in the order in which they are compared.
func Names() []string { return []string{"zuul", "optimistic", "serial", "batch", "tide", "oracle"} }

// About a policy, in one line.
func About(name string) string {
	return map[string]string{
		"zuul":       "every change on those ahead that do not fail, within the window",
		"optimistic": "the same without a window",
		"serial":     "one change at a time",
		"batch":      "all that wait as one; a batch that fails is halved (bors)",
		"tide":       "a batch and, beside it, one change; what passes first merges (Prow)",
		"oracle":     "knows all results; what nobody can beat",
	}[name]
}

// Variant takes what stands behind a policy's name, as in "zuul+retry+rescue",
// into the options. It is not ok for what the policy does not have.
func Variant(name string, o Options) (plain string, with Options, ok bool) {
	variants := strings.Split(name, "+")
	plain = variants[0]
	engine := plain == "zuul" || plain == "optimistic"
	for _, variant := range variants[1:] {
		switch {
		case variant == "retry":
			o.Retry = max(1, o.Retry)
		case variant == "both" && engine:
			o.Retry, o.Both = max(1, o.Retry), true
		case variant == "rescue" && engine:
			o.Rescue = true
		case variant == "expedite" && engine:
			o.Expedite = true
		default:
			return plain, o, false
		}
	}
	return plain, o, true
}

// policy makes a policy; nil for a name that is not known.
func policy(name string, o Options) Policy {
	switch name {
	case "zuul":
		return newGated(o.Window, o)
	case "optimistic":
		return newGated(gate.Window{}, o)
	case "serial":
		return &serial{}
	case "batch":
		return &batch{most: o.Batch}
	case "tide":
		return &tide{most: o.Batch}
	case "oracle":
		return &oracle{}
	}
	return nil
}

// Simulate plays a workload under a policy. The name must be one of Names.
func Simulate(load Workload, name string, o Options) Result {
	w := &World{policy: policy(name, o), opts: o, load: load, runs: make([]int, len(load.Changes)), res: newRecorder(load)}
	if _, ok := w.policy.(*oracle); ok {
		w.opts.Retry = 0 // it needs none
	}
	w.play()
	return w.res.result(name)
}
