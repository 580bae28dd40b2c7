package simulate

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is everything that a simulation prints.
type Report struct {
	Trace    Facts    `json:"trace"`
	Options  Settings `json:"options"`
	Policies []Result `json:"policies"`
}

// Settings are the options as a report shows them.
type Settings struct {
	Window int `json:"window"`
	Nodes  int `json:"nodes"`
	Batch  int `json:"batch"`
	Retry  int `json:"retryFailed"`
	// Urgent is the share of urgent changes.
	Urgent float64 `json:"urgentShare,omitempty"`
}

// WriteText draws the report as a table and charts.
func WriteText(w io.Writer, r Report) error {
	nodes := "unlimited nodes"
	if r.Options.Nodes > 0 {
		nodes = fmt.Sprintf("%d nodes", r.Options.Nodes)
	}
	fmt.Fprintf(w, "%d changes in %s: %d good (%d with a run that fails all the same), %d bad; window %d, %s\n\n", //nolint:errcheck // the last write tells
		r.Trace.Changes, hours(r.Trace.SpanHours), r.Trace.Good, r.Trace.Flaky, r.Trace.Bad, r.Options.Window, nodes)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "policy\tmerged\tmerged/h\tP50\tP95\tP99\tbuilds\tdiscarded\tnode-h\tdiscarded\tpeak\tfalse ej.\ttrue ej.\trescued\t") //nolint:errcheck // Flush tells
	for _, p := range r.Policies {
		fmt.Fprintf(t, "%s\t%d\t%.2f\t%s\t%s\t%s\t%d\t%d\t%.1f\t%.1f\t%d\t%d\t%d\t%d\t\n", p.Policy, p.Merged, p.MergedPerHour, //nolint:errcheck // Flush tells
			span(p.Turnaround.P50), span(p.Turnaround.P95), span(p.Turnaround.P99), p.BuildsStarted, p.BuildsDiscarded,
			p.NodeHours, p.NodeHoursDiscarded, p.NodesPeak, p.FalseEjections, p.TrueEjections, p.Rescued)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if r.Trace.Urgent > 0 {
		writeUrgent(w, r)
	}
	writeRestarts(w, r.Policies)
	return writeCharts(w, r.Policies)
}

func writeUrgent(w io.Writer, r Report) {
	fmt.Fprintf(w, "\nturnaround of the %d urgent changes: P50, P95\n", r.Trace.Urgent) //nolint:errcheck // the last write tells
	for _, p := range r.Policies {
		if p.Urgent != nil {
			fmt.Fprintf(w, "  %-*s %s, %s\n", widest(r.Policies), p.Policy, span(p.Urgent.P50), span(p.Urgent.P95)) //nolint:errcheck // the last write tells
		}
	}
}

func writeRestarts(w io.Writer, policies []Result) {
	fmt.Fprintln(w, "\nbuilds that were run again, by cause") //nolint:errcheck // the last write tells
	for _, p := range policies {
		var parts []string
		for _, cause := range slices.Sorted(maps.Keys(p.Restarts)) {
			parts = append(parts, fmt.Sprintf("%d %s", p.Restarts[cause], cause))
		}
		if len(parts) == 0 {
			parts = []string{"none"}
		}
		fmt.Fprintf(w, "  %-*s %s\n", widest(policies), p.Policy, strings.Join(parts, "; ")) //nolint:errcheck // the last write tells
	}
}

// widest is the length of the longest name.
func widest(policies []Result) int {
	most := 16
	for _, p := range policies {
		most = max(most, len(p.Policy))
	}
	return most
}

const barWidth = 40

func writeCharts(w io.Writer, policies []Result) error {
	longest, highest := 0.0, 0
	for _, p := range policies {
		longest, highest = max(longest, p.Turnaround.P95), max(highest, p.QueuePeak)
	}
	fmt.Fprintln(w, "\nturnaround: █ half of the changes, ░ 95 of 100") //nolint:errcheck // the last write tells
	for _, p := range policies {
		half, most := bar(p.Turnaround.P50, longest), bar(p.Turnaround.P95, longest)
		fmt.Fprintf(w, "  %-*s %s%s %s\n", widest(policies), p.Policy, strings.Repeat("█", half), strings.Repeat("░", most-half), span(p.Turnaround.P95)) //nolint:errcheck // the last write tells
	}
	if _, err := fmt.Fprintf(w, "\nlength of the queue over the time that each took; the longest was %d\n", highest); err != nil {
		return err
	}
	for _, p := range policies {
		if _, err := fmt.Fprintf(w, "  %-*s %s %s\n", widest(policies), p.Policy, sparkline(p.Queue, highest), span(p.MakespanSeconds)); err != nil {
			return err
		}
	}
	return nil
}

func bar(x, most float64) int {
	if most <= 0 {
		return 0
	}
	return int(x / most * barWidth)
}

func sparkline(list []int, most int) string {
	levels := []rune(" ▁▂▃▄▅▆▇█")
	var b strings.Builder
	for _, n := range list {
		level := 0
		if most > 0 && n > 0 {
			level = 1 + n*(len(levels)-2)/most
		}
		b.WriteRune(levels[min(level, len(levels)-1)])
	}
	return b.String()
}

// span is a duration in the two units that say most.
func span(s float64) string {
	d := time.Duration(s * float64(time.Second)).Round(time.Second)
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

func hours(h float64) string { return span(h * 3600) }
