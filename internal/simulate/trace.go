package simulate

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"
)

// pass is one line of a trace: a patchset's way through the gate.
type pass struct {
	Change   int64   `json:"change"`
	Patchset int64   `json:"patchset"`
	Enqueued float64 `json:"enqueued"`
	Finished float64 `json:"finished"`
	Result   string  `json:"result"`
	Merged   bool    `json:"merged"`
	Builds   []struct {
		Job    string   `json:"job"`
		Result string   `json:"result"`
		Voting *bool    `json:"voting"`
		S      *float64 `json:"s"`
	} `json:"builds"`
}

const (
	maxLine    = 4 << 20
	maxSeconds = 30 * 24 * 3600
)

// Parse reads a trace, one JSON object a line. The rules of replay: a patchset
// enters at its first `enqueued`; a build takes its `s`, or the median of its
// job, or that of the trace. A patchset that never merged is bad: the jobs that
// failed in any pass fail in every run. One that merged is good: its n-th run
// fails as its n-th pass did. Errors name the line and say what is wrong.
func Parse(r io.Reader) (Workload, error) {
	var passes []pass
	scanner := bufio.NewScanner(r)
	scanner.Buffer(make([]byte, 64<<10), maxLine)
	for n := 1; scanner.Scan(); n++ {
		line := bytes.TrimSpace(scanner.Bytes())
		if len(line) == 0 {
			continue
		}
		var p pass
		if err := json.Unmarshal(line, &p); err != nil {
			return Workload{}, fmt.Errorf("line %d is no pass: %w; a trace has one JSON object a line", n, err)
		}
		if err := p.check(); err != nil {
			return Workload{}, fmt.Errorf("line %d: %w", n, err)
		}
		passes = append(passes, p)
	}
	if err := scanner.Err(); err != nil {
		return Workload{}, fmt.Errorf("the trace cannot be read: %w (a line may have %d MB)", err, maxLine>>20)
	}
	if len(passes) == 0 {
		return Workload{}, fmt.Errorf("the trace is empty; it has one JSON object a line for each pass through the gate")
	}
	return workloadOf(passes), nil
}

func (p *pass) check() error {
	switch {
	case p.Change <= 0 || p.Patchset < 0:
		return fmt.Errorf("change %d, patchset %d: `change` and `patchset` must be numbers of a change", p.Change, p.Patchset)
	case p.Enqueued <= 0 || p.Enqueued > 1e11:
		return fmt.Errorf("`enqueued` is %v; it must be seconds since 1970", p.Enqueued)
	case p.Result != "succeeded" && p.Result != "failed":
		return fmt.Errorf("`result` is %q; it must be succeeded or failed", p.Result)
	}
	for _, b := range p.Builds {
		if b.Job == "" {
			return fmt.Errorf("a build has no `job`")
		}
		if b.S != nil && (*b.S < 0 || *b.S > maxSeconds) {
			return fmt.Errorf("job %s ran for %v seconds; 0 to %d are possible", b.Job, *b.S, maxSeconds)
		}
	}
	return nil
}

type patchset struct{ change, patchset int64 }

func workloadOf(passes []pass) Workload {
	slices.SortStableFunc(passes, func(a, b pass) int {
		switch {
		case a.Enqueued < b.Enqueued:
			return -1
		case a.Enqueued > b.Enqueued:
			return 1
		}
		return 0
	})
	d := durationsOf(passes)
	begin := passes[0].Enqueued
	at := map[patchset]*Change{}
	finished := map[patchset]float64{}
	merged := map[patchset]bool{}
	var gaps []float64
	var w Workload
	for i := range passes {
		p := &passes[i]
		k := patchset{p.Change, p.Patchset}
		c := at[k]
		if c == nil {
			c = &Change{Name: fmt.Sprintf("%d,%d", p.Change, p.Patchset), Enter: seconds(p.Enqueued - begin)}
			at[k] = c
			w.Changes = append(w.Changes, c)
		} else if gap := p.Enqueued - finished[k]; gap >= 0 {
			gaps = append(gaps, gap)
		}
		finished[k] = p.Finished
		// A pass that succeeded is the end of the patchset's way, whatever `merged` says of it.
		merged[k] = merged[k] || p.Merged || p.Result == "succeeded"
		c.Runs = append(c.Runs, p.jobs(d))
	}
	for k, c := range at {
		c.Bad = !merged[k]
		if c.Bad {
			failEverywhere(c)
		}
	}
	w.Back = seconds(median(gaps))
	w.arrange()
	return w
}

// jobs of the pass. One that failed without a voting job that failed (a conflict,
// say) fails with the first of its jobs.
func (p *pass) jobs(d durations) []Job {
	out := []Job{}
	failed := false
	for _, b := range p.Builds {
		j := Job{Name: b.Job, Voting: b.Voting == nil || *b.Voting, Takes: d.of(b.Job, b.S)}
		j.Fails = p.Result == "failed" && b.Result != "SUCCESS" && b.Result != "SKIPPED"
		failed = failed || j.Fails && j.Voting
		if slices.ContainsFunc(out, func(o Job) bool { return o.Name == j.Name }) {
			continue // reported twice
		}
		out = append(out, j)
	}
	if p.Result == "failed" && !failed {
		n := slices.IndexFunc(out, func(j Job) bool { return j.Voting })
		if n < 0 {
			out, n = append(out, Job{Name: "(no job)", Voting: true}), len(out)
		}
		out[n].Fails = true
	}
	if len(out) == 0 {
		out = append(out, Job{Name: "(no job)", Voting: true})
	}
	return out
}

// failEverywhere makes every run of a bad change fail with the jobs that failed
// in any; a run without one of those fails with its first voting job.
func failEverywhere(c *Change) {
	bad := map[string]bool{}
	for _, run := range c.Runs {
		for _, j := range run {
			if j.Fails && j.Voting {
				bad[j.Name] = true
			}
		}
	}
	for _, run := range c.Runs {
		for i := range run {
			run[i].Fails = run[i].Fails || bad[run[i].Name]
		}
		if n := slices.IndexFunc(run, func(j Job) bool { return j.Voting }); !slices.ContainsFunc(run, func(j Job) bool { return j.Fails && j.Voting }) && n >= 0 {
			run[n].Fails = true
		}
	}
}

// durations are the medians where a build has none of its own.
type durations struct {
	byJob map[string]float64
	all   float64
}

func durationsOf(passes []pass) durations {
	byJob := map[string][]float64{}
	var all []float64
	for _, p := range passes {
		for _, b := range p.Builds {
			if b.S != nil {
				byJob[b.Job] = append(byJob[b.Job], *b.S)
				all = append(all, *b.S)
			}
		}
	}
	d := durations{byJob: map[string]float64{}, all: median(all)}
	for job, list := range byJob {
		d.byJob[job] = median(list)
	}
	return d
}

func (d durations) of(job string, s *float64) time.Duration {
	if s != nil {
		return seconds(*s)
	}
	if m, ok := d.byJob[job]; ok {
		return seconds(m)
	}
	return seconds(d.all)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// median of a list; 0 of none.
func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}
