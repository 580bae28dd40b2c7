package executor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gozer-dev/gozer/internal/buildspec"
)

const (
	dialTimeout      = 10 * time.Second
	dialPause        = 500 * time.Millisecond
	missedKeepAlives = 3
)

var errHostKey = errors.New("another machine answers at its address: the host key is not the node's")

// node is a node with a connection to it.
type node struct {
	buildspec.Node
	client *ssh.Client
}

// connect waits for a node that has just started to answer.
func connect(ctx context.Context, n buildspec.Node, keys clientKeys, o Options) (*node, error) {
	config, err := clientConfig(n, keys)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, o.NodeTimeout)
	defer cancel()
	for {
		c, err := dial(ctx, n, config)
		if err == nil {
			go keepAlive(c, o.NodeKeepAlive)
			return &node{Node: n, client: c}, nil
		}
		if errors.Is(err, errHostKey) {
			return nil, fmt.Errorf("node %s: %w", n.Name, errHostKey)
		}
		if !wait(ctx, dialPause) {
			return nil, fmt.Errorf("node %s did not answer within %s: %w", n.Name, o.NodeTimeout, err)
		}
	}
}

func clientConfig(n buildspec.Node, keys clientKeys) (*ssh.ClientConfig, error) {
	pinned, _, _, _, err := ssh.ParseAuthorizedKey([]byte(n.HostKey))
	if err != nil {
		return nil, fmt.Errorf("node %s: host key: %w", n.Name, err)
	}
	key, err := ssh.NewSignerFromKey(keys[n.Key])
	if err != nil {
		return nil, fmt.Errorf("node %s: client key: %w", n.Name, err)
	}
	want := pinned.Marshal()
	return &ssh.ClientConfig{
		User: n.User,
		Auth: []ssh.AuthMethod{ssh.PublicKeys(key)},
		HostKeyCallback: func(_ string, _ net.Addr, got ssh.PublicKey) error {
			if !bytes.Equal(got.Marshal(), want) {
				return errHostKey
			}
			return nil
		},
	}, nil
}

func dial(ctx context.Context, n buildspec.Node, config *ssh.ClientConfig) (*ssh.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	addr := net.JoinHostPort(n.Address, strconv.Itoa(int(n.Port)))
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { raw.Close() }) // the handshake knows no context
	conn, chans, reqs, err := ssh.NewClientConn(raw, addr, config)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		raw.Close()
		return nil, err
	}
	return ssh.NewClient(conn, chans, reqs), nil
}

// keepAlive closes the connection to a node that has gone without a word.
func keepAlive(c *ssh.Client, every time.Duration) {
	closed := make(chan struct{})
	go func() {
		_ = c.Wait()
		close(closed)
	}()
	tick := time.NewTicker(every)
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
			_, _, _ = c.SendRequest("keepalive@openssh.com", true, nil)
		}()
		select {
		case <-closed:
			return
		case <-answered:
		case <-time.After(missedKeepAlives * every):
			_ = c.Close() // it is lost already
			return
		}
	}
}
