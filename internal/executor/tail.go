package executor

import (
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gozer-dev/gozer/internal/ansible"
	"github.com/gozer-dev/gozer/internal/nodeagent"
)

// tail follows the output of one command on one host.
type tail struct {
	session *ssh.Session
	in      io.Closer
	// done is closed when the rest was shown.
	done chan struct{}
	mu   sync.Mutex
	// seen says that something was shown; off that nothing is to be any more.
	seen, off bool
}

// drainTime is how long the rest of a command's output may take after it has ended.
const drainTime = 10 * time.Second

// startTails follows the output of a task on each of its hosts.
func (p *play) startTails(e ansible.Event) {
	for _, pair := range e.Hosts {
		host, target := pair[0], pair[1]
		client := p.clientOf(target)
		if client == nil || !p.knows(host) || p.tails[host] != nil {
			continue // what it writes comes with its result
		}
		label := host
		if target != host {
			label += " -> " + target
		}
		if t := p.follow(client, host, e.Log+"-"+consoleName(host), label); t != nil {
			p.tails[host] = t
		}
	}
}

// knows says whether a host is one of the inventory: playbooks of strangers can
// name as many others as they like.
func (p *play) knows(host string) bool {
	return host == ansible.Localhost || slices.ContainsFunc(p.b.ansible.hosts, func(h ansible.Host) bool { return h.Name == host })
}

// clientOf is a connection to where a task runs: a node, or the container of the playbook.
func (p *play) clientOf(target string) *ssh.Client {
	if target == ansible.Localhost || target == "127.0.0.1" {
		return p.runner.client
	}
	n := slices.IndexFunc(p.b.nodes, func(n *node) bool { return n.Name == target })
	if n < 0 {
		return nil
	}
	return p.b.nodes[n].client
}

// consoleName is a host as the action plugin `command` writes it into the name of the file.
func consoleName(host string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, host)
}

func (p *play) follow(client *ssh.Client, host, id, label string) *tail {
	s, err := client.NewSession()
	if err != nil {
		return nil
	}
	in, err := s.StdinPipe()
	if err != nil {
		s.Close()
		return nil
	}
	out, err := s.StdoutPipe()
	if err != nil || s.RequestSubsystem(nodeagent.ConsoleSubsystem+id) != nil {
		s.Close()
		return nil
	}
	t := &tail{session: s, in: in, done: make(chan struct{})}
	lines := p.b.log.lines(func(l string) {
		t.show(p.out, label+" | "+l)
		p.watch(host, l)
	})
	go func() {
		defer close(t.done)
		_, _ = io.Copy(lines, out) // it ends with the connection, if not before
		_ = lines.Close()
	}()
	return t
}

func (t *tail) show(out *output, line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.off {
		t.seen = true
		out.line(line)
	}
}

// endTail shows the rest of what a command on a host has put out, and says
// whether there was anything. A task that did not run has nothing to wait for.
func (p *play) endTail(host string, ran bool) bool {
	t := p.tails[host]
	if t == nil {
		return false
	}
	delete(p.tails, host)
	defer t.session.Close()
	_ = t.in.Close() // enough
	if ran {
		select {
		case <-t.done:
		case <-time.After(drainTime):
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.off = true
	return t.seen
}

func (p *play) endTails() {
	for host := range p.tails {
		p.endTail(host, false)
	}
}
