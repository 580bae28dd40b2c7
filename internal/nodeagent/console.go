package nodeagent

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ConsoleSubsystem + the id of a task is the SSH subsystem that gives what the
// task has put out, and goes on until the client has no more input: then it
// gives the rest, removes the file and ends (Zuul: zuul_console).
const ConsoleSubsystem = "gozer-console/"

// consolePoll is how often the file is looked at.
const consolePoll = 50 * time.Millisecond

// consoleFile is the name that the module `command` writes to.
func consoleFile(dir, id string) (string, bool) {
	if id == "" || len(id) > 200 || strings.ContainsAny(id, "/\x00") {
		return "", false
	}
	return filepath.Join(dir, "console-"+id+".log"), true
}

// startConsole follows a file in this process: a task is no reason to start another.
func (se *session) startConsole(id string) bool {
	path, ok := consoleFile(se.srv.opts.ConsoleDir, id)
	if !ok || se.started {
		return false
	}
	se.started = true
	se.serve = func() {
		defer close(se.over)
		se.tell(exitState{code: follow(path, se.ch)})
	}
	return true
}

// follow copies what the file has and gets until in has ended; 1 when there was none.
func follow(path string, ch io.ReadWriter) int {
	enough := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, ch)
		close(enough)
	}()
	f := openWhenThere(path, enough)
	if f == nil {
		return 1
	}
	defer f.Close()
	defer os.Remove(path) //nolint:errcheck // another user's task may have made it
	tick := time.NewTicker(consolePoll)
	defer tick.Stop()
	for {
		select {
		case <-enough:
			_, _ = io.Copy(ch, f)
			return 0
		case <-tick.C:
			if _, err := io.Copy(ch, f); err != nil {
				return 1
			}
		}
	}
}

// openWhenThere opens the file as soon as it is there. It is in a directory that
// everybody writes to: what is no plain file is not opened.
func openWhenThere(path string, enough <-chan struct{}) *os.File {
	tick := time.NewTicker(consolePoll)
	defer tick.Stop()
	for last := false; ; {
		f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		if err == nil {
			if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() {
				f.Close()
				return nil
			}
			return f
		}
		if last || !errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		select {
		case <-enough:
			last = true
		case <-tick.C:
		}
	}
}
