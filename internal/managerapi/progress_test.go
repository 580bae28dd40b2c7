package managerapi

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/logstore"
	"github.com/gozer-dev/gozer/internal/returned"
	"github.com/gozer-dev/gozer/internal/token"
)

// TestProgress: what an executor says and asks before its end, with the token of
// its attempt only.
func TestProgress(t *testing.T) {
	var got []string
	var looked atomic.Int64
	known := func(k logstore.Key) error {
		if k.Build != "unit-1" {
			return fmt.Errorf("get: %w", ErrNotFound)
		}
		return nil
	}
	f := newFixture(t, func(o *Options) {
		o.Keep = func(_ context.Context, k logstore.Key, _ returned.Results, final bool) error {
			got = append(got, fmt.Sprint(k, " returned, final ", final))
			return known(k)
		}
		o.Progress = func(_ context.Context, k logstore.Key, p buildspec.Progress) error {
			got = append(got, fmt.Sprintf("%v %+v", k, p))
			return known(k)
		}
		o.GoesOn = func(_ context.Context, k logstore.Key) (bool, error) {
			return looked.Add(1) > 2, known(k)
		}
	})
	own, other := f.key.For(token.Log, "acme/unit-1/2"), f.key.For(token.Log, "acme/unit-1/1")
	lost := f.key.For(token.Log, "acme/unit-2/1")
	for _, c := range []struct {
		method, path, bearer, body string
		status                     int
		answer                     string
	}{
		{"PUT", "/progress/acme/unit-1/2", own, `{"paused": true}`, http.StatusNoContent, ""},
		{"PUT", "/progress/acme/unit-1/2", own, `{"failing": "no space"}`, http.StatusNoContent, ""},
		{"PUT", "/progress/acme/unit-1/2", own, `[`, http.StatusBadRequest, "this is not {\"paused\": true, \"failing\": \"why\"}: unexpected EOF\n"},
		{"PUT", "/progress/acme/unit-1/2", other, `{"paused": true}`, http.StatusUnauthorized, "the token is not that of this build\n"},
		{"PUT", "/progress/acme/unit-1/2", f.internal(), `{"paused": true}`, http.StatusUnauthorized, "the token is not that of this build\n"},
		{"PUT", "/progress/acme/unit-2/1", lost, `{"paused": true}`, http.StatusNotFound, "get: " + ErrNotFound.Error() + "\n"},
		{"PUT", "/results/acme/unit-1/2", own, `{"data": {}}`, http.StatusNoContent, ""},
		{"PUT", "/results/acme/unit-1/2?final=true", own, `{"data": {}}`, http.StatusNoContent, ""},
		{"GET", "/progress/acme/unit-1/2", own, "", http.StatusOK, "{\"resume\":true}\n"},
		{"GET", "/progress/acme/unit-1/2", other, "", http.StatusUnauthorized, "the token is not that of this build\n"},
		{"GET", "/progress/acme/unit-2/1", lost, "", http.StatusNotFound, "get: " + ErrNotFound.Error() + "\n"},
	} {
		if status, answer := f.do(t, c.method, c.path, c.bearer, c.body); status != c.status || answer != c.answer {
			t.Errorf("%s %s %s: got %d %q, want %d %q", c.method, c.path, c.body, status, answer, c.status, c.answer)
		}
	}
	want := []string{
		"acme/unit-1/2 {Paused:true Failing:}", "acme/unit-1/2 {Paused:false Failing:no space}", "acme/unit-2/1 {Paused:true Failing:}",
		"acme/unit-1/2 returned, final false", "acme/unit-1/2 returned, final true",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("taken (-want +got):\n%s", diff)
	}
}
