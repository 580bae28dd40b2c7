package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gozer-dev/gozer/internal/gate"
	"github.com/gozer-dev/gozer/internal/simulate"
)

// simulateFlags are the options of gozerctl simulate.
type simulateFlags struct {
	trace, synthetic, manager, output string
	increaseType, decreaseType        string
	policies                          []string
	window, floor, ceiling            int
	increaseFactor, decreaseFactor    int
	nodes, batch, retry               int
	seed                              uint64
	speed, urgent                     float64
}

func (e *env) simulateCommand(name string) *cobra.Command {
	var f simulateFlags
	c := &cobra.Command{
		Use:   "simulate --trace FILE | --synthetic SPEC",
		Short: "Play a recorded or invented load through the gate, on a virtual clock",
		Long: `Play a recorded or invented load through the gate, on a virtual clock, and compare policies.

It is for planning: how large a window, how many nodes, what flaky jobs cost. The policy zuul is the
real queue engine. Policies:

` + policyLines() + `
A policy may have "+retry" behind its name: a failed build is run again before it counts, as often as
--retry-failed says (1 if it says nothing). zuul and optimistic may have "+both": meanwhile those behind are
tested on both outcomes, on nodes that nobody else waits for. They may have "+rescue": a change that failed
merges when one behind it, tested on top of it, passes the same jobs. With "+expedite" the changes that
--urgent makes urgent pass those that wait. All together: zuul+retry+rescue+expedite.`,
		Example: fmt.Sprintf(`  %[1]s simulate --trace gate.jsonl --policy zuul,serial,batch --nodes 100
  %[1]s simulate --synthetic "n=500,rate=100/h,p_fail=0.1,p_flake=0.05,jobs=unit:10m+lint:90s" --policy all`, name),
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return e.simulate(f) },
	}
	w := simulate.DefaultWindow()
	fl := c.Flags()
	fl.StringVar(&f.trace, "trace", "", "a recorded load: one JSON object a line, - for standard input")
	fl.StringVar(&f.synthetic, "synthetic", "", `an invented one: "n=500,rate=100/h,p_fail=0.1,p_flake=0.05,jobs=unit:10m+lint:90s,back=1h"`)
	fl.StringVar(&f.manager, "manager", "dependent", "the pipeline's manager: dependent, or serial")
	fl.StringSliceVar(&f.policies, "policy", []string{"zuul"}, "the policies to compare, or all")
	fl.IntVar(&f.window, "window", w.Size, "items at the front of the queue that are worked on; 0 is no bound")
	fl.IntVar(&f.floor, "window-floor", w.Floor, "the least the window shrinks to")
	fl.IntVar(&f.ceiling, "window-ceiling", 0, "the most it grows to; 0 is no bound")
	fl.StringVar(&f.increaseType, "window-increase-type", "linear", "linear or exponential")
	fl.IntVar(&f.increaseFactor, "window-increase-factor", w.IncreaseBy, "how much it grows by a merge")
	fl.StringVar(&f.decreaseType, "window-decrease-type", "exponential", "linear or exponential")
	fl.IntVar(&f.decreaseFactor, "window-decrease-factor", w.DecreaseBy, "how much it shrinks by a failure")
	fl.IntVar(&f.nodes, "nodes", 0, "nodes at once, one for each build; 0 is no bound")
	fl.IntVar(&f.batch, "batch", 20, "the most changes in a batch, for batch and tide")
	fl.IntVar(&f.retry, "retry-failed", 0, "run a failed voting build again, up to so many times, before it counts")
	fl.Uint64Var(&f.seed, "seed", 1, "of the invented load")
	fl.Float64Var(&f.speed, "speed", 1, "let changes arrive so many times faster than recorded")
	fl.Float64Var(&f.urgent, "urgent", 0, "the share of changes that are urgent, from 0 to 1")
	fl.StringVarP(&f.output, "output", "o", "text", "text or json")
	return c
}

func policyLines() string {
	var b strings.Builder
	for _, n := range simulate.Names() {
		fmt.Fprintf(&b, "  %-12s%s\n", n, simulate.About(n))
	}
	return b.String()
}

func (e *env) simulate(f simulateFlags) error {
	opts, err := f.options()
	if err != nil {
		return err
	}
	policies, err := f.names()
	if err != nil {
		return err
	}
	load, err := e.workload(f)
	if err != nil {
		return err
	}
	if f.speed != 1 {
		load = load.Speed(f.speed)
	}
	if f.urgent > 0 {
		load = load.Urgent(f.urgent, f.seed)
	}
	report := simulate.Report{Trace: load.Facts(), Options: simulate.Settings{Window: f.window, Nodes: f.nodes, Batch: f.batch, Retry: f.retry, Urgent: f.urgent}}
	for _, name := range policies {
		plain, o, _ := simulate.Variant(name, opts)
		result := simulate.Simulate(load, plain, o)
		result.Policy = name
		report.Policies = append(report.Policies, result)
	}
	if f.output == "json" {
		enc := json.NewEncoder(e.Out)
		enc.SetIndent("", "  ")
		return enc.Encode(report)
	}
	return simulate.WriteText(e.Out, report)
}

// options checks what the flags say.
func (f *simulateFlags) options() (simulate.Options, error) {
	var o simulate.Options
	types := []string{"linear", "exponential"}
	switch {
	case (f.trace == "") == (f.synthetic == ""):
		return o, usage("say either --trace FILE or --synthetic SPEC")
	case f.output != "text" && f.output != "json":
		return o, usage("--output %s: text or json are possible", f.output)
	case f.manager != "dependent" && f.manager != "serial":
		return o, usage("--manager %s: dependent or serial are possible; the others have no queue in which changes wait for one another", f.manager)
	case f.window < 0 || f.ceiling < 0 || f.nodes < 0 || f.retry < 0 || f.retry > 100:
		return o, usage("--window, --window-ceiling, --nodes and --retry-failed must not be negative, and there are at most 100 retries")
	case f.floor < 1 || f.increaseFactor < 1 || f.decreaseFactor < 1 || f.batch < 1:
		return o, usage("--window-floor, --batch and the factors must be at least 1")
	case f.ceiling > 0 && f.ceiling < f.floor:
		return o, usage("--window-ceiling %d is below --window-floor %d", f.ceiling, f.floor)
	case !slices.Contains(types, f.increaseType) || !slices.Contains(types, f.decreaseType):
		return o, usage("a window's types are linear and exponential")
	case !(f.urgent >= 0 && f.urgent <= 1):
		return o, usage("--urgent %v: a share from 0 to 1 is needed", f.urgent)
	case !(f.speed > 0 && f.speed <= 1e9):
		return o, usage("--speed %v: it must be above 0", f.speed)
	}
	o = simulate.Options{Nodes: f.nodes, Batch: f.batch, Retry: f.retry, Window: gate.Window{
		Size: f.window, Floor: f.floor, Ceiling: f.ceiling, IncreaseLinear: f.increaseType == "linear", IncreaseBy: f.increaseFactor,
		DecreaseLinear: f.decreaseType == "linear", DecreaseBy: f.decreaseFactor,
	}}
	return o, nil
}

// names of the policies; the serial manager is a policy of its own.
func (f *simulateFlags) names() ([]string, error) {
	if f.manager == "serial" {
		return []string{"serial"}, nil
	}
	var out []string
	for _, p := range f.policies {
		if p == "all" {
			out = append(out, simulate.Names()...)
			continue
		}
		plain, _, ok := simulate.Variant(p, simulate.Options{})
		if !slices.Contains(simulate.Names(), plain) {
			return nil, usage("--policy %s: there are %s, and all", p, strings.Join(simulate.Names(), ", "))
		}
		if !ok {
			return nil, usage("--policy %s: +retry is possible, and of zuul and optimistic +rescue and +expedite", p)
		}
		out = append(out, p)
	}
	return out, nil
}

func (e *env) workload(f simulateFlags) (simulate.Workload, error) {
	if f.synthetic != "" {
		s, err := simulate.ParseSynthetic(f.synthetic)
		if err != nil {
			return simulate.Workload{}, usage("--synthetic: %v", err)
		}
		return s.Workload(f.seed), nil
	}
	in := os.Stdin
	if f.trace != "-" {
		file, err := os.Open(f.trace)
		if err != nil {
			return simulate.Workload{}, usage("--trace: %v", err)
		}
		defer file.Close() //nolint:errcheck // it was only read
		in = file
	}
	load, err := simulate.Parse(in)
	if err != nil {
		return load, fmt.Errorf("%s: %w", f.trace, err)
	}
	return load, nil
}
