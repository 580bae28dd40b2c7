package tell

import (
	"context"
	"errors"
	"strings"
	"testing"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/report"
)

// host answers as it is told to, and counts.
type host struct {
	drivers.Host
	status, check     error
	statuses, checked int
}

func (h *host) SetStatus(context.Context, model.Change, drivers.Status) error {
	h.statuses++
	return h.status
}

func (h *host) SetCheck(context.Context, model.Change, drivers.Check) error {
	h.checked++
	return h.check
}

// TestMarks: what a host refuses is told and holds nothing up; what may go well
// the next time is tried again.
func TestMarks(t *testing.T) {
	refused, broken := &drivers.RefusedError{Reason: "too many statuses"}, errors.New("bad gateway")
	for name, tc := range map[string]struct {
		number        int64
		status, check error
		left          string
		err           error
		checked       int
	}{
		"all well":            {number: 1, checked: 1},
		"the status refused":  {number: 1, status: refused, left: "refuses the status: too many statuses", checked: 1},
		"the check refused":   {number: 1, check: refused, left: "refuses the check: too many statuses", checked: 1},
		"the status fails":    {number: 1, status: broken, err: broken},
		"the change is gone":  {number: 1, status: drivers.ErrNotFound, check: drivers.ErrNotFound, checked: 1},
		"a ref":               {},
		"a ref that is not":   {status: refused, left: "refuses the status"},
		"the check may later": {number: 1, check: broken, err: broken, checked: 1},
	} {
		t.Run(name, func(t *testing.T) {
			h := &host{status: tc.status, check: tc.check}
			words := func() (report.Item, error) { return report.Item{}, nil }
			left, err := Marks(t.Context(), h, model.Change{Number: tc.number}, gozer.ReportAction{Status: "success", Check: "success"}, Mark{Words: words})
			if !errors.Is(err, tc.err) || h.statuses != 1 || h.checked != tc.checked {
				t.Errorf("%v after %d statuses and %d checks", err, h.statuses, h.checked)
			}
			if got := strings.Join(left, "; "); !strings.Contains(got, tc.left) || (got == "") != (tc.left == "") {
				t.Errorf("left %q, want %q", got, tc.left)
			}
		})
	}
}
