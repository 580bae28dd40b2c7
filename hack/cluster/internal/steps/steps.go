// Package steps shows what a command has done and how long it has taken, and
// waits for what takes time.
package steps

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Log writes one line per step, with the time since the beginning.
type Log struct {
	out   io.Writer
	begin time.Time
}

// New begins now.
func New(out io.Writer) *Log { return &Log{out: out, begin: time.Now()} }

// Done says that something has happened.
func (l *Log) Done(format string, args ...any) {
	fmt.Fprintf(l.out, "%6.1fs  %s\n", time.Since(l.begin).Seconds(), fmt.Sprintf(format, args...)) //nolint:errcheck // progress only
}

// Wait is something to wait for.
type Wait struct {
	For     string        // what, as a noun: "kube-apiserver"
	Within  time.Duration // how long at most
	LogFile string        // whose end explains a failure; may be empty
	Probe   func(context.Context) error
}

// Await returns when the probe returns no error, and says so. When the time is
// over, its error has the last reason and the end of the log file.
func (l *Log) Await(ctx context.Context, w Wait) error {
	ctx, cancel := context.WithTimeout(ctx, w.Within)
	defer cancel()
	for {
		err := w.Probe(ctx)
		if err == nil {
			l.Done("%s ready", w.For)
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready after %s: %w%s", w.For, w.Within, err, Tail(w.LogFile, 15))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Tail words the last lines of a log file for the end of an error message.
func Tail(path string, lines int) string {
	if path == "" {
		return ""
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Sprintf("\n(its log cannot be read: %v)", err)
	}
	all := strings.Split(string(bytes.TrimRight(data, "\n")), "\n")
	if len(all) > lines {
		all = all[len(all)-lines:]
	}
	return fmt.Sprintf("\nthe end of %s:\n  %s", path, strings.Join(all, "\n  "))
}
