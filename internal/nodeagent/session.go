package nodeagent

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"github.com/creack/pty"
	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// maxEnv bounds the variables that a session may set.
const maxEnv = 1024

// session is one session channel: requests first, then one program.
type session struct {
	srv *server
	ch  ssh.Channel

	// env, term and size are filled by requests before the program starts.
	env  []string
	term string
	size *pty.Winsize

	// started is true after exec, shell or subsystem; proc is nil for sftp.
	started bool
	proc    *process
	// serve carries the program's streams and closes over at its end; it is
	// set by the request that started the program.
	serve func()
	// over is closed when the program has ended and the client was told.
	over chan struct{}
}

// serveSession returns when the channel is closed and nothing of it runs.
func (s *server) serveSession(nc ssh.NewChannel) {
	ch, reqs, err := nc.Accept()
	if err != nil {
		return
	}
	se := &session{srv: s, ch: ch, over: make(chan struct{})}
	for r := range reqs {
		ok := se.handle(r.Type, r.Payload)
		if r.WantReply {
			_ = r.Reply(ok, nil)
		}
		// After the answer: a program may end, and the channel with it, before
		// the client has heard that it was started.
		if se.serve != nil {
			go se.serve()
			se.serve = nil
		}
	}
	// The channel is closed: by us at the end, by the client, or by a lost connection.
	ch.Close()
	if !se.started {
		return
	}
	if se.proc != nil {
		select {
		case <-se.over:
		default:
			se.proc.end(s.opts.KillGrace)
		}
	}
	<-se.over
}

func (se *session) handle(kind string, payload []byte) bool {
	switch kind {
	case "env":
		return se.setEnv(payload)
	case "pty-req":
		return se.requestPty(payload)
	case "window-change":
		return se.resize(payload)
	case "signal":
		return se.signal(payload)
	case "shell":
		return se.start("")
	case "exec":
		var m struct{ Command string }
		return ssh.Unmarshal(payload, &m) == nil && se.start(m.Command)
	case "subsystem":
		var m struct{ Name string }
		if ssh.Unmarshal(payload, &m) != nil {
			return false
		}
		if id, ok := strings.CutPrefix(m.Name, ConsoleSubsystem); ok {
			return se.startConsole(id)
		}
		return m.Name == "sftp" && se.startSFTP()
	case keepAliveRequest:
		return true
	}
	return false
}

func (se *session) setEnv(payload []byte) bool {
	var m struct{ Name, Value string }
	if ssh.Unmarshal(payload, &m) != nil || se.started || len(se.env) >= maxEnv {
		return false
	}
	if !validEnvName(m.Name) || strings.ContainsRune(m.Value, 0) {
		return false
	}
	se.env = append(se.env, m.Name+"="+m.Value)
	return true
}

func (se *session) requestPty(payload []byte) bool {
	var m struct {
		Term                    string
		Cols, Rows, Width, High uint32
		Modes                   string
	}
	if ssh.Unmarshal(payload, &m) != nil || se.started {
		return false
	}
	se.term, se.size = m.Term, winsize(m.Cols, m.Rows, m.Width, m.High)
	return true
}

func (se *session) resize(payload []byte) bool {
	var m struct{ Cols, Rows, Width, High uint32 }
	if ssh.Unmarshal(payload, &m) != nil || se.proc == nil || se.proc.tty == nil {
		return false
	}
	return resizeTTY(se.proc.tty, winsize(m.Cols, m.Rows, m.Width, m.High)) == nil
}

func winsize(cols, rows, width, high uint32) *pty.Winsize {
	return &pty.Winsize{
		Cols: uint16(min(cols, 1<<16-1)), Rows: uint16(min(rows, 1<<16-1)),
		X: uint16(min(width, 1<<16-1)), Y: uint16(min(high, 1<<16-1)),
	}
}

func (se *session) signal(payload []byte) bool {
	var m struct{ Name string }
	if ssh.Unmarshal(payload, &m) != nil || se.proc == nil {
		return false
	}
	select {
	case <-se.over: // its number may be another's by now
		return false
	default:
	}
	sig, ok := signalByName[ssh.Signal(m.Name)]
	if sig == syscall.SIGTERM || sig == syscall.SIGKILL {
		se.proc.doomed.Store(true)
	}
	return ok && se.proc.kill(sig)
}

// start runs the command, or a shell when it is empty. A command that cannot
// be started is told as a shell would: on stderr, with code 127.
func (se *session) start(command string) bool {
	if se.started {
		return false
	}
	se.started = true
	p, err := startProcess(se.srv.who, command, se.programEnv(), se.size)
	if err != nil {
		se.serve = func() {
			defer close(se.over)
			fmt.Fprintf(se.ch.Stderr(), "gozer node: %v\n", err)
			se.tell(exitState{code: 127})
		}
		return true
	}
	se.proc = p
	se.serve = func() {
		defer close(se.over)
		se.tell(p.run(se.ch, se.srv.opts.Linger))
	}
	return true
}

func (se *session) programEnv() []string {
	env := append([]string(nil), se.srv.who.env...)
	if se.size != nil {
		env = setEnv(env, "TERM", se.term)
	}
	for _, kv := range se.env {
		name, value, _ := strings.Cut(kv, "=")
		env = setEnv(env, name, value)
	}
	return env
}

// tell sends how the program ended and closes the channel. The end of the output
// comes after that, as sshd has it: a client that shares its connection with others
// may take the channel for over when it sees the end of both streams.
func (se *session) tell(st exitState) {
	if st.signal == 0 {
		m := struct{ Status uint32 }{uint32(st.code)}
		_, _ = se.ch.SendRequest("exit-status", false, ssh.Marshal(&m))
	} else {
		m := struct {
			Name    string
			Dumped  bool
			Message string
			Lang    string
		}{Name: string(signalName(st.signal)), Dumped: st.dumped}
		_, _ = se.ch.SendRequest("exit-signal", false, ssh.Marshal(&m))
	}
	_ = se.ch.CloseWrite()
	se.ch.Close()
}

// startSFTP serves files in this process: it is the same user as any command.
func (se *session) startSFTP() bool {
	if se.started {
		return false
	}
	srv, err := sftp.NewServer(se.ch, sftp.WithServerWorkingDirectory(se.srv.who.home))
	if err != nil {
		se.srv.opts.Logf("node agent: sftp: %v", err)
		return false
	}
	se.started = true
	se.serve = func() {
		defer close(se.over)
		code := 0
		if err := srv.Serve(); err != nil && !errors.Is(err, io.EOF) {
			code = 1
		}
		_ = srv.Close() // the channel is closed below
		se.tell(exitState{code: code})
	}
	return true
}

var signalByName = map[ssh.Signal]syscall.Signal{
	ssh.SIGABRT: syscall.SIGABRT, ssh.SIGALRM: syscall.SIGALRM, ssh.SIGFPE: syscall.SIGFPE,
	ssh.SIGHUP: syscall.SIGHUP, ssh.SIGILL: syscall.SIGILL, ssh.SIGINT: syscall.SIGINT,
	ssh.SIGKILL: syscall.SIGKILL, ssh.SIGPIPE: syscall.SIGPIPE, ssh.SIGQUIT: syscall.SIGQUIT,
	ssh.SIGSEGV: syscall.SIGSEGV, ssh.SIGTERM: syscall.SIGTERM, ssh.SIGUSR1: syscall.SIGUSR1,
	ssh.SIGUSR2: syscall.SIGUSR2,
}

// signalName is the name on the wire; signals that RFC 4254 does not know get
// a local name, as it asks for.
func signalName(sig syscall.Signal) ssh.Signal {
	for name, s := range signalByName {
		if s == sig {
			return name
		}
	}
	return ssh.Signal(fmt.Sprintf("%d@gozer.dev", int(sig)))
}
