package managerapi

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gozer-dev/gozer/internal/history"
)

// Parameters of GET /api/builds; all are optional.
var Parameters = []string{"tenant", "pipeline", "project", "change", "job", "result", "since", "limit"}

// filter reads the parameters: names as they are, change and limit as numbers,
// since as RFC 3339.
func filter(q url.Values) (history.Filter, error) {
	for name := range q {
		if !slices.Contains(Parameters, name) {
			return history.Filter{}, fmt.Errorf("unknown parameter %q; there are %s", name, strings.Join(Parameters, ", "))
		}
	}
	f := history.Filter{
		Tenant: q.Get("tenant"), Pipeline: q.Get("pipeline"), Project: q.Get("project"), Job: q.Get("job"), Result: strings.ToUpper(q.Get("result")),
	}
	var err error
	if v := q.Get("change"); v != "" {
		if f.Change, err = strconv.ParseInt(v, 10, 64); err != nil || f.Change < 1 {
			return f, fmt.Errorf("change must be a number, not %q", v)
		}
	}
	if v := q.Get("limit"); v != "" {
		if f.Limit, err = strconv.Atoi(v); err != nil || f.Limit < 1 {
			return f, fmt.Errorf("limit must be a number from 1 to %d, not %q", history.MaxLimit, v)
		}
	}
	if v := q.Get("since"); v != "" {
		if f.Since, err = time.Parse(time.RFC3339, v); err != nil {
			return f, fmt.Errorf("since must be a time like 2006-01-02T15:04:05Z, not %q", v)
		}
	}
	return f, nil
}
