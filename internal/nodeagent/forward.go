package nodeagent

import (
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// maxListeners bounds the ports of the node that one connection has sent on.
const maxListeners = 64

// forward serves one direct-tcpip channel (RFC 4254, 7.2): ssh -L and -D. Who may
// ask for it may run commands here, which could connect just as well.
func forward(nc ssh.NewChannel) {
	var to struct {
		Host       string
		Port       uint32
		OriginHost string
		OriginPort uint32
	}
	if err := ssh.Unmarshal(nc.ExtraData(), &to); err != nil {
		_ = nc.Reject(ssh.ConnectionFailed, "malformed request")
		return
	}
	addr := net.JoinHostPort(to.Host, strconv.FormatUint(uint64(to.Port), 10))
	out, err := net.DialTimeout("tcp", addr, 10*time.Second) //nolint:noctx // bounded by its time
	if err != nil {
		_ = nc.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	ch, reqs, err := nc.Accept()
	if err != nil {
		_ = out.Close()
		return
	}
	relay(ch, reqs, out)
}

// relay copies both ways until both sides have said all, or the channel or its
// connection is gone.
func relay(ch ssh.Channel, reqs <-chan *ssh.Request, c net.Conn) {
	defer ch.Close()
	defer c.Close()
	go func() {
		ssh.DiscardRequests(reqs)
		_ = c.Close()
	}()
	var wg sync.WaitGroup
	wg.Go(func() {
		_, _ = io.Copy(c, ch)
		if t, ok := c.(*net.TCPConn); ok {
			_ = t.CloseWrite()
		}
	})
	_, _ = io.Copy(ch, c)
	_ = ch.CloseWrite()
	wg.Wait()
}

// bind is what a client asks for with ssh -R, and takes back (RFC 4254, 7.1).
type bind struct {
	Addr string
	Port uint32
}

// listeners are the ports of the node that the client of one connection has sent
// to itself. They are open to the node alone, whatever address the client names:
// others have no business with a build.
type listeners struct {
	conn ssh.Conn
	// open ones by what the client asked for, with the port it was told.
	open map[bind]net.Listener
	wg   sync.WaitGroup
}

// serve answers a request for a port, or the end of one. It says whether the
// request was one of these two.
func (l *listeners) serve(r *ssh.Request) bool {
	var b bind
	switch r.Type {
	case "tcpip-forward":
		answer, err := []byte(nil), ssh.Unmarshal(r.Payload, &b)
		if err == nil {
			answer, err = l.listen(b)
		}
		reply(r, err == nil, answer)
	case "cancel-tcpip-forward":
		err := ssh.Unmarshal(r.Payload, &b)
		at, ok := l.open[b]
		if err == nil && ok {
			delete(l.open, b)
			_ = at.Close()
		}
		reply(r, err == nil && ok, nil)
	default:
		return false
	}
	return true
}

func reply(r *ssh.Request, ok bool, answer []byte) {
	if r.WantReply {
		_ = r.Reply(ok, answer)
	}
}

// listen opens a port; the answer names it when the client left the choice to us.
func (l *listeners) listen(b bind) ([]byte, error) {
	if len(l.open) >= maxListeners {
		return nil, errors.New("too many ports are sent on")
	}
	at, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.FormatUint(uint64(b.Port), 10))) //nolint:noctx // it is local
	if err != nil {
		return nil, err
	}
	var answer []byte
	if b.Port == 0 {
		b.Port = portOf(at.Addr())
		answer = ssh.Marshal(struct{ Port uint32 }{b.Port})
	}
	l.open[b] = at
	l.wg.Go(func() { l.accept(at, b) })
	return answer, nil
}

func portOf(a net.Addr) uint32 {
	if t, ok := a.(*net.TCPAddr); ok {
		return uint32(t.Port) //nolint:gosec // a port
	}
	return 0
}

func (l *listeners) accept(at net.Listener, b bind) {
	for {
		c, err := at.Accept()
		if err != nil {
			return
		}
		l.wg.Go(func() { l.sendOn(c, b) })
	}
}

func (l *listeners) sendOn(c net.Conn, b bind) {
	ch, reqs, err := l.conn.OpenChannel("forwarded-tcpip", ssh.Marshal(struct {
		Addr       string
		Port       uint32
		OriginAddr string
		OriginPort uint32
	}{b.Addr, b.Port, "127.0.0.1", portOf(c.RemoteAddr())}))
	if err != nil {
		_ = c.Close()
		return
	}
	relay(ch, reqs, c)
}

// close ends all ports, and waits for those who use them: the connection must be
// at its end.
func (l *listeners) close() {
	for _, at := range l.open {
		_ = at.Close()
	}
	l.wg.Wait()
}
