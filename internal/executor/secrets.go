package executor

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gozer-dev/gozer/internal/buildspec"
)

// secretsEnv is the variable with the path of the file that has a script's secrets.
const secretsEnv = "GOZER_SECRETS"

// readSecrets reads the secrets of the job; nil when no playbook has any. Its
// errors have nothing of what it read.
func readSecrets(file string, s *buildspec.Spec) (buildspec.Secrets, error) {
	var wanted []string
	for _, p := range s.Playbooks() {
		for _, w := range p.Secrets {
			wanted = append(wanted, w.Secret)
		}
	}
	if len(wanted) == 0 {
		return nil, nil
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("secrets: %w", err)
	}
	var all buildspec.Secrets
	if json.Unmarshal(raw, &all) != nil {
		return nil, fmt.Errorf("secrets: %s is not what it should be", file)
	}
	for _, w := range wanted {
		if all[w] == nil {
			return nil, fmt.Errorf("secrets: %s does not have the secret %s", file, w)
		}
	}
	return all, nil
}

// secretsFor is what one playbook gets: an object with its secrets by alias.
func secretsFor(p buildspec.Playbook, all buildspec.Secrets) ([]byte, error) {
	mine := buildspec.Secrets{}
	for _, s := range p.Secrets {
		mine[s.Alias] = all[s.Secret] // as it came: to decode it would alter large numbers
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(mine)
	return b.Bytes(), err
}

// giveSecrets puts the secrets of a playbook where it runs; takeBack is for when it ended.
func (b *build) giveSecrets(ctx context.Context, to *ssh.Client, agent string, p buildspec.Playbook,
	form func(buildspec.Playbook, buildspec.Secrets) ([]byte, error),
) (*held, error) {
	content, err := form(p, b.secrets)
	if err != nil {
		return nil, errors.New("they cannot be written") // the encoder's words may have a piece of them
	}
	return hold(ctx, to, agent, content)
}

// held is a file on a node. It is there as long as the session is, whatever
// becomes of this process.
type held struct {
	path    string
	session *ssh.Session
	ended   chan error
}

// maxHeldPath bounds what a node may say of where the file is.
const maxHeldPath = 4096

var errHeldPath = errors.New("it did not say where the file is")

// hold puts a file on a node that only its user can read. The content goes
// there on standard input: command lines can be seen by others.
func hold(ctx context.Context, to *ssh.Client, agent string, content []byte) (*held, error) {
	s, err := to.NewSession()
	if err != nil {
		return nil, err
	}
	// The session closes with ctx until the file is there; after that takeBack closes it.
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	s.Stdin = bytes.NewReader(content)
	var errs bytes.Buffer
	s.Stderr = &limited{to: &errs, left: 16 << 10}
	out, err := s.StdoutPipe()
	if err == nil {
		// exec: a shell in between would be what gets the signal.
		err = s.Start("exec " + quote(agent) + " node secrets")
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	h := &held{session: s, ended: make(chan error, 1)}
	go func() { h.ended <- s.Wait() }()
	line, err := bufio.NewReader(io.LimitReader(out, maxHeldPath)).ReadString('\n')
	h.path = strings.TrimSuffix(line, "\n")
	switch {
	case err != nil:
		return nil, h.failed(&errs)
	case !path.IsAbs(h.path) || control.MatchString(h.path):
		s.Close()
		return nil, errHeldPath
	}
	return h, nil
}

// failed says why there is no file: what the agent said at its end tells most.
func (h *held) failed(stderr *bytes.Buffer) error {
	defer h.session.Close()
	select {
	case err := <-h.ended:
		if err != nil {
			return fmt.Errorf("%w: %s", err, lastLine(stderr.String()))
		}
	case <-time.After(afterKill):
	}
	return errHeldPath
}

// takeBack has the file removed. It has a deadline of its own: it is called
// however the script ended, also when the executor is to stop.
func (b *build) takeBack(h *held, where string) {
	defer h.session.Close()
	_ = h.session.Signal(ssh.SIGTERM)
	var err error
	select {
	case err = <-h.ended:
	case <-time.After(afterKill):
		err = errors.New("no answer")
	}
	if err != nil {
		b.log.printf("the file with the secrets may still be on %s: %v", where, err)
	}
}
