package executor

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/gozer-dev/gozer/internal/ansible"
	"github.com/gozer-dev/gozer/internal/buildspec"
)

// runner is a container that runs playbooks of Ansible, with a connection to
// the node agent in it.
type runner struct {
	name string
	// dir is the directory that the executor and this container share.
	dir    string
	client *ssh.Client
}

func (r *runner) path(name string) string { return filepath.Join(r.dir, name) }

// config is what the configurations of all its playbooks have in common.
func (r *runner) config(o Options, dir string) ansible.Config {
	return ansible.Config{
		Inventory: filepath.Join(dir, inventoryFile), Plugins: filepath.Join(o.AnsibleDir, pluginsDir),
		Facts: r.path(factsDir), Temp: r.path("tmp"), Control: r.path("cp"),
		KnownHosts: []string{"~/.ssh/" + knownHosts, filepath.Join(o.AnsibleDir, knownHosts)},
	}
}

// env is what its playbooks find in their environment, besides that of the
// image. Nothing of Python or Ansible is looked for in a directory that others
// write to.
func (r *runner) env(o Options, config string) []envVar {
	return []envVar{
		{"ANSIBLE_CONFIG", config},
		{"ANSIBLE_HOME", r.path("ansible")},
		{"ANSIBLE_LOCALHOST_WARNING", "False"},
		{"ANSIBLE_INVENTORY_UNPARSED_WARNING", "False"},
		{"GOZER_RESULTS", filepath.Join(o.WorkDir, resultsFile)},
		{"LANG", "C.UTF-8"},
		{"PYTHONDONTWRITEBYTECODE", "1"},
		{"PYTHONNOUSERSITE", "1"},
		{"SSH_AUTH_SOCK", filepath.Join(o.RunnersDir, buildspec.SSHAgentDir, agentSocket)},
		{"TMP", r.path("tmp")},
		{"ZUUL_JOBDIR", o.AnsibleDir},
	}
}

// connectRunners waits for the containers: their image may have to be pulled.
func (b *build) connectRunners(ctx context.Context) error {
	var err error
	if b.ansible.untrusted, err = b.connectRunner(ctx, buildspec.RunnerUntrusted); err != nil {
		return err
	}
	if b.spec.Trusted() {
		b.ansible.trusted, err = b.connectRunner(ctx, buildspec.RunnerTrusted)
	}
	return err
}

func (b *build) connectRunner(ctx context.Context, name string) (*runner, error) {
	r := &runner{name: name, dir: filepath.Join(b.opts.RunnersDir, name)}
	for _, dir := range []string{r.path(factsDir), r.path(frozenDir), r.path("tmp"), r.path("cp"), r.path("ansible")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, b.opts.RunnerTimeout)
	defer cancel()
	for {
		client, err := dialSocket(ctx, r.path(buildspec.RunnerSocket))
		if err == nil {
			r.client = client
			return r, nil
		}
		if !wait(ctx, socketPause) {
			return nil, fmt.Errorf("the container for %s playbooks did not start within %s: %w", name, b.opts.RunnerTimeout, err)
		}
	}
}

const socketPause = 50 * time.Millisecond

func dialSocket(ctx context.Context, path string) (*ssh.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	conn, chans, reqs, err := ssh.NewClientConn(raw, path, &ssh.ClientConfig{
		User:            "gozer",
		HostKeyCallback: ssh.InsecureIgnoreHostKey(), //nolint:gosec // only that container has the directory of the socket
	})
	if err != nil {
		raw.Close()
		return nil, err
	}
	return ssh.NewClient(conn, chans, reqs), nil
}

// keyAgent lets playbooks use the key of the nodes without having it (ssh-agent).
type keyAgent struct{ listener net.Listener }

const agentSocket = "agent.sock"

func (b *build) serveKeys(ctx context.Context) error {
	keys := agent.NewKeyring()
	for _, name := range slices.Sorted(maps.Keys(b.keys)) {
		if err := keys.Add(agent.AddedKey{PrivateKey: b.keys[name], Comment: "nodes of the build"}); err != nil {
			return fmt.Errorf("client key: %w", err)
		}
	}
	dir := filepath.Join(b.opts.RunnersDir, buildspec.SSHAgentDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", filepath.Join(dir, agentSocket))
	if err != nil {
		return fmt.Errorf("SSH agent: %w", err)
	}
	b.ansible.keys = &keyAgent{l}
	go b.ansible.keys.serve(keys)
	return nil
}

func (k *keyAgent) serve(keys agent.Agent) {
	for {
		c, err := k.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(socketPause) // out of descriptors: not in a tight loop
			continue
		}
		go func() {
			defer c.Close()
			_ = agent.ServeAgent(keys, c) // it ends when the client goes
		}()
	}
}

func (k *keyAgent) close() {
	if k != nil {
		_ = k.listener.Close() // the build is over
	}
}

// nonce is a text that nobody guesses.
func nonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it does not fail
	return hex.EncodeToString(b[:])
}
