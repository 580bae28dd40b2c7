package nodeagent

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"
)

// The test binary stands in for the gozer binary in the tests of the init.
func TestMain(m *testing.M) {
	os.Setenv("GORACE", "atexit_sleep_ms=0") // for the children: they end often
	if os.Getenv("NODEAGENT_TEST_INIT") == "" {
		os.Exit(m.Run())
	}
	os.Unsetenv("NODEAGENT_TEST_INIT")
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		panic(err)
	}
	code, err := superviseAndReap(context.Background(), "/bin/sh", append([]string{"sh"}, os.Args[1:]...), time.Second)
	if err != nil {
		panic(err)
	}
	os.Exit(code)
}

// agent is a running node agent and what a client needs for it.
type agent struct {
	t       *testing.T
	addr    string
	home    string
	keyFile string
	hostKey ssh.PublicKey
	client  ssh.Signer
	// stop is the SIGTERM; done is closed when Run has returned.
	stop context.CancelFunc
	done chan struct{}
}

func newKey(t *testing.T) (ssh.Signer, []byte) {
	t.Helper()
	_, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(priv)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(priv, "")
	if err != nil {
		t.Fatal(err)
	}
	return signer, pem.EncodeToMemory(block)
}

func writeFile(t *testing.T, path string, b []byte) string {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func startAgent(t *testing.T, change func(*Options)) *agent {
	t.Helper()
	dir := t.TempDir()
	host, hostPEM := newKey(t)
	client, clientPEM := newKey(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &agent{
		t: t, addr: l.Addr().String(), home: filepath.Join(dir, "home"), client: client,
		hostKey: host.PublicKey(), keyFile: writeFile(t, filepath.Join(dir, "client_key"), clientPEM),
		done: make(chan struct{}),
	}
	o := Options{
		Listener: l, Home: a.home, Logf: t.Logf,
		HostKeyFile:       writeFile(t, filepath.Join(dir, "host_key"), hostPEM),
		AuthorizedKeyFile: writeFile(t, filepath.Join(dir, "authorized_key"), ssh.MarshalAuthorizedKey(client.PublicKey())),
		KillGrace:         300 * time.Millisecond,
		Linger:            300 * time.Millisecond,
	}
	if change != nil {
		change(&o)
	}
	ctx, stop := context.WithCancel(context.Background())
	a.stop = stop
	go func() {
		defer close(a.done)
		if err := Run(ctx, o); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	t.Cleanup(func() {
		stop()
		<-a.done
	})
	return a
}

func (a *agent) dial(key ssh.Signer) (*ssh.Client, error) {
	return ssh.Dial("tcp", a.addr, &ssh.ClientConfig{
		User: "anyone", Auth: []ssh.AuthMethod{ssh.PublicKeys(key)},
		HostKeyCallback: ssh.FixedHostKey(a.hostKey), Timeout: 10 * time.Second,
	})
}

func (a *agent) connect() *ssh.Client {
	a.t.Helper()
	c, err := a.dial(a.client)
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { c.Close() })
	return c
}

func newSession(t *testing.T, c *ssh.Client) *ssh.Session {
	t.Helper()
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// result is what a client sees of one command.
type result struct {
	Out, Err string
	Code     int
	Signal   string
}

func runCommand(t *testing.T, s *ssh.Session, command string) result {
	t.Helper()
	var out, errs bytes.Buffer
	s.Stdout, s.Stderr = &out, &errs
	err := s.Run(command)
	r := result{}
	var exit *ssh.ExitError
	switch {
	case errors.As(err, &exit) && exit.Signal() != "":
		r.Signal = exit.Signal()
	case errors.As(err, &exit):
		r.Code = exit.ExitStatus()
	case err != nil:
		t.Fatalf("%s: %v", command, err)
	}
	r.Out, r.Err = out.String(), errs.String()
	return r
}

// gone waits until no process of the group that the pid file names is alive.
func gone(t *testing.T, pid int) {
	t.Helper()
	waitFor(t, func() bool { return errors.Is(unix.Kill(-pid, 0), unix.ESRCH) })
}

// waitFor polls what other processes do: there is nothing to be told by.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatal("did not happen within 20 s")
		case <-tick.C:
		}
	}
}
