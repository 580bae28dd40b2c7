package logfollow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/gozer-dev/gozer/internal/logstore"
)

// Errors of Follow.
var (
	// ErrNotFound is a log that has not begun, or was deleted.
	ErrNotFound = errors.New("no such log: it has not begun, or it is older than logs are kept")
	// ErrOffset is a place beyond the end of the log.
	ErrOffset = errors.New("offset must be a number of bytes within the log")
	// ErrFull says that there are as many followers as there may be.
	ErrFull = errors.New("too many follow logs now; try again in a moment, or read the log without following it")
)

// Source is the manager's logs.
type Source struct {
	// URL is the manager, Bearer the value of the header with which it is asked.
	URL, Bearer string
	Transport   http.RoundTripper
}

// State is what is known of a log.
type State struct {
	// Path is that of the attempt.
	Path    string
	Attempt int
	Size    int64
	Final   bool
}

// Path of a log at the manager; an attempt of less than 0 is the newest.
func Path(k logstore.Key) string {
	if k.Attempt < 0 {
		return "/logs/" + k.Namespace + "/" + k.Build
	}
	return "/logs/" + k.String()
}

func (s *Source) ask(ctx context.Context, method, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.URL+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", s.Bearer)
	req.Header.Set("Accept-Encoding", "identity")
	resp, err := s.Transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	switch resp.StatusCode {
	case http.StatusOK:
		return resp, nil
	case http.StatusNotFound:
		err = ErrNotFound
	case http.StatusRequestedRangeNotSatisfiable:
		err = ErrOffset
	default:
		err = fmt.Errorf("the manager answers %s to %s; have all roles the same token key?", resp.Status, path)
	}
	_ = resp.Body.Close()
	return nil, err
}

// state looks at a log without reading it.
func (s *Source) state(ctx context.Context, path string) (State, error) {
	resp, err := s.ask(ctx, http.MethodHead, path)
	if err != nil {
		return State{}, err
	}
	_ = resp.Body.Close()
	attempt := resp.Header.Get(logstore.HeaderAttempt)
	n, err := strconv.Atoi(attempt)
	if err != nil || resp.ContentLength < 0 {
		return State{}, errors.New("the manager's answer is not about a log")
	}
	if strings.Count(path, "/") == strings.Count("/logs/namespace/build", "/") {
		path += "/" + attempt
	}
	return State{Path: path, Attempt: n, Size: resp.ContentLength, Final: resp.Header.Get(logstore.HeaderFinal) == "true"}, nil
}

// open reads a log from an offset, as far as it goes or as it grows.
func (s *Source) open(ctx context.Context, path string, offset int64, follow bool) (io.ReadCloser, error) {
	path += "?offset=" + strconv.FormatInt(offset, 10)
	if follow {
		path += "&follow=true"
	}
	resp, err := s.ask(ctx, http.MethodGet, path)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}
