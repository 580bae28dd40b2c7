package executor

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// logFile is the name of the log.
const logFile = "job-output.txt"

const (
	// logTime is the form of Zuul's console.
	logTime = "2006-01-02 15:04:05.000000"
	// ownReserve is what the executor's own lines may add to a full log.
	ownReserve = 256 << 10
)

// buildLog is the log of the build: a file in the workspace from which it is
// uploaded, and the executor's standard output.
type buildLog struct {
	now   func() time.Time
	limit int64
	// hide takes the values of the build's secrets out of all lines.
	hide *hider

	mu   sync.Mutex
	out  io.Writer
	file *os.File
	size int64
	full bool
	// grown is told, without waiting, when there is something to upload.
	grown chan struct{}
}

func newBuildLog(path string, limit int64, out io.Writer, now func() time.Time) (*buildLog, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("log: %w; the work directory must be writable", err)
	}
	return &buildLog{now: now, limit: limit, out: out, file: f, grown: make(chan struct{}, 1)}, nil
}

// printf writes lines of the executor itself; they have room when the log is full.
func (l *buildLog) printf(format string, args ...any) {
	w := l.lines(func(line string) { l.line(line, l.limit+ownReserve) })
	fmt.Fprintf(w, format, args...)
	_ = w.Close()
}

// lines makes lines of a stream that are safe to be written to the log.
func (l *buildLog) lines(emit func(line string)) *lineWriter {
	w := newLineWriter(emit)
	w.hide = l.hide
	return w
}

// output writes a line of a node.
func (l *buildLog) output(line string) { l.line(line, l.limit) }

func (l *buildLog) line(text string, limit int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	stamped := l.stamp(text)
	if l.size+int64(len(stamped)) <= limit {
		l.write(stamped)
		return
	}
	if !l.full {
		l.full = true
		l.write(l.stamp(fmt.Sprintf("[the log has reached its limit of %d bytes; the rest of the output is dropped]", l.limit)))
	}
}

func (l *buildLog) stamp(text string) string {
	return l.now().UTC().Format(logTime) + " | " + text + "\n"
}

func (l *buildLog) write(s string) {
	_, _ = io.WriteString(l.out, s)
	n, _ := io.WriteString(l.file, s) // a full disk must not end the build
	l.size += int64(n)
	select {
	case l.grown <- struct{}{}:
	default:
	}
}

// length is the number of bytes that there are to upload.
func (l *buildLog) length() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.size
}
