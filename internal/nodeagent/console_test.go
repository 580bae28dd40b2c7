package nodeagent

import (
	"bufio"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

func startConsole(t *testing.T, c *ssh.Client, id string) (in io.WriteCloser, out *bufio.Reader) {
	t.Helper()
	s := newSession(t, c)
	in, err := s.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RequestSubsystem(ConsoleSubsystem + id); err != nil {
		t.Fatalf("console %q: %v", id, err)
	}
	return in, bufio.NewReader(stdout)
}

func TestConsoleFollowsATask(t *testing.T) {
	dir := t.TempDir()
	a := startAgent(t, func(o *Options) { o.ConsoleDir = dir })
	in, out := startConsole(t, a.connect(), "task-0-web")
	path := filepath.Join(dir, "console-task-0-web.log")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, line := range []string{"one\n", "two\n"} {
		if _, err := f.WriteString(line); err != nil {
			t.Fatal(err)
		}
		if got, err := out.ReadString('\n'); got != line || err != nil {
			t.Fatalf("got %q, %v; want %q while the task runs", got, err, line)
		}
	}
	if _, err := f.WriteString("the rest, without an end"); err != nil {
		t.Fatal(err)
	}
	in.Close()
	rest, err := io.ReadAll(out)
	if err != nil || string(rest) != "the rest, without an end" {
		t.Errorf("the rest is %q, %v", rest, err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the file is still there")
	}
}

func TestConsoleOfATaskThatNeverRan(t *testing.T) {
	dir := t.TempDir()
	a := startAgent(t, func(o *Options) { o.ConsoleDir = dir })
	in, out := startConsole(t, a.connect(), "skipped")
	in.Close()
	if rest, err := io.ReadAll(out); len(rest) > 0 || err != nil {
		t.Errorf("got %q, %v", rest, err)
	}
}

// TestConsoleOpensNothingElse: everybody can write to the directory.
func TestConsoleOpensNothingElse(t *testing.T) {
	dir := t.TempDir()
	secret := writeFile(t, filepath.Join(dir, "secret"), []byte("secret"))
	if err := os.Symlink(secret, filepath.Join(dir, "console-link.log")); err != nil {
		t.Fatal(err)
	}
	a := startAgent(t, func(o *Options) { o.ConsoleDir = filepath.Join(dir) })
	c := a.connect()
	in, out := startConsole(t, c, "link")
	in.Close()
	if got, _ := io.ReadAll(out); len(got) > 0 {
		t.Errorf("a link was followed: %q", got)
	}
	for _, id := range []string{"", "../secret", "a/b", strings.Repeat("x", 300)} {
		if err := newSession(t, c).RequestSubsystem(ConsoleSubsystem + id); err == nil {
			t.Errorf("the id %q was taken", id)
		}
	}
}

// TestSocketNeedsNoKey: who reaches the directory of the socket may use it.
func TestSocketNeedsNoKey(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "agent.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	startAgent(t, func(o *Options) { o.Listener, o.Socket, o.HostKeyFile, o.AuthorizedKeyFile = l, socket, "", "" })
	raw, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	conn, chans, reqs, err := ssh.NewClientConn(raw, "runner", &ssh.ClientConfig{User: "gozer", HostKeyCallback: ssh.InsecureIgnoreHostKey()}) //nolint:gosec // it is a socket of the test's own
	if err != nil {
		t.Fatal(err)
	}
	c := ssh.NewClient(conn, chans, reqs)
	defer c.Close()
	if r := runCommand(t, newSession(t, c), "echo hello"); r.Out != "hello\n" {
		t.Errorf("got %+v", r)
	}
}
