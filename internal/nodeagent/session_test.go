package nodeagent

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

func TestExec(t *testing.T) {
	a := startAgent(t, nil)
	c := a.connect()
	for name, tc := range map[string]struct {
		command string
		want    result
	}{
		"both streams":          {"echo out; echo err >&2", result{Out: "out\n", Err: "err\n"}},
		"exit code":             {"exit 42", result{Code: 42}},
		"killed by a signal":    {"kill -KILL $$", result{Signal: "KILL"}},
		"signal without a name": {"kill -XCPU $$", result{Signal: "24@gozer.dev"}},
		"unknown command":       {"no-such-command 2>/dev/null", result{Code: 127}},
		"no stdin":              {"cat", result{}},
		"home":                  {`cd ~ && [ "$(pwd -P)" = "$(cd "$HOME" && pwd -P)" ] && [ "$PWD" = "$OLDPWD" ]`, result{}},
		"large output":          {"head -c 3000000 /dev/zero | tr '\\0' x", result{Out: strings.Repeat("x", 3000000)}},
	} {
		t.Run(name, func(t *testing.T) {
			got := runCommand(t, newSession(t, c), tc.command)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got:\n%.2000s", diff)
			}
		})
	}
}

func TestEnv(t *testing.T) {
	a := startAgent(t, nil)
	c := a.connect()
	for name, value := range map[string]string{
		"plain": "x", "empty": "", "quotes": `a'b"c\d`, "newlines": "one\ntwo\n", "dollar": "$(id) `id` $HOME",
		"unicode": "žluť 🐎", "invalid utf-8": "\xff\xfe", "long": strings.Repeat("v", 100<<10),
	} {
		t.Run(name, func(t *testing.T) {
			s := newSession(t, c)
			if err := s.Setenv("GIVEN", value); err != nil {
				t.Fatal(err)
			}
			if got := runCommand(t, s, `printf %s. "$GIVEN"`).Out; got != value+"." {
				t.Errorf("got %.200q", got)
			}
		})
	}
	for name, kv := range map[string][2]string{
		"no name": {"", "x"}, "equals sign": {"A=B", "x"}, "digit first": {"1A", "x"}, "NUL": {"A", "a\x00b"},
	} {
		t.Run("refused: "+name, func(t *testing.T) {
			if err := newSession(t, c).Setenv(kv[0], kv[1]); err == nil {
				t.Error("was accepted")
			}
		})
	}
}

// The answer to the request comes before the end of the shortest program.
func TestShortestPrograms(t *testing.T) {
	c := startAgent(t, nil).connect()
	for i := range 300 {
		if got := runCommand(t, newSession(t, c), fmt.Sprintf("exit %d", i%3)); got.Code != i%3 {
			t.Fatalf("run %d: %+v", i, got)
		}
	}
}

func TestOnlyTheKeyOpens(t *testing.T) {
	a := startAgent(t, nil)
	other, _ := newKey(t)
	if _, err := a.dial(other); err == nil {
		t.Error("another key was let in")
	}
	_, err := ssh.Dial("tcp", a.addr, &ssh.ClientConfig{
		User: "root", Auth: []ssh.AuthMethod{ssh.Password("")}, HostKeyCallback: ssh.FixedHostKey(a.hostKey),
	})
	if err == nil {
		t.Error("a password was let in")
	}
	if runCommand(t, newSession(t, a.connect()), "exit 0").Code != 0 {
		t.Error("the right key was not let in")
	}
}

func TestStdinHalfClose(t *testing.T) {
	a := startAgent(t, nil)
	s := newSession(t, a.connect())
	in, err := s.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	s.Stdout = &out
	if err := s.Start("cat; echo after"); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(in, "given\n")
	in.Close()
	if err := s.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != "given\nafter\n" {
		t.Errorf("got %q", got)
	}
}

func TestPty(t *testing.T) {
	a := startAgent(t, nil)
	s := newSession(t, a.connect())
	if err := s.RequestPty("vt220", 24, 80, ssh.TerminalModes{}); err != nil {
		t.Fatal(err)
	}
	in, _ := s.StdinPipe()
	out, _ := s.StdoutPipe()
	if err := s.Shell(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(out)
	ask := func(command, want string) {
		t.Helper()
		fmt.Fprintf(in, "%s\n", command)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				t.Fatalf("%s: no %q: %v", command, want, err)
			}
			if strings.HasSuffix(strings.TrimSpace(line), want) && !strings.Contains(line, command) {
				return
			}
		}
	}
	ask("echo $TERM-is", "vt220-is")
	ask("stty size", "24 80")
	if err := s.WindowChange(50, 132); err != nil {
		t.Fatal(err)
	}
	ask("stty size", "50 132")
	fmt.Fprintln(in, "exit 3")
	go func() { _, _ = io.Copy(io.Discard, r) }()
	err := s.Wait()
	if e := new(ssh.ExitError); !errors.As(err, &e) || e.ExitStatus() != 3 {
		t.Errorf("Wait = %v, want exit code 3", err)
	}
}

// startTree runs a command whose shell has children; it returns the group's id.
func startTree(t *testing.T, s *ssh.Session) int {
	t.Helper()
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start("trap '' TERM HUP; sleep 1000 & sleep 1000 & echo $$; wait; wait"); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatal(err)
	}
	return pid
}

func TestProcessGroupsDie(t *testing.T) {
	for name, kill := range map[string]func(*agent, *ssh.Client, *ssh.Session){
		"signal request":     func(_ *agent, _ *ssh.Client, s *ssh.Session) { _ = s.Signal(ssh.SIGKILL) },
		"channel closed":     func(_ *agent, _ *ssh.Client, s *ssh.Session) { _ = s.Close() },
		"connection closed":  func(_ *agent, c *ssh.Client, _ *ssh.Session) { _ = c.Close() },
		"SIGTERM of the pod": func(a *agent, _ *ssh.Client, _ *ssh.Session) { a.stop() },
	} {
		t.Run(name, func(t *testing.T) {
			a := startAgent(t, nil)
			c := a.connect()
			s := newSession(t, c)
			pid := startTree(t, s)
			kill(a, c, s)
			gone(t, pid)
		})
	}
}

// The leader obeys a TERM; what it started and what does not obey goes too.
func TestTermLeavesNothing(t *testing.T) {
	a := startAgent(t, nil)
	s := newSession(t, a.connect())
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start("(trap '' TERM; echo $$; sleep 1000) & wait"); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatal(err)
	}
	if err := s.Signal(ssh.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err = s.Wait()
	if e := new(ssh.ExitError); !errors.As(err, &e) || e.Signal() != "TERM" {
		t.Errorf("Wait = %v", err)
	}
	gone(t, pid)
}

// A client whose machine is gone sends nothing, not even a FIN.
func TestSilentClientIsGivenUp(t *testing.T) {
	a := startAgent(t, func(o *Options) { o.KeepAlive = 50 * time.Millisecond })
	raw, err := net.Dial("tcp", a.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	frozen := &freezable{Conn: raw, stop: make(chan struct{})}
	conn, chans, reqs, err := ssh.NewClientConn(frozen, a.addr, &ssh.ClientConfig{
		Auth: []ssh.AuthMethod{ssh.PublicKeys(a.client)}, HostKeyCallback: ssh.FixedHostKey(a.hostKey),
	})
	if err != nil {
		t.Fatal(err)
	}
	pid := startTree(t, newSession(t, ssh.NewClient(conn, chans, reqs)))
	close(frozen.stop)
	gone(t, pid)
}

// freezable drops everything it is given to write once stopped.
type freezable struct {
	net.Conn
	stop chan struct{}
}

func (f *freezable) Write(b []byte) (int, error) {
	select {
	case <-f.stop:
		return len(b), nil
	default:
		return f.Conn.Write(b)
	}
}

// A node that goes away must not look like a command that failed.
func TestShutdownTellsNoExitCode(t *testing.T) {
	a := startAgent(t, nil)
	s := newSession(t, a.connect())
	startTree(t, s)
	a.stop()
	err := s.Wait()
	if told := new(ssh.ExitError); err == nil || errors.As(err, &told) {
		t.Errorf("Wait = %v, want a lost connection", err)
	}
}

func TestBackgroundProcessDoesNotHoldTheSession(t *testing.T) {
	a := startAgent(t, nil)
	c := a.connect()
	got := runCommand(t, newSession(t, c), "sleep 1000 & echo $!; exit 5")
	if got.Code != 5 {
		t.Fatalf("got %+v", got)
	}
	var pid string
	fmt.Sscan(got.Out, &pid)
	alive := runCommand(t, newSession(t, c), "kill -0 "+pid+" && kill "+pid)
	if alive.Code != 0 {
		t.Errorf("the daemon of an ended session is gone: %+v", alive)
	}
}

// Daemons that ignore the hang-up of their terminal do not hold it either.
func TestBackgroundProcessDoesNotHoldTheTerminal(t *testing.T) {
	a := startAgent(t, nil)
	s := newSession(t, a.connect())
	if err := s.RequestPty("vt100", 24, 80, ssh.TerminalModes{}); err != nil {
		t.Fatal(err)
	}
	got := runCommand(t, s, "trap '' HUP; (while :; do echo noise; sleep 0.01; done) & echo $!; exit 6")
	if got.Code != 6 {
		t.Fatalf("got %+v", got)
	}
	var pid int
	fmt.Sscan(got.Out, &pid)
	p, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	_ = p.Kill()
}

func TestSessionsAreConcurrent(t *testing.T) {
	a := startAgent(t, nil)
	c := a.connect()
	fifo := filepath.Join(a.home, "fifo")
	if r := runCommand(t, newSession(t, c), "mkfifo "+fifo); r.Code != 0 {
		t.Fatal(r)
	}
	var wg sync.WaitGroup
	reader, writer := newSession(t, c), newSession(t, c)
	wg.Go(func() {
		if out, err := reader.Output("cat " + fifo); err != nil || string(out) != "met\n" {
			t.Errorf("reader: %q, %v", out, err)
		}
	})
	if err := writer.Run("echo met > " + fifo); err != nil {
		t.Error(err)
	}
	wg.Wait()
}

func TestKeepAliveIsAnswered(t *testing.T) {
	a := startAgent(t, nil)
	ok, _, err := a.connect().SendRequest(keepAliveRequest, true, nil)
	if err != nil || !ok {
		t.Errorf("got %v, %v", ok, err)
	}
}

func TestSFTP(t *testing.T) {
	a := startAgent(t, nil)
	c, err := sftp.NewClient(a.connect())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	f, err := c.Create("in-home")
	if err != nil {
		t.Fatal(err)
	}
	body := bytes.Repeat([]byte("data"), 100<<10)
	if _, err := f.Write(body); err != nil {
		t.Fatal(err)
	}
	f.Close()
	got, err := os.ReadFile(filepath.Join(a.home, "in-home"))
	if err != nil || !bytes.Equal(got, body) {
		t.Errorf("%d bytes arrived, %v", len(got), err)
	}
}

func TestForwarding(t *testing.T) {
	c, err := startAgent(t, nil).connect().Dial("tcp", echo(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	answers(t, c)
}

// TestForwardingBack: a port of the node leads to the client (ssh -R), for the
// node alone, and as long as the client is there.
func TestForwardingBack(t *testing.T) {
	a := startAgent(t, nil)
	c, err := a.dial(a.client)
	if err != nil {
		t.Fatal(err)
	}
	at, err := c.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	go serveEcho(at)
	port := at.Addr().(*net.TCPAddr).Port
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	through, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	answers(t, through)
	through.Close()
	if other, err := net.Dial("tcp", net.JoinHostPort("127.0.0.2", strconv.Itoa(port))); err == nil {
		other.Close()
		t.Error("the port is open to more than the node")
	}
	c.Close()
	for deadline := time.Now().Add(20 * time.Second); ; { // once the agent has noticed
		other, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		other.Close()
		if time.Now().After(deadline) {
			t.Fatal("the port is still open, though its client has gone")
		}
	}
}

func TestForwardingIsTakenBack(t *testing.T) {
	a := startAgent(t, nil)
	c := a.connect()
	at, err := c.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := at.Close(); err != nil {
		t.Error(err)
	}
	if other, err := net.Dial("tcp", at.Addr().String()); err == nil {
		other.Close()
		t.Error("the port is still open")
	}
	for n := range maxListeners + 1 {
		_, err := c.Listen("tcp", "127.0.0.1:0")
		if (err != nil) != (n == maxListeners) {
			t.Fatalf("port %d: %v", n, err)
		}
	}
}

// echo is the address of a server that says what it is told.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go serveEcho(l)
	return l.Addr().String()
}

func serveEcho(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = io.Copy(c, c)
		c.Close()
	}
}

func answers(t *testing.T, c net.Conn) {
	t.Helper()
	fmt.Fprintln(c, "echo")
	if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || line != "echo\n" {
		t.Errorf("got %q, %v", line, err)
	}
}

// TestJobsLetKeysIn: nodes of a build reach each other with a key of the job's own.
func TestJobsLetKeysIn(t *testing.T) {
	a := startAgent(t, nil)
	mine, _ := newKey(t)
	if _, err := a.dial(mine); err == nil {
		t.Fatal("a stranger's key was let in")
	}
	if err := os.MkdirAll(filepath.Join(a.home, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	other, _ := newKey(t)
	lines := "# comment\n" + string(ssh.MarshalAuthorizedKey(other.PublicKey())) + "nonsense\n" + string(ssh.MarshalAuthorizedKey(mine.PublicKey()))
	writeFile(t, filepath.Join(a.home, ".ssh/authorized_keys"), []byte(lines))
	c, err := a.dial(mine)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	writeFile(t, filepath.Join(a.home, ".ssh/authorized_keys"), []byte(string(ssh.MarshalAuthorizedKey(other.PublicKey()))))
	if _, err := a.dial(mine); err == nil {
		t.Error("a key that was taken out is still let in")
	}
}

// TestOutlast: whoever is connected may go on after SIGTERM, and nobody else
// comes in; then the agent ends.
func TestOutlast(t *testing.T) {
	a := startAgent(t, func(o *Options) { o.Outlast = time.Minute })
	c, err := a.dial(a.client)
	if err != nil {
		t.Fatal(err)
	}
	a.stop()
	for deadline := time.Now().Add(20 * time.Second); ; { // the listener closes soon
		other, err := a.dial(a.client)
		if err != nil {
			break
		}
		other.Close()
		if time.Now().After(deadline) {
			t.Fatal("somebody else was let in")
		}
	}
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := s.Output("echo cleaned up"); err != nil || string(out) != "cleaned up\n" {
		t.Errorf("%q, %v", out, err)
	}
	c.Close()
	select {
	case <-a.done:
	case <-time.After(20 * time.Second):
		t.Error("the agent has nobody any more, and goes on")
	}
}
