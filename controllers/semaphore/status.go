package semaphore

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/semaphore"
)

// status of a Semaphore after a decision.
func (s *scope) status(sem *gozer.Semaphore, d semaphore.Decision, now metav1.MicroTime) gozer.SemaphoreStatus {
	since := map[string]metav1.MicroTime{}
	for _, h := range sem.Status.Holders {
		since[fullName(h.Tenant, h.Build)] = h.Since
	}
	out := gozer.SemaphoreStatus{Held: int32(len(d.Holders)), Waiting: int32(len(d.Waiting))} //nolint:gosec // lists of objects
	for _, name := range d.Holders {
		tenant, build, _ := strings.Cut(name, "/")
		h := gozer.SemaphoreHolder{Tenant: tenant, Build: build, Item: s.items[name], Since: now}
		if t, had := since[name]; had {
			h.Since = t
		}
		out.Holders = append(out.Holders, h)
	}
	if len(d.Waiting) > 0 {
		out.Next = d.Waiting[0]
	}
	return out
}
