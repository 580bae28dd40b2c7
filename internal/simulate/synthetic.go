package simulate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Synthetic is a workload that is made up.
type Synthetic struct {
	// N changes arrive at so many an hour, at random.
	N    int
	Rate float64
	// Bad is the share of changes that fail on every run, Flake that of runs of
	// good changes that fail all the same.
	Bad, Flake float64
	Jobs       []SyntheticJob
	Back       time.Duration
}

// SyntheticJob is a job with the duration around which its runs lie.
type SyntheticJob struct {
	Name  string
	Takes time.Duration
}

// DefaultSynthetic is what a specification leaves unsaid.
func DefaultSynthetic() Synthetic {
	return Synthetic{N: 500, Rate: 20, Bad: 0.1, Flake: 0.02, Back: time.Hour,
		Jobs: []SyntheticJob{{"unit", 10 * time.Minute}, {"lint", 2 * time.Minute}, {"integration", 40 * time.Minute}}}
}

const syntheticKeys = "n, rate, p_fail, p_flake, jobs, back"

// ParseSynthetic reads "n=500,rate=100/h,p_fail=0.1,p_flake=0.05,jobs=unit:10m+lint:2m,back=1h".
// jobs may be a number of jobs as well.
func ParseSynthetic(text string) (Synthetic, error) {
	s := DefaultSynthetic()
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		key, value, ok := strings.Cut(part, "=")
		if !ok {
			return s, fmt.Errorf("%q is not of the form key=value; the keys are %s", part, syntheticKeys)
		}
		if err := s.set(strings.TrimSpace(key), strings.TrimSpace(value)); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s *Synthetic) set(key, value string) (err error) {
	switch key {
	case "n":
		s.N, err = strconv.Atoi(value)
		if err != nil || s.N < 1 || s.N > 1_000_000 {
			return fmt.Errorf("n=%s: a number from 1 to 1000000 is needed", value)
		}
	case "rate":
		s.Rate, err = strconv.ParseFloat(strings.TrimSuffix(value, "/h"), 64)
		if err != nil || !(s.Rate > 0 && s.Rate <= 1e6) {
			return fmt.Errorf("rate=%s: changes an hour are needed, for example 100/h", value)
		}
	case "p_fail":
		s.Bad, err = probability(key, value)
	case "p_flake":
		s.Flake, err = probability(key, value)
	case "back":
		if s.Back, err = time.ParseDuration(value); err != nil || s.Back < 0 {
			return fmt.Errorf("back=%s: a duration is needed, for example 1h30m", value)
		}
	case "jobs":
		s.Jobs, err = parseJobs(value)
	default:
		return fmt.Errorf("%q is not known; the keys are %s", key, syntheticKeys)
	}
	return err
}

// probability below 1: with 1 nothing would ever merge, and a good change would come back for ever.
func probability(key, value string) (float64, error) {
	p, err := strconv.ParseFloat(value, 64)
	if err != nil || !(p >= 0 && p <= 0.99) {
		return 0, fmt.Errorf("%s=%s: a share from 0 to 0.99 is needed", key, value)
	}
	return p, nil
}

func parseJobs(value string) ([]SyntheticJob, error) {
	if n, err := strconv.Atoi(value); err == nil {
		if n < 1 || n > 1000 {
			return nil, fmt.Errorf("jobs=%s: 1 to 1000 are possible", value)
		}
		var out []SyntheticJob
		for i := range n {
			out = append(out, SyntheticJob{fmt.Sprintf("job-%d", i+1), time.Duration(2+8*(i%6)) * time.Minute})
		}
		return out, nil
	}
	var out []SyntheticJob
	for part := range strings.SplitSeq(value, "+") {
		name, takes, ok := strings.Cut(part, ":")
		d, err := time.ParseDuration(takes)
		if !ok || name == "" || err != nil || d < 0 || d > maxSeconds*time.Second {
			return nil, fmt.Errorf("jobs=%s: a number, or jobs with durations like unit:10m+lint:90s, are needed", value)
		}
		out = append(out, SyntheticJob{name, d})
	}
	return out, nil
}

// Workload draws the changes.
func (s Synthetic) Workload(seed uint64) Workload {
	r := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	w := Workload{Back: s.Back}
	at := 0.0
	for i := range s.N {
		at += r.ExpFloat64() / s.Rate * 3600
		c := &Change{Name: fmt.Sprintf("%d,1", i+1), Enter: seconds(at), Bad: r.Float64() < s.Bad}
		for c.Runs = append(c.Runs, s.run(r)); !c.Bad && r.Float64() < s.Flake; c.Runs = append(c.Runs, s.run(r)) {
			spoil(r, c.Runs[len(c.Runs)-1])
		}
		if c.Bad {
			spoil(r, c.Runs[0])
		}
		w.Changes = append(w.Changes, c)
	}
	w.arrange()
	return w
}

// run draws durations: most are near the job's own, some take much longer.
func (s Synthetic) run(r *rand.Rand) []Job {
	var out []Job
	for _, j := range s.Jobs {
		takes := time.Duration(float64(j.Takes) * math.Exp(0.25*r.NormFloat64())).Round(time.Second)
		out = append(out, Job{Name: j.Name, Takes: takes, Voting: true})
	}
	return out
}

// spoil lets one job of a run fail.
func spoil(r *rand.Rand, run []Job) { run[r.IntN(len(run))].Fails = true }
