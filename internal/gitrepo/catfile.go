package gitrepo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// catFile is a running `git cat-file --batch-command`: it reads objects of one
// mirror without a new process for each. It sees objects that come later.
type catFile struct {
	cmd    *exec.Cmd
	in     *os.File
	out    *os.File
	reader *bufio.Reader
	stderr *tail
}

// idle is how long a process is kept that nobody asks.
const idle = time.Minute

func (s *Store) startCatFile(dir string) (*catFile, error) {
	inRead, inWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	outRead, outWrite, err := os.Pipe()
	if err != nil {
		_, _ = inRead.Close(), inWrite.Close()
		return nil, err
	}
	c := &catFile{in: inWrite, out: outRead, reader: bufio.NewReaderSize(outRead, 64<<10), stderr: &tail{most: maxStderrBytes}}
	c.cmd = exec.Command(s.opts.GitBinary, "cat-file", "--batch-command") //nolint:noctx // it outlives the request; every answer has a deadline
	c.cmd.Dir, c.cmd.Env = dir, s.environment(dir, command{})
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = inRead, outWrite, c.stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = c.cmd.Start()
	_, _ = inRead.Close(), outWrite.Close()
	if err != nil {
		_, _ = inWrite.Close(), outRead.Close()
		return nil, err
	}
	if err := limit(c.cmd.Process.Pid, s.opts.MaxGitMemory, 0); err != nil {
		c.stop()
		return nil, err
	}
	return c, nil
}

// stop ends the process; what it was asked is not answered.
func (c *catFile) stop() {
	_ = c.in.Close()
	_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
	_ = c.cmd.Wait() // that it was killed is no news
	_ = c.out.Close()
}

// ask sends a command about an object, and reads the head of the answer.
func (c *catFile) ask(what, id string) (kind string, size int64, err error) {
	if _, err := io.WriteString(c.in, what+" "+id+"\n"); err != nil {
		return "", 0, err
	}
	line, err := c.reader.ReadString('\n')
	if err != nil {
		return "", 0, err
	}
	fields := strings.Fields(line)
	switch {
	case len(fields) == 2 && fields[1] == "missing":
		return "", 0, nil
	case len(fields) == 3 && fields[0] == id:
		size, err = strconv.ParseInt(fields[2], 10, 64)
		return fields[1], size, err
	}
	return "", 0, fmt.Errorf("git cat-file answered %q", clip(line))
}

// content reads an object whose size is known.
func (c *catFile) content(id string, size int64) ([]byte, error) {
	if _, got, err := c.ask("contents", id); err != nil || got != size {
		return nil, errors.Join(err, fmt.Errorf("git cat-file gave %d of %d bytes of %s", got, size, id))
	}
	b := make([]byte, size+1)
	if _, err := io.ReadFull(c.reader, b); err != nil {
		return nil, err
	}
	return b[:size], nil
}

// objectReader reads a mirror's objects. One question at a time.
type objectReader struct {
	store *Store
	dir   string

	mu      sync.Mutex
	process *catFile
	quiet   *time.Timer
}

// reset ends the process: what gc took away must not be there any more.
func (o *objectReader) reset() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.end()
}

// end ends the process; mu is held.
func (o *objectReader) end() {
	if o.process != nil {
		o.process.stop()
		o.process = nil
	}
	if o.quiet != nil {
		o.quiet.Stop()
		o.quiet = nil
	}
}

// errTooLarge is an object that is larger than it may be.
var errTooLarge = errors.New("the object is too large")

// errReaderDied: git ends by itself when it meets an object that it cannot read.
var errReaderDied = errors.New("git stopped reading")

// kind of an object; empty when it is not there.
func (o *objectReader) kind(ctx context.Context, id string) (kind string, err error) {
	err = o.with(ctx, func(c *catFile) (err error) {
		kind, _, err = c.ask("info", id)
		return err
	})
	return kind, err
}

// read gives an object; its kind is empty when it is not there.
func (o *objectReader) read(ctx context.Context, id string, most int64) (kind string, content []byte, err error) {
	err = o.with(ctx, func(c *catFile) error {
		k, size, err := c.ask("info", id)
		if kind = k; err != nil || k == "" {
			return err
		}
		if size > most {
			return fmt.Errorf("%s: %w: %d bytes, at most %d", id, errTooLarge, size, most)
		}
		content, err = c.content(id, size)
		return err
	})
	return kind, content, err
}

// with asks the process; one that does not answer as it should is ended, and
// the next question starts another.
func (o *objectReader) with(ctx context.Context, ask func(*catFile) error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if o.process == nil {
		c, err := o.store.startCatFile(o.dir)
		if err != nil {
			return fmt.Errorf("git cat-file: %w", err)
		}
		o.process = c
		o.quiet = time.AfterFunc(idle, o.reset)
	}
	o.quiet.Reset(idle)
	deadline := time.Now().Add(o.store.opts.Timeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	c := o.process
	_ = errors.Join(c.in.SetWriteDeadline(deadline), c.out.SetReadDeadline(deadline)) // pipes of ours have deadlines
	err := ask(c)
	if err != nil && !errors.Is(err, errTooLarge) {
		o.end()
		if said := strings.TrimSpace(string(c.stderr.buf)); said != "" {
			err = fmt.Errorf("%w: %s", err, clip(said))
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			err = fmt.Errorf("%w: %w", errReaderDied, err)
		}
		err = &CommandError{Op: "cat-file", ExitCode: -1, Err: err}
	}
	return err
}
