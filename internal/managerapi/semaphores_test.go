package managerapi

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/logstore"
	"github.com/gozer-dev/gozer/internal/token"
)

// TestSemaphores: an attempt asks for those of a playbook with its own token only.
func TestSemaphores(t *testing.T) {
	var asked []string
	var looked atomic.Int64
	f := newFixture(t, func(o *Options) {
		o.AskSemaphores = func(_ context.Context, k logstore.Key, names []string) error {
			asked = append(asked, fmt.Sprint(k, " ", names))
			switch fmt.Sprint(names) {
			case "[other]":
				return ErrBadAsk
			case "[later]":
				return ErrLater
			}
			return nil
		}
		o.HoldsSemaphores = func(context.Context, logstore.Key) (bool, error) { return looked.Add(1) > 1, nil }
	})
	own, other := f.key.For(token.Log, "acme/unit-1/2"), f.key.For(token.Log, "acme/unit-1/1")
	for _, c := range []struct {
		method, bearer, body string
		status               int
		answer               string
	}{
		{"PUT", own, `{"names": ["a", "b"]}`, http.StatusNoContent, ""},
		{"PUT", own, `{"names": []}`, http.StatusNoContent, ""},
		{"PUT", own, `{"names": ["other"]}`, http.StatusBadRequest, ErrBadAsk.Error() + "\n"},
		{"PUT", own, `{"names": ["later"]}`, http.StatusServiceUnavailable, ErrLater.Error() + "\n"},
		{"PUT", own, `[`, http.StatusBadRequest, "this is not {\"names\": [...]}: unexpected EOF\n"},
		{"PUT", other, `{"names": []}`, http.StatusUnauthorized, "the token is not that of this build\n"},
		{"GET", own, "", http.StatusOK, "{\"held\":true}\n"},
		{"GET", other, "", http.StatusUnauthorized, "the token is not that of this build\n"},
	} {
		resp, body := f.do(t, c.method, "/semaphores/acme/unit-1/2", c.bearer, c.body)
		if resp != c.status || body != c.answer {
			t.Errorf("%s %s: %d %q, want %d %q", c.method, c.body, resp, body, c.status, c.answer)
		}
	}
	if diff := cmp.Diff([]string{"acme/unit-1/2 [a b]", "acme/unit-1/2 []", "acme/unit-1/2 [other]", "acme/unit-1/2 [later]"}, asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}
