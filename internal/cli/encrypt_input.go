package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"golang.org/x/term"
)

// input reads the value from where it is, at most a little more than may be.
func (e *env) input(ctx context.Context, o encryptOptions) ([]byte, error) {
	if !o.fromStdin() {
		f, err := os.Open(o.infile)
		if err != nil {
			return nil, fmt.Errorf("cannot read the value: %w", err)
		}
		defer f.Close()
		return readValue(f)
	}
	read := readValue
	if f, ok := o.in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprintln(e.Err, "Type or paste the value; it is not shown. End it with Ctrl-D.")
		state, err := term.MakeRaw(int(f.Fd()))
		if err != nil {
			return nil, fmt.Errorf("cannot read from the terminal: %w", err)
		}
		defer term.Restore(int(f.Fd()), state) //nolint:errcheck // nothing else can be done
		read = readKeys
	}
	type result struct {
		text []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		text, err := read(o.in)
		done <- result{text, err}
	}()
	select {
	case r := <-done:
		return r.text, r.err
	case <-ctx.Done(): // reading does not end by itself
		return nil, errInterrupted
	}
}

func readValue(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxPlaintext+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read the value: %w", err)
	}
	return text, nil
}

var errInterrupted = errors.New("interrupted: nothing was encrypted")

// What keys send.
const (
	ctrlC     = 0x03
	ctrlD     = 0x04
	backspace = 0x7f
)

// readKeys reads what is typed until Ctrl-D. It may have several lines: what a
// reader of one line left of a pasted key, the shell would run.
func readKeys(r io.Reader) ([]byte, error) {
	var text []byte
	buf := make([]byte, 4096)
	for len(text) <= maxPlaintext {
		n, err := r.Read(buf)
		for _, b := range buf[:n] {
			switch b {
			case ctrlC:
				return nil, errInterrupted
			case ctrlD:
				return text, nil
			case '\r': // Enter
				text = append(text, '\n')
			case backspace, '\b':
				_, size := utf8.DecodeLastRune(text)
				text = text[:len(text)-size]
			default:
				text = append(text, b)
			}
		}
		if errors.Is(err, io.EOF) {
			return text, nil
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read from the terminal: %w", err)
		}
	}
	return text, nil
}
