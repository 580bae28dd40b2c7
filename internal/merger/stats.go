package merger

import (
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

// Register makes the numbers metrics.
func (s *Stats) Register(reg prometheus.Registerer) error {
	for _, m := range []struct {
		name, help string
		value      *atomic.Int64
	}{
		{"gozer_merger_merges_total", "Merges that were made.", &s.Merges},
		{"gozer_merger_merges_reused_total", "Merges that were found by their digest instead of made again.", &s.Reused},
		{"gozer_merger_conflicts_total", "Prepare requests that ended with a conflict.", &s.Conflicts},
		{"gozer_merger_fetches_total", "Fetches from code hosts.", &s.Fetches},
	} {
		c := prometheus.NewCounterFunc(prometheus.CounterOpts{Name: m.name, Help: m.help},
			func() float64 { return float64(m.value.Load()) })
		if err := reg.Register(c); err != nil {
			return err
		}
	}
	return nil
}
