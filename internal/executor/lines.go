package executor

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxLine is how much of one line is kept.
const maxLine = 16 << 10

// lineWriter cuts a stream of bytes from a stranger into lines that are safe to
// keep and show: bounded, valid UTF-8, no control characters but tab and the
// escape of colours. A carriage return ends a line as well: progress bars.
type lineWriter struct {
	emit func(line string)
	// hide takes the values of secrets out, before a line is cut for people.
	hide    *hider
	buf     []byte
	dropped int
	afterCR bool
}

func newLineWriter(emit func(string)) *lineWriter { return &lineWriter{emit: emit} }

func (w *lineWriter) Write(b []byte) (int, error) {
	for _, c := range b {
		switch {
		case c == '\n' && w.afterCR: // the second half of \r\n
		case c == '\n', c == '\r':
			w.flush()
		case len(w.buf) < maxLine:
			w.buf = append(w.buf, c)
		default:
			w.dropped++
		}
		w.afterCR = c == '\r'
	}
	return len(b), nil
}

// Close emits what has no end of line. It does not fail.
func (w *lineWriter) Close() error {
	if len(w.buf) > 0 {
		w.flush()
	}
	return nil
}

func (w *lineWriter) flush() {
	b := w.buf
	if w.dropped > 0 {
		b = cutRune(b)
	}
	line := w.hide.line(safeText(string(b)), w.dropped > 0)
	if w.dropped > 0 {
		line += fmt.Sprintf(" [line cut: %d bytes more]", w.dropped+len(w.buf)-len(b))
	}
	w.emit(line)
	w.buf, w.dropped = w.buf[:0], 0
}

// cutRune drops the beginning of a character at the end.
func cutRune(b []byte) []byte {
	for i := 1; i <= utf8.UTFMax && i <= len(b); i++ {
		if tail := b[len(b)-i:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return b[:len(b)-i]
			}
			break
		}
	}
	return b
}

func safeText(s string) string {
	s = strings.ToValidUTF8(s, string(utf8.RuneError))
	return strings.Map(func(r rune) rune {
		control := r < 0x20 || r >= 0x7f && r < 0xa0
		if control && r != '\t' && r != '\x1b' {
			return utf8.RuneError
		}
		return r
	}, s)
}
