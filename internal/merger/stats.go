package merger

import (
	"errors"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Stats count what a Service did.
type Stats struct {
	// Merges that were made, and merges that were found by their digest.
	Merges, Reused atomic.Int64
	Conflicts      atomic.Int64
	// Fetches from code hosts.
	Fetches atomic.Int64
}

// Register makes the numbers of a Service and of its mirrors metrics.
func (s *Service) Register(reg prometheus.Registerer) error {
	counters := []struct {
		name, help string
		value      *atomic.Int64
	}{
		{"gozer_merger_merges_total", "Merges that were made.", &s.Stats.Merges},
		{"gozer_merger_merges_reused_total", "Merges that were found by their digest instead of made again.", &s.Stats.Reused},
		{"gozer_merger_conflicts_total", "Prepare requests that ended with a conflict.", &s.Stats.Conflicts},
		{"gozer_merger_fetches_total", "Fetches from code hosts.", &s.Stats.Fetches},
		{"gozer_merger_mirrors_healed_total", "Mirrors that were broken and were healed or made anew.", &s.store.Stats.Heals},
		{"gozer_merger_mirrors_evicted_total", "Mirrors that were deleted because their room was needed.", &s.store.Stats.Evictions},
	}
	var errs []error
	for _, m := range counters {
		errs = append(errs, reg.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: m.name, Help: m.help},
			func() float64 { return float64(m.value.Load()) })))
	}
	for _, g := range []struct {
		name, help string
		value      func() float64
	}{
		{"gozer_merger_mirrors_bytes", "What the mirrors take on disk, measured every hour and when there is a new one.", func() float64 { return float64(s.store.Bytes()) }},
		{"gozer_merger_hosts_paused", "Code hosts, and repositories on them, that are left alone because they failed just now.", func() float64 { return float64(s.store.BackingOff()) }},
	} {
		errs = append(errs, reg.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: g.name, Help: g.help}, g.value)))
	}
	return errors.Join(errs...)
}
