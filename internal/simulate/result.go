package simulate

import (
	"math"
	"slices"
	"time"
)

// Result of a simulation. Times are in seconds.
type Result struct {
	Policy string `json:"policy"`
	// Merged changes, and how many an hour from the first arrival to the last merge.
	Merged        int     `json:"merged"`
	MergedPerHour float64 `json:"mergedPerHour"`
	// Turnaround of what merged, from its first arrival.
	Turnaround Percentiles `json:"turnaroundSeconds"`
	// Urgent is that of the urgent ones among them; nil when there are none.
	Urgent *Percentiles `json:"urgentTurnaroundSeconds,omitempty"`
	// Overhead is the turnaround beyond the longest job of the run that merged it.
	Overhead        Percentiles `json:"overheadSeconds"`
	BuildsStarted   int         `json:"buildsStarted"`
	BuildsDiscarded int         `json:"buildsDiscarded"`
	NodeHours       float64     `json:"nodeHours"`
	// NodeHoursDiscarded went into builds that were cancelled or whose state was discarded.
	NodeHoursDiscarded float64 `json:"nodeHoursDiscarded"`
	NodesPeak          int     `json:"nodesPeak"`
	// FalseEjections are of good changes, TrueEjections of bad ones.
	FalseEjections int `json:"falseEjections"`
	TrueEjections  int `json:"trueEjections"`
	// Rescued changes failed and merged, because one behind them passed the same jobs.
	Rescued int `json:"rescued"`
	// Restarts are builds that were run again, by cause.
	Restarts        map[string]int `json:"restarts"`
	MakespanSeconds float64        `json:"makespanSeconds"`
	QueuePeak       int            `json:"queuePeak"`
	// Queue is the longest that the queue was in each of equal parts of the makespan.
	Queue []int `json:"queue"`
}

// Percentiles of a duration in seconds.
type Percentiles struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

// Facts about a workload.
type Facts struct {
	Changes int `json:"changes"`
	Good    int `json:"good"`
	Bad     int `json:"bad"`
	Urgent  int `json:"urgent,omitempty"`
	// Flaky are the good ones with a run that fails.
	Flaky      int     `json:"flaky"`
	Builds     int     `json:"recordedBuilds"`
	SpanHours  float64 `json:"spanHours"`
	BackInSecs float64 `json:"backSeconds"`
}

// Facts of the workload.
func (w Workload) Facts() Facts {
	f := Facts{Changes: len(w.Changes), BackInSecs: round(w.Back.Seconds())}
	for _, c := range w.Changes {
		if c.Urgent {
			f.Urgent++
		}
		flaky := false
		for _, run := range c.Runs {
			f.Builds += len(run)
			flaky = flaky || slices.ContainsFunc(run, func(j Job) bool { return j.Fails && j.Voting })
		}
		switch {
		case c.Bad:
			f.Bad++
		case flaky:
			f.Flaky++
			fallthrough
		default:
			f.Good++
		}
		f.SpanHours = round(c.Enter.Hours())
	}
	return f
}

// recorder counts what happens.
type recorder struct {
	load       Workload
	res        Result
	turnaround []float64
	urgent     []float64
	overhead   []float64
	node, lost time.Duration
	last       time.Duration
	begun      time.Duration
	any        bool
	lengths    []length
}

type length struct {
	at time.Duration
	n  int
}

func newRecorder(load Workload) *recorder {
	return &recorder{load: load, res: Result{Restarts: map[string]int{}}}
}

func (r *recorder) arrived(now time.Duration) {
	if !r.any {
		r.any, r.begun, r.last = true, now, now
	}
}

func (r *recorder) started(busy int) {
	r.res.BuildsStarted++
	r.res.NodesPeak = max(r.res.NodesPeak, busy)
}

func (r *recorder) ran(d time.Duration, thrown bool) {
	r.node += d
	if thrown {
		r.wasted(d)
	}
}

func (r *recorder) wasted(d time.Duration) {
	r.lost += d
	r.res.BuildsDiscarded++
}

func (r *recorder) restart(cause string, builds int) { r.res.Restarts[cause] += builds }

func (r *recorder) merged(c *Change, now, longest time.Duration) {
	r.res.Merged++
	r.turnaround = append(r.turnaround, (now - c.Enter).Seconds())
	if c.Urgent {
		r.urgent = append(r.urgent, (now - c.Enter).Seconds())
	}
	r.overhead = append(r.overhead, (now - c.Enter - longest).Seconds())
	r.last = now
}

func (r *recorder) ejected(c *Change, now time.Duration) {
	r.last = now
	if c.Bad {
		r.res.TrueEjections++
		return
	}
	r.res.FalseEjections++
}

// length notes how many wait; several times at one moment count as the last.
func (r *recorder) length(now time.Duration, n int) {
	r.res.QueuePeak = max(r.res.QueuePeak, n)
	if k := len(r.lengths); k > 0 && r.lengths[k-1].at == now {
		r.lengths[k-1].n = n
		return
	}
	r.lengths = append(r.lengths, length{now, n})
}

const queueParts = 60

func (r *recorder) result(name string) Result {
	out := r.res
	out.Policy = name
	span := r.last - r.begun
	out.MakespanSeconds = round(span.Seconds())
	if span > 0 {
		out.MergedPerHour = round(float64(out.Merged) / span.Hours())
	}
	out.Turnaround, out.Overhead = percentiles(r.turnaround), percentiles(r.overhead)
	if len(r.urgent) > 0 {
		p := percentiles(r.urgent)
		out.Urgent = &p
	}
	out.NodeHours, out.NodeHoursDiscarded = round(r.node.Hours()), round(r.lost.Hours())
	out.Queue = r.queue(span)
	return out
}

func (r *recorder) queue(span time.Duration) []int {
	out := make([]int, queueParts)
	if span <= 0 {
		return out
	}
	part := func(at time.Duration) int {
		return min(queueParts-1, int(float64(at-r.begun)/float64(span)*queueParts))
	}
	for i, l := range r.lengths {
		until := r.last
		if i+1 < len(r.lengths) {
			until = r.lengths[i+1].at
		}
		for p := part(l.at); p <= part(until); p++ {
			out[p] = max(out[p], l.n)
		}
	}
	return out
}

func percentiles(list []float64) Percentiles {
	sorted := slices.Sorted(slices.Values(list))
	at := func(p float64) float64 {
		if len(sorted) == 0 {
			return 0
		}
		// The nearest rank.
		return round(sorted[max(0, int(math.Ceil(p*float64(len(sorted))))-1)])
	}
	return Percentiles{at(0.50), at(0.95), at(0.99)}
}

// round to thousandths: more is noise.
func round(x float64) float64 { return math.Round(x*1000) / 1000 }
