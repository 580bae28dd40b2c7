package nodeagent

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"github.com/gozer-dev/gozer/internal/buildspec"
)

// Options of Run. The zero value is what a node Pod uses.
type Options struct {
	// Listen is the address of the SSH server; default ":10022".
	Listen string
	// Listener is used instead of Listen if set.
	Listener net.Listener

	// Socket serves on a unix socket instead, without keys: who reaches it may use
	// it. It is for containers of one Pod, which share the directory that it is in.
	Socket string

	// HostKeyFile and AuthorizedKeyFile default to the paths of buildspec.
	HostKeyFile       string
	AuthorizedKeyFile string

	// Home is where sessions start and what HOME is; default: $HOME, else the
	// user's entry in /etc/passwd, else /tmp. It is made if it is missing.
	Home string

	// ConsoleDir is where tasks of Ansible write what they put out; default "/tmp".
	ConsoleDir string

	// KillGrace is the time between SIGTERM and SIGKILL; default 2 s.
	KillGrace time.Duration
	// Linger is how long the output of a command is still waited for after it
	// has exited and something in the background keeps it open; default 2 s.
	Linger time.Duration
	// Outlast is how long, after ctx has ended, whoever is connected may go on. No
	// one else is let in.
	Outlast time.Duration
	// KeepAlive is how often a silent client is asked whether it is there;
	// it is given up after three intervals. Default 15 s.
	KeepAlive time.Duration

	// Logf takes the agent's own log lines; default: the log package.
	Logf func(format string, args ...any)
}

func (o Options) withDefaults() Options {
	setDefault(&o.Listen, fmt.Sprintf(":%d", buildspec.SSHPort))
	setDefault(&o.HostKeyFile, buildspec.HostKeyFile)
	setDefault(&o.AuthorizedKeyFile, buildspec.AuthorizedKeyFile)
	setDefault(&o.ConsoleDir, "/tmp")
	setDefault(&o.KillGrace, 2*time.Second)
	setDefault(&o.Linger, 2*time.Second)
	setDefault(&o.KeepAlive, 15*time.Second)
	if o.Logf == nil {
		o.Logf = log.Printf
	}
	return o
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

func readHostKey(path string) (ssh.Signer, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("host key: %w; the node Pod must mount its key there", err)
	}
	key, err := ssh.ParsePrivateKey(b)
	if err != nil {
		return nil, fmt.Errorf("host key %s: %w; it must be an OpenSSH private key without passphrase", path, err)
	}
	return key, nil
}

var errTwoKeys = errors.New("more than one key; a node is for one build and one key")

func readAuthorizedKey(path string) (ssh.PublicKey, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("authorised key: %w; the node Pod must mount the build's public key there", err)
	}
	key, _, _, rest, err := ssh.ParseAuthorizedKey(b)
	if err != nil {
		return nil, fmt.Errorf("authorised key %s: %w; it must be one line of authorized_keys", path, err)
	}
	if _, _, _, _, err := ssh.ParseAuthorizedKey(rest); err == nil {
		return nil, fmt.Errorf("authorised key %s: %w", path, errTwoKeys)
	}
	return key, nil
}

// maxAuthorized bounds what is read of a file that jobs write.
const maxAuthorized = 64 << 10

// authorizedIn says whether the build lets a key in: nodes of one build reach
// each other with a key of the job's own (Zuul: add-build-sshkey). As with sshd,
// that is the user's to say.
func authorizedIn(home string, key ssh.PublicKey) bool {
	root, err := os.OpenRoot(home)
	if err != nil {
		return false
	}
	defer root.Close()
	f, err := root.OpenFile(".ssh/authorized_keys", os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	rest, err := io.ReadAll(io.LimitReader(f, maxAuthorized))
	for err == nil && len(rest) > 0 {
		var one ssh.PublicKey
		if one, _, _, rest, err = ssh.ParseAuthorizedKey(rest); err == nil && bytes.Equal(one.Marshal(), key.Marshal()) {
			return true
		}
	}
	return false
}
