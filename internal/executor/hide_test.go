package executor

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gozer-dev/gozer/internal/buildspec"
)

// secretsOf makes secrets of values; the names do not matter.
func secretsOf(t interface{ Fatal(...any) }, values ...any) buildspec.Secrets {
	out := buildspec.Secrets{}
	for i, v := range values {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out[fmt.Sprint("secret-", i)] = raw
	}
	return out
}

func TestHideLine(t *testing.T) {
	long := strings.Repeat("0123456789", 3)
	key := "-----BEGIN KEY-----\nAAAAB3NzaC1yc2E\r\n    indented-line\nshort\n-----END KEY-----\n"
	for name, tc := range map[string]struct {
		secrets []any
		in      string
		cut     bool
		want    string
	}{
		"alone":                       {secrets: []any{"correct horse"}, in: "correct horse", want: "***"},
		"in a line, twice":            {secrets: []any{"correct horse"}, in: "a correct horse, b correct horse.", want: "a ***, b ***."},
		"nothing":                     {secrets: []any{"correct horse"}, in: "correct  horse", want: "correct  horse"},
		"no secrets":                  {in: "correct horse", want: "correct horse"},
		"too short":                   {secrets: []any{"seven77"}, in: "seven77", want: "seven77"},
		"long enough":                 {secrets: []any{"eight888"}, in: "eight888", want: "***"},
		"nested":                      {secrets: []any{map[string]any{"a": []any{1, nil, map[string]any{"b": "deep-value"}}}}, in: "deep-value", want: "***"},
		"overlapping":                 {secrets: []any{"abcdefgh", "efghijkl"}, in: "<abcdefghijkl>", want: "<***>"},
		"one in the other":            {secrets: []any{long, long[5:15]}, in: "<" + long + ">", want: "<***>"},
		"same beginning":              {secrets: []any{"password-1", "password-1-long"}, in: "password-1-long password-1", want: "*** ***"},
		"repeating":                   {secrets: []any{"aaaaaaaa"}, in: strings.Repeat("a", 20) + "b", want: "***b"},
		"a line of many":              {secrets: []any{key}, in: "+ AAAAB3NzaC1yc2E", want: "+ ***"},
		"indented otherwise":          {secrets: []any{key}, in: "indented-line", want: "***"},
		"a short line of many":        {secrets: []any{key}, in: "short", want: "short"},
		"white space is no value":     {secrets: []any{"          \n \t        "}, in: "          x", want: "          x"},
		"as JSON":                     {secrets: []any{`pass"word\1<>`}, in: `{"p":"pass\"word\\1<>"}`, want: `{"p":"***"}`},
		"quotes at both ends":         {secrets: []any{`"quoted-one"`}, in: `"\"quoted-one\""`, want: `"***"`},
		"control characters":          {secrets: []any{"bell\abell\abell"}, in: safeText("bell\abell\abell"), want: "***"},
		"not ASCII":                   {secrets: []any{"пароль"}, in: "xпарольx", want: "x***x"},
		"cut in the value":            {secrets: []any{long}, in: "log in with 0123456", cut: true, want: "log in with ***"},
		"cut after the value":         {secrets: []any{long}, in: "log in with " + long, cut: true, want: "log in with ***"},
		"cut elsewhere":               {secrets: []any{long}, in: "log in with 123", cut: true, want: "log in with 123"},
		"cut in a value in a value":   {secrets: []any{"abcdefgh", "efghijkl"}, in: "<abcdefghij", cut: true, want: "<***"},
		"cut in one, another is over": {secrets: []any{"abcdefgh", "ghijklmn"}, in: "<abcdefghij", cut: true, want: "<***"},
		"whole line":                  {secrets: []any{long}, in: "log in with 0123456", want: "log in with 0123456"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, newHider(secretsOf(t, tc.secrets...)).line(tc.in, tc.cut)); diff != "" {
				t.Error(diff)
			}
		})
	}
	var none *hider
	if none.line("as it is", true) != "as it is" {
		t.Error("without secrets lines are altered")
	}
}

// However the stream comes in pieces, no value is in a line of it, and a stream
// without values is not altered.
// TestHideInStatus: what makes a text fit must not put a value together, nor leave
// the beginning of one.
func TestHideInStatus(t *testing.T) {
	h := newHider(secretsOf(t, "correct horse", "two  spaces and more"))
	for name, tc := range map[string]struct{ in, want string }{
		"as it is":          {"a correct horse.", "a ***."},
		"coloured within":   {"a correct \x1b[1mhorse\x1b[0m.", "a ***."},
		"control within":    {"a corr\x00ect horse.", "a ***."},
		"lines":             {"a correct\n horse.", "a ***."},
		"spaces of its own": {"a two  spaces and more.", "a ***."},
		"at the cut":        {"123456789012 correct horse battery", "123456789012 ***…"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := h.status(tc.in, 19); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestHideInAnyPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringMatching(`[ab]{8,12}`)
		values := rapid.SliceOfN(value, 1, 3).Draw(t, "values")
		words := rapid.SliceOf(rapid.OneOf(rapid.SampledFrom(values), rapid.StringMatching(`[ab \n\r]{0,10}`))).Draw(t, "words")
		var secrets []any
		for _, v := range values {
			secrets = append(secrets, v)
		}
		plain, hiding := &lines{}, &lines{}
		whole, pieces := newLineWriter(plain.add), newLineWriter(hiding.add)
		pieces.hide = newHider(secretsOf(t, secrets...))
		text := strings.Join(words, "")
		fmt.Fprint(whole, text)
		whole.Close()
		for text != "" {
			n := rapid.IntRange(1, len(text)).Draw(t, "piece")
			fmt.Fprint(pieces, text[:n])
			text = text[n:]
		}
		pieces.Close()
		if len(*plain) != len(*hiding) {
			t.Fatalf("%q became %q", *plain, *hiding)
		}
		for i, line := range *hiding {
			has := false
			for _, v := range values {
				if strings.Contains(line, v) {
					t.Fatalf("%q has %q", line, v)
				}
				has = has || strings.Contains((*plain)[i], v)
			}
			if !has && line != (*plain)[i] {
				t.Fatalf("%q became %q", (*plain)[i], line)
			}
		}
	})
}

// A value that goes over the end of what is kept of a line does not begin in it.
func TestHideAtTheEndOfALongLine(t *testing.T) {
	const value = "correct horse battery staple"
	for at := maxLine - len(value) - 1; at <= maxLine+1; at++ {
		got := &lines{}
		w := newLineWriter(got.add)
		w.hide = newHider(secretsOf(t, value))
		fmt.Fprint(w, strings.Repeat("x", at)+value+strings.Repeat("y", 100)+"\n")
		kept, _, _ := strings.Cut((*got)[0], " [line cut")
		if strings.Trim(kept, "x*y") != "" {
			t.Fatalf("at %d: …%s", at, kept[maxLine-60:])
		}
	}
}

type lines []string

func (l *lines) add(s string) { *l = append(*l, s) }

// What the executor itself says has no secret either, nor has the outcome.
func TestHideInTheLogsOwnLines(t *testing.T) {
	out := newWatcher()
	l, err := newBuildLog(filepath.Join(t.TempDir(), "log"), 1<<20, out, Options{}.withDefaults().Now)
	if err != nil {
		t.Fatal(err)
	}
	defer l.file.Close()
	l.hide = newHider(secretsOf(t, "correct horse"))
	l.printf("it failed: %s", "no correct horse there")
	if got := out.String(); !strings.Contains(got, "it failed: no *** there") {
		t.Error(got)
	}
}

// The cost of a line does not depend on how many secrets there are.
func BenchmarkHideLine(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var values []any
			for i := range n {
				values = append(values, fmt.Sprintf("%d-secret-value-of-some-length", i))
			}
			h := newHider(secretsOf(b, values...))
			line := strings.Repeat("ok  github.com/gozer-dev/gozer/internal 1.2s ", 2)
			b.SetBytes(int64(len(line)))
			for b.Loop() {
				h.line(line, false)
			}
		})
	}
}
