package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/creack/pty"
	"golang.org/x/term"
)

func TestReadKeys(t *testing.T) {
	broken := errors.New("hung up")
	for name, tc := range map[string]struct {
		keys io.Reader
		want string
		err  error
	}{
		"a line":           {strings.NewReader("hunter2\x04rest"), "hunter2", nil},
		"with Enter":       {strings.NewReader("hunter2\r\x04"), "hunter2\n", nil},
		"lines, pasted":    {strings.NewReader("BEGIN\rabc\nEND\r\x04"), "BEGIN\nabc\nEND\n", nil},
		"corrected":        {strings.NewReader("huntr\x7fer€\b3\x7f2\x04"), "hunter2", nil},
		"all taken back":   {strings.NewReader("a\x7f\x7f\x7fb\x04"), "b", nil},
		"byte by byte":     {iotest.OneByteReader(strings.NewReader("hünter2\x04")), "hünter2", nil},
		"no Ctrl-D":        {strings.NewReader("hunter2"), "hunter2", nil},
		"Ctrl-C":           {strings.NewReader("hunter2\x03\x04"), "", errInterrupted},
		"a broken line":    {io.MultiReader(strings.NewReader("hunter2"), iotest.ErrReader(broken)), "", broken},
		"more than may be": {strings.NewReader(strings.Repeat("x", maxPlaintext+5000)), strings.Repeat("x", maxPlaintext+4096-maxPlaintext%4096), nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readKeys(tc.keys)
			if string(got) != tc.want || !errors.Is(err, tc.err) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
}

// terminal makes standard input one.
type terminal struct {
	keyboard, tty *os.File
	screen        bytes.Buffer
	done          chan struct{}
}

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	keyboard, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stdin
	os.Stdin = tty
	t.Cleanup(func() { os.Stdin = before })
	term := &terminal{keyboard: keyboard, tty: tty, done: make(chan struct{})}
	go func() {
		defer close(term.done)
		_, _ = term.screen.ReadFrom(keyboard)
	}()
	return term
}

func (s *terminal) typed(t *testing.T, keys string) {
	t.Helper()
	if _, err := s.keyboard.WriteString(keys); err != nil {
		t.Fatal(err)
	}
}

// shown is all that the terminal showed. Nobody may read from it any more.
func (s *terminal) shown() string {
	s.tty.Close()
	<-s.done
	s.keyboard.Close()
	return s.screen.String()
}

func (s *terminal) state(t *testing.T) term.State {
	t.Helper()
	state, err := term.GetState(int(s.tty.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return *state
}

// hidden waits until the terminal does not show what is typed.
func (s *terminal) hidden(t *testing.T, before term.State) {
	t.Helper()
	for s.state(t) == before {
		if t.Context().Err() != nil {
			t.Fatal("the terminal shows what is typed")
		}
	}
}

func TestEncryptFromATerminal(t *testing.T) {
	for name, tc := range map[string]struct {
		keys string
		code int
		want string
	}{
		"lines":  {"hunter2\rhunter3\r\x04", 0, "hunter2\nhunter3"},
		"Ctrl-C": {"hunter2\x03", 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTerminal(t)
			before := s.state(t)
			e, _ := cluster(t)
			var out, errs bytes.Buffer
			e.Out, e.Err = &out, &errs
			code := make(chan int)
			go func() {
				code <- run(t.Context(), e, []string{"gozerctl", "encrypt", "--public-key", testKeys + "public.pem"})
			}()
			s.hidden(t, before)
			s.typed(t, tc.keys)
			if c := <-code; c != tc.code || !strings.HasPrefix(errs.String(), "Type or paste the value; it is not shown.") {
				t.Fatalf("exit code %d: %s", c, errs.String())
			}
			if s.state(t) != before {
				t.Error("the terminal is not as it was")
			}
			if tc.want != "" {
				if _, data := decrypted(t, out.String()); data["<fieldname>"] != tc.want {
					t.Errorf("%q was read", data)
				}
			} else if out.Len() > 0 {
				t.Errorf("printed: %s", out.String())
			}
			if text := s.shown(); text != "" {
				t.Errorf("the terminal shows %q", text)
			}
		})
	}
}

// TestEncryptInterrupted: a signal ends it, though reading does not.
func TestEncryptInterrupted(t *testing.T) {
	s := newTerminal(t)
	before := s.state(t)
	e, out := cluster(t)
	ctx, stop := context.WithCancel(t.Context())
	code := make(chan int)
	go func() {
		code <- run(ctx, e, []string{"gozerctl", "encrypt", "--public-key", testKeys + "public.pem"})
	}()
	s.hidden(t, before)
	stop()
	if c := <-code; c != 1 || !strings.HasSuffix(out.String(), "error: interrupted: nothing was encrypted\n") {
		t.Errorf("exit code %d: %s", c, out)
	}
	if s.state(t) != before {
		t.Error("the terminal is not as it was")
	}
	// The reader that was left goes. It began to wait when Ctrl-D was a letter,
	// so the first may not end it; after a line it waits anew.
	s.typed(t, "\x04\n\x04")
	s.shown()
}
