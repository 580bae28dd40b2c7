package supervise

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// Handler is the control interface: PUT /units, DELETE /units/NAME, GET /units.
func (s *Supervisor) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /units", func(w http.ResponseWriter, r *http.Request) {
		var units []Unit
		if err := json.NewDecoder(r.Body).Decode(&units); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		for _, u := range units {
			s.Apply(u)
		}
	})
	mux.HandleFunc("DELETE /units/{name}", func(_ http.ResponseWriter, r *http.Request) {
		s.Stop(r.PathValue("name"))
	})
	mux.HandleFunc("GET /units", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(s.Statuses())
	})
	return mux
}

// Client talks to a supervisor over its Unix socket.
type Client struct{ http *http.Client }

// NewClient returns a client of the supervisor with that socket.
func NewClient(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	return &Client{http: &http.Client{Transport: &http.Transport{DialContext: dial}, Timeout: 30 * time.Second}}
}

// Apply asks for units to be started.
func (c *Client) Apply(ctx context.Context, units ...Unit) error {
	body, err := json.Marshal(units)
	if err != nil {
		return err
	}
	_, err = c.do(ctx, http.MethodPut, "/units", body)
	return err
}

// Stop asks for a unit to be stopped and waits until its process is gone.
func (c *Client) Stop(ctx context.Context, name string) error {
	_, err := c.do(ctx, http.MethodDelete, "/units/"+name, nil)
	return err
}

// Statuses returns the state of every unit.
func (c *Client) Statuses(ctx context.Context) ([]Status, error) {
	data, err := c.do(ctx, http.MethodGet, "/units", nil)
	if err != nil {
		return nil, err
	}
	var all []Status
	return all, json.Unmarshal(data, &all)
}

func (c *Client) do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://supervisor"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("supervisor: %s %s: %s: %s", method, path, resp.Status, bytes.TrimSpace(data))
	}
	return data, err
}

// Serve answers on the Unix socket until the process ends.
func (s *Supervisor) Serve(socket string) error {
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	if err := os.Chmod(socket, 0o600); err != nil {
		return err
	}
	server := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second}
	return server.Serve(listener)
}
