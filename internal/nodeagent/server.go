package nodeagent

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	handshakeTimeout = 30 * time.Second
	// maxConns bounds what strangers can hold open before they are refused.
	maxConns = 64
	// missedKeepAlives is how many intervals a client may be silent.
	missedKeepAlives = 3
	keepAliveRequest = "keepalive@openssh.com"
)

var errWrongKey = errors.New("this node is for the key of its build only")

// server serves one node's SSH.
type server struct {
	opts   Options
	config *ssh.ServerConfig
	who    identity

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	// wg counts connections and, through them, sessions.
	wg sync.WaitGroup
}

func newServer(o Options) (*server, error) {
	s := &server{opts: o, who: currentIdentity(o.Home), conns: map[net.Conn]struct{}{}}
	if err := s.configure(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.who.home, 0o755); err != nil {
		return nil, fmt.Errorf("home of the node: %w; mount a writable volume there or choose another home", err)
	}
	return s, nil
}

// configure reads the keys, where it is not the directory of the socket that says who comes in.
func (s *server) configure() error {
	s.config = &ssh.ServerConfig{
		MaxAuthTries:  80, // the build's ssh-agent may have a key for each of 64 nodes
		ServerVersion: "SSH-2.0-Gozer",
	}
	if s.opts.Socket != "" {
		_, private, err := ed25519.GenerateKey(nil)
		if err != nil {
			return err
		}
		hostKey, err := ssh.NewSignerFromKey(private)
		if err != nil {
			return err
		}
		s.config.NoClientAuth = true
		s.config.AddHostKey(hostKey)
		return nil
	}
	hostKey, err := readHostKey(s.opts.HostKeyFile)
	if err != nil {
		return err
	}
	client, err := readAuthorizedKey(s.opts.AuthorizedKeyFile)
	if err != nil {
		return err
	}
	want := client.Marshal()
	s.config.PublicKeyCallback = func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if !bytes.Equal(key.Marshal(), want) && !authorizedIn(s.who.home, key) {
			return nil, errWrongKey
		}
		return &ssh.Permissions{}, nil
	}
	s.config.AddHostKey(hostKey)
	return nil
}

// serve accepts until ctx ends; then it drops every connection, at once or when
// they have had the time that the options give them. Sessions are killed, and it
// waits for them. Connections go first: a command that dies
// because the node does must not look as if it had failed by itself.
func (s *server) serve(ctx context.Context, l net.Listener) error {
	defer l.Close()
	stop := context.AfterFunc(ctx, func() {
		l.Close()
		if s.opts.Outlast == 0 {
			s.dropAll()
		}
	})
	defer stop()
	for {
		c, err := l.Accept()
		if ctx.Err() != nil {
			if err == nil {
				c.Close()
			}
			return s.drain()
		}
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return fmt.Errorf("node agent: %w", err)
			}
			s.opts.Logf("node agent: accept: %v", err)
			select { // out of descriptors or the like: not in a tight loop
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		s.start(ctx, c)
	}
}

func (s *server) start(ctx context.Context, c net.Conn) {
	s.mu.Lock()
	full := len(s.conns) >= maxConns
	if !full {
		s.conns[c] = struct{}{}
	}
	s.mu.Unlock()
	if full || ctx.Err() != nil {
		c.Close()
		s.forget(c)
		return
	}
	s.wg.Go(func() {
		defer s.forget(c)
		defer c.Close()
		s.serveConn(c)
	})
}

func (s *server) forget(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

func (s *server) dropAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.Close()
	}
}

// drain waits for the sessions to be killed. dropAll again: a connection may
// have been accepted just before the listener closed.
func (s *server) drain() error {
	done := make(chan struct{})
	go func() {
		s.wg.Wait()
		close(done)
	}()
	if s.opts.Outlast > 0 {
		select {
		case <-done:
		case <-time.After(s.opts.Outlast):
		}
	}
	s.dropAll()
	select {
	case <-done:
	case <-time.After(s.opts.KillGrace + time.Second):
		s.opts.Logf("node agent: some processes did not end in time")
	}
	return nil
}

func (s *server) serveConn(c net.Conn) {
	_ = c.SetDeadline(time.Now().Add(handshakeTimeout))
	conn, chans, reqs, err := ssh.NewServerConn(c, s.config)
	if err != nil {
		s.opts.Logf("node agent: %s: %v", c.RemoteAddr(), err)
		return
	}
	_ = c.SetDeadline(time.Time{})
	defer func() { _ = conn.Close() }()
	closed := make(chan struct{})
	defer close(closed)
	go s.keepAlive(conn, closed)
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		s.answerGlobal(conn, reqs)
	}()
	defer func() { <-asked }()
	var sessions sync.WaitGroup
	for nc := range chans {
		switch {
		case nc.ChannelType() == "session":
			sessions.Go(func() { s.serveSession(nc) })
		case nc.ChannelType() == "direct-tcpip" && s.forwards():
			sessions.Go(func() { forward(nc) })
		default:
			_ = nc.Reject(ssh.Prohibited, "this node takes sessions and forwards TCP ports")
		}
	}
	sessions.Wait()
}

// forwards says whether ports are sent on. Containers of one Pod have one network.
func (s *server) forwards() bool { return s.opts.Socket == "" }

// answerGlobal answers every global request until the connection ends; ssh takes
// any answer to a keepalive as a sign of life.
func (s *server) answerGlobal(conn ssh.Conn, reqs <-chan *ssh.Request) {
	ports := listeners{conn: conn, open: map[bind]net.Listener{}}
	defer ports.close()
	for r := range reqs {
		if !s.forwards() || !ports.serve(r) {
			reply(r, r.Type == keepAliveRequest, nil)
		}
	}
}

// keepAlive closes the connection of a client that has gone without a word,
// so that what it started is killed.
func (s *server) keepAlive(conn ssh.Conn, closed <-chan struct{}) {
	tick := time.NewTicker(s.opts.KeepAlive)
	defer tick.Stop()
	for {
		select {
		case <-closed:
			return
		case <-tick.C:
		}
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			_, _, _ = conn.SendRequest(keepAliveRequest, true, nil)
		}()
		select {
		case <-closed:
			return
		case <-answered:
		case <-time.After(missedKeepAlives * s.opts.KeepAlive):
			_ = conn.Close() // it is lost already
			return
		}
	}
}
