package nodeagent

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"
)

// openSSH needs ssh, sftp and rsync: apt-get install openssh-client rsync.
type openSSH struct {
	*agent
	args []string
	port string
}

func newOpenSSH(t *testing.T) *openSSH {
	t.Helper()
	for _, tool := range []string{"ssh", "sftp", "rsync"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%v: install openssh-client and rsync", err)
		}
	}
	a := startAgent(t, nil)
	host, port, err := net.SplitHostPort(a.addr)
	if err != nil {
		t.Fatal(err)
	}
	known := fmt.Sprintf("[%s]:%s %s", host, port, ssh.MarshalAuthorizedKey(a.hostKey))
	knownFile := writeFile(t, filepath.Join(t.TempDir(), "known_hosts"), []byte(known))
	return &openSSH{agent: a, port: port, args: []string{
		"-F", "/dev/null", "-i", a.keyFile, "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none",
		"-o", "BatchMode=yes", "-o", "UserKnownHostsFile=" + knownFile, "-o", "StrictHostKeyChecking=yes",
	}}
}

func (o *openSSH) run(stdin, name string, args ...string) result {
	o.t.Helper()
	cmd := exec.CommandContext(o.t.Context(), name, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	err := cmd.Run()
	if exited := new(exec.ExitError); err != nil && !errors.As(err, &exited) {
		o.t.Fatal(err)
	}
	return result{Out: out.String(), Err: errs.String(), Code: cmd.ProcessState.ExitCode()}
}

func (o *openSSH) ssh(stdin string, args ...string) result {
	o.t.Helper()
	return o.run(stdin, "ssh", append(append([]string{"-p", o.port}, o.args...), args...)...)
}

func TestOpenSSHClient(t *testing.T) {
	o := newOpenSSH(t)
	for name, tc := range map[string]struct {
		stdin string
		args  []string
		want  result
	}{
		"exec":  {"", []string{"127.0.0.1", "echo out; echo err >&2; exit 9"}, result{Out: "out\n", Err: "err\n", Code: 9}},
		"shell": {"echo in a shell; exit 4\n", []string{"-T", "127.0.0.1"}, result{Out: "in a shell\n", Code: 4}},
		"stdin": {"given", []string{"127.0.0.1", "cat; echo ."}, result{Out: "given.\n"}},
		"env":   {"", []string{"-o", "SetEnv=A=b", "127.0.0.1", "echo $A"}, result{Out: "b\n"}},
		"keepalive": {"", []string{"-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=1", "127.0.0.1", "sleep 2.5; echo on"},
			result{Out: "on\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, o.ssh(tc.stdin, tc.args...)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	t.Run("pty", func(t *testing.T) {
		got := o.ssh("", "-tt", "127.0.0.1", "test -t 0 && tty")
		if got.Code != 0 || !strings.HasPrefix(got.Out, "/dev/pts/") {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("many sessions on one connection", func(t *testing.T) {
		ctl := "ControlPath=" + filepath.Join(t.TempDir(), "s")
		// A master of its own: where the first session becomes the master
		// (ControlMaster=auto), that session itself is lost now and then.
		if got := o.ssh("", "-o", ctl, "-M", "-N", "-f", "127.0.0.1"); got.Code != 0 {
			t.Fatalf("got %+v", got)
		}
		defer o.ssh("", "-o", ctl, "-O", "exit", "127.0.0.1")
		for i := range 3 {
			got := o.ssh("", "-o", ctl, "127.0.0.1", fmt.Sprintf("exit %d", i))
			if got.Code != i {
				t.Errorf("session %d: got %+v", i, got)
			}
		}
	})
}

func TestOpenSSHFileTransfer(t *testing.T) {
	o := newOpenSSH(t)
	src := filepath.Join(t.TempDir(), "tree")
	if err := os.MkdirAll(filepath.Join(src, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	body := bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	writeFile(t, filepath.Join(src, "sub", "file"), body)
	check := func(t *testing.T, got result, path string) {
		t.Helper()
		if b, err := os.ReadFile(path); got.Code != 0 || err != nil || !bytes.Equal(b, body) {
			t.Errorf("%d bytes, %v, %+v", len(b), err, got)
		}
	}
	t.Run("rsync to the node", func(t *testing.T) {
		rsh := "ssh -p " + o.port + " " + strings.Join(o.args, " ")
		got := o.run("", "rsync", "-a", "-e", rsh, src, "127.0.0.1:by-rsync/")
		check(t, got, filepath.Join(o.home, "by-rsync/tree/sub/file"))
	})
	t.Run("sftp to the node and back", func(t *testing.T) {
		back := filepath.Join(t.TempDir(), "back")
		batch := fmt.Sprintf("put -r %s\nget tree/sub/file %s\n", src, back)
		args := append(append([]string{"-P", o.port}, o.args...), "-b", "-", "127.0.0.1")
		got := o.run(batch, "sftp", args...)
		check(t, got, filepath.Join(o.home, "tree/sub/file"))
		check(t, got, back)
	})
}

func TestOpenSSHForwards(t *testing.T) {
	o := newOpenSSH(t)
	there := echo(t)
	if got := o.ssh("said\n", "-W", there, "127.0.0.1"); got.Out != "said\n" || got.Code != 0 {
		t.Errorf("to a port that the node reaches: %+v", got)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	got := o.ssh("", "-o", "ExitOnForwardFailure=yes", "-R", port+":"+there, "127.0.0.1",
		fmt.Sprintf("exec bash -c 'exec 3<>/dev/tcp/127.0.0.1/%s; echo said >&3; head -n 1 <&3'", port))
	if got.Out != "said\n" || got.Code != 0 {
		t.Errorf("from a port of the node: %+v", got)
	}
}
