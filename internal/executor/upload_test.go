package executor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

// fakeStore has the protocol of a log store and one fault after the other.
type fakeStore struct {
	data   []byte
	final  bool
	faults []func(s *fakeStore, w http.ResponseWriter) (answered bool)
}

func (s *fakeStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if len(s.faults) > 0 {
		f := s.faults[0]
		s.faults = s.faults[1:]
		if f(s, w) {
			return
		}
	}
	offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
	if r.Header.Get("Authorization") != "Bearer tok" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if offset > len(s.data) {
		w.WriteHeader(http.StatusConflict)
	} else if b, _ := io.ReadAll(r.Body); offset+len(b) > len(s.data) {
		s.data = append(s.data[:offset], b...)
	}
	if offset <= len(s.data) && r.URL.Query().Get("final") == "true" {
		s.final = true
	}
	fmt.Fprintf(w, `{"size":%d}`, len(s.data))
}

func answer(code int, body string) func(*fakeStore, http.ResponseWriter) bool {
	return func(_ *fakeStore, w http.ResponseWriter) bool {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
		return true
	}
}

func forget(s *fakeStore, _ http.ResponseWriter) bool {
	s.data = nil
	return false
}

func drop(*fakeStore, http.ResponseWriter) bool { panic(http.ErrAbortHandler) }

func none(*fakeStore, http.ResponseWriter) bool { return false }

func TestUploaderFinish(t *testing.T) {
	type faults []func(*fakeStore, http.ResponseWriter) bool
	log := strings.Repeat("0123456789", 300_000) // three chunks
	for name, tc := range map[string]struct {
		faults faults
		token  string
		err    error
	}{
		"no fault":             {nil, "tok", nil},
		"away":                 {faults{answer(503, ""), answer(502, "<html>"), drop}, "tok", nil},
		"not there yet":        {faults{answer(404, "")}, "tok", nil},
		"lost all":             {faults{none, forget}, "tok", nil},
		"lost all at the end":  {faults{none, none, none, forget}, "tok", nil},
		"said yes, kept less":  {faults{answer(200, `{"size":5}`)}, "tok", nil},
		"said yes and no more": {faults{answer(200, ``)}, "tok", nil},
		"conflict of nothing":  {faults{answer(409, `{"size":99999999}`)}, "tok", nil},
		"another's token":      {nil, "stolen", errRefused},
		"is final":             {faults{answer(410, "")}, "tok", errRefused},
		"too large":            {faults{none, answer(413, "")}, "tok", errRefused},
	} {
		t.Run(name, func(t *testing.T) {
			store := &fakeStore{faults: tc.faults}
			srv := httptest.NewServer(store)
			defer srv.Close()
			u := &LogUploader{
				URL: srv.URL, Token: tc.token, Client: srv.Client(), Log: strings.NewReader(log),
				Length:  func() int64 { return int64(len(log)) },
				Backoff: Backoff{First: time.Millisecond, Max: time.Millisecond},
			}
			n, err := u.Finish(t.Context())
			if !errors.Is(err, tc.err) {
				t.Fatalf("err = %v", err)
			}
			if err == nil && (n != int64(len(log)) || string(store.data) != log || !store.final) {
				t.Errorf("%d of %d bytes, final %v", len(store.data), len(log), store.final)
			}
		})
	}
}

func TestUploaderGivesUp(t *testing.T) {
	u := &LogUploader{URL: "http://127.0.0.1:1/", Client: http.DefaultClient, Log: strings.NewReader("x"), Length: func() int64 { return 1 }}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if n, err := u.Finish(ctx); err == nil || n != -1 {
		t.Errorf("%d, %v", n, err)
	}
}
