// Package apimetrics counts what the manager writes to the API server. Writes
// are the scarce thing of a gate that keeps its state there.
package apimetrics

import (
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var writes = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "gozer_api_writes_total",
	Help: "Requests to the Kubernetes API that write, by verb and resource.",
}, []string{"verb", "resource"})

func init() { metrics.Registry.MustRegister(writes) }

type counter struct{ next http.RoundTripper }

// Count counts the writes that go through a transport.
func Count(next http.RoundTripper) http.RoundTripper { return counter{next} }

func (c counter) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		writes.WithLabelValues(strings.ToLower(r.Method), resource(r.URL.Path)).Inc()
	}
	return c.next.RoundTrip(r)
}

// resource of a path like /apis/gozer.dev/v1alpha1/namespaces/acme/builds/b1/status: "builds/status".
func resource(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case len(parts) > 0 && parts[0] == "api":
		parts = parts[min(2, len(parts)):]
	default:
		parts = parts[min(3, len(parts)):]
	}
	if len(parts) > 2 && parts[0] == "namespaces" {
		parts = parts[2:]
	}
	switch len(parts) {
	case 0:
		return ""
	case 1, 2:
		return parts[0]
	}
	return parts[0] + "/" + parts[2]
}
