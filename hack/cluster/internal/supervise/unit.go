package supervise

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// Unit is one program that the supervisor keeps running.
type Unit struct {
	Name string   `json:"name"`
	Path string   `json:"path"` // absolute
	Args []string `json:"args"` // the first is the program's own name
	Env  []string `json:"env"`  // KEY=value, added to a minimal environment
	Dir  string   `json:"dir"`  // working directory
	Log  string   `json:"log"`  // file that gets its output
	// Needs are what must answer before the unit starts: tcp:ADDRESS, unix:PATH,
	// or an https URL that must answer 200 (certificates are not checked).
	Needs []string `json:"needs"`
}

// Status is what the supervisor knows of a unit.
type Status struct {
	Unit    Unit      `json:"unit"`
	State   string    `json:"state"` // waiting, running, ended
	Reason  string    `json:"reason,omitempty"`
	PID     int       `json:"pid,omitempty"` // in the cluster's namespace of processes
	Since   time.Time `json:"since"`
	Started int       `json:"started"` // how often
}

// The states of a unit.
const (
	StateWaiting = "waiting"
	StateRunning = "running"
	StateEnded   = "ended"
)

// Probe says why what a unit needs does not answer yet; nil means that it answers.
func Probe(ctx context.Context, need string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	switch {
	case strings.HasPrefix(need, "tcp:"):
		return probeDial(ctx, "tcp", strings.TrimPrefix(need, "tcp:"))
	case strings.HasPrefix(need, "unix:"):
		return probeDial(ctx, "unix", strings.TrimPrefix(need, "unix:"))
	case strings.HasPrefix(need, "https://"), strings.HasPrefix(need, "http://"):
		return probeHTTP(ctx, need)
	}
	return fmt.Errorf("need %q: write tcp:ADDRESS, unix:PATH or a URL", need)
}

func probeDial(ctx context.Context, network, address string) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// probeClient does not check certificates: a probe sends and believes nothing.
var probeClient = &http.Client{Transport: &http.Transport{
	TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // see above
	DisableKeepAlives: true,
}}

func probeHTTP(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := probeClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, resp.Status)
	}
	return nil
}
