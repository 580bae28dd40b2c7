package supervise

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// start returns a client of a supervisor in this process.
func start(t *testing.T) *Client {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := NewSupervisor(ctx)
	reaped := make(chan struct{})
	go func() { defer close(reaped); s.Reap(ctx) }()
	dir, err := os.MkdirTemp("", "sup") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	go s.Serve(socket) //nolint:errcheck // ends with the process
	t.Cleanup(func() {
		for _, st := range s.Statuses() {
			s.Stop(st.Unit.Name)
		}
		cancel()
		<-reaped
		_ = os.RemoveAll(dir)
	})
	eventually(t, "socket", func() bool { return Probe(ctx, "unix:"+socket) == nil })
	return NewClient(socket)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("not in time: %s", what)
}

func shell(t *testing.T, name, script string, needs ...string) (Unit, string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), name+".log")
	return Unit{Name: name, Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: []string{"WHO=" + name}, Dir: "/", Log: log, Needs: needs}, log
}

func status(t *testing.T, c *Client, name string) Status {
	t.Helper()
	all, err := c.Statuses(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if s.Unit.Name == name {
			return s
		}
	}
	return Status{}
}

func TestUnitRunsAndIsStopped(t *testing.T) {
	c := start(t)
	unit, log := shell(t, "a", "echo I am $WHO; exec sleep 100")
	if err := c.Apply(t.Context(), unit); err != nil {
		t.Fatal(err)
	}
	eventually(t, "output", func() bool { data, _ := os.ReadFile(log); return string(data) == "I am a\n" })
	first := status(t, c, "a")
	if first.State != StateRunning || first.PID == 0 || first.Started != 1 {
		t.Errorf("unexpected status %+v", first)
	}
	if err := c.Apply(t.Context(), unit); err != nil {
		t.Fatal(err)
	}
	if again := status(t, c, "a"); again.PID != first.PID {
		t.Error("applying the same unit again started it again")
	}
	if err := c.Stop(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(fmt.Sprintf("/proc/%d", first.PID)); err == nil {
		t.Error("the process still runs after Stop")
	}
	if got := status(t, c, "a"); got.State != "" {
		t.Errorf("the unit is still known: %+v", got)
	}
}

func TestUnitIsStartedAgain(t *testing.T) {
	c := start(t)
	unit, _ := shell(t, "b", "exit 3")
	if err := c.Apply(t.Context(), unit); err != nil {
		t.Fatal(err)
	}
	eventually(t, "second start", func() bool {
		s := status(t, c, "b")
		return s.Started >= 2 && strings.Contains(s.Reason, "exit code 3")
	})
}

func TestUnitWaitsForItsNeeds(t *testing.T) {
	c := start(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()

	unit, _ := shell(t, "c", "exec sleep 100", "tcp:"+address)
	if err := c.Apply(t.Context(), unit); err != nil {
		t.Fatal(err)
	}
	eventually(t, "waiting", func() bool { return strings.Contains(status(t, c, "c").Reason, address) })
	if s := status(t, c, "c"); s.State != StateWaiting || s.Started != 0 {
		t.Errorf("unexpected status %+v", s)
	}
	if listener, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // end of the test
	eventually(t, "running", func() bool { return status(t, c, "c").State == StateRunning })
}

func TestChangedUnitIsReplaced(t *testing.T) {
	c := start(t)
	unit, _ := shell(t, "d", "exec sleep 100")
	if err := c.Apply(t.Context(), unit); err != nil {
		t.Fatal(err)
	}
	eventually(t, "running", func() bool { return status(t, c, "d").State == StateRunning })
	before := status(t, c, "d").PID
	unit.Args = []string{"sh", "-c", "exec sleep 200"}
	if err := c.Apply(t.Context(), unit); err != nil {
		t.Fatal(err)
	}
	eventually(t, "running again", func() bool { s := status(t, c, "d"); return s.State == StateRunning && s.PID != before })
}

func TestProbeRefusesWhatItDoesNotKnow(t *testing.T) {
	if err := Probe(t.Context(), "carrier-pigeon"); err == nil || !strings.Contains(err.Error(), "tcp:ADDRESS") {
		t.Errorf("got %v", err)
	}
}

func TestSupervises(t *testing.T) {
	const params = `{"sandbox":{"dir":"/src/.build/cluster"},"socket":"s"}`
	cases := map[string]struct {
		cmdline string
		want    bool
	}{
		"this one":            {"/bin/cluster\x00supervise\x00" + params + "\x00", true},
		"of another cluster":  {"/bin/cluster\x00supervise\x00{\"sandbox\":{\"dir\":\"/src/.build/e2e\"}}\x00", false},
		"another program":     {"/bin/sh\x00-c\x00" + params + "\x00", false},
		"no arguments":        {"/bin/cluster\x00", false},
		"arguments not JSON":  {"/bin/cluster\x00supervise\x00me\x00", false},
		"a thread of no name": {"", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := supervises([]byte(tc.cmdline), "/src/.build/cluster"); got != tc.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
