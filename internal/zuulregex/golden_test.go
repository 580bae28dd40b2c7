package zuulregex

import (
	"bufio"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

type found struct{ match, fullMatch, search bool }

func all(r *Regex, s string) found {
	return found{r.Match(s), r.FullMatch(s), r.Search(s)}
}

// What Python finds, the translation finds.
func TestPython(t *testing.T) {
	f, err := os.Open("testdata/python.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows := 0
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		rows++
		columns := strings.Split(lines.Text(), "\t")
		if len(columns) != 3 {
			t.Fatalf("not three columns: %s", lines.Text())
		}
		pattern, subject := unquote(t, columns[0]), unquote(t, columns[1])
		names := strings.Split(columns[2], ",")
		want := found{slices.Contains(names, "match"), slices.Contains(names, "fullmatch"), slices.Contains(names, "search")}
		r, err := Compile(pattern)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		if got := all(r, subject); got != want {
			t.Errorf("%s on %q: got %+v, Python has %+v", pattern, subject, got, want)
		}
		checkRewritten(t, r, subject)
		checkShort(t, r, subject)
	}
	if err := lines.Err(); err != nil || rows < 300 {
		t.Fatalf("read %d rows: %v", rows, err)
	}
}

func unquote(t *testing.T, s string) string {
	t.Helper()
	out, err := strconv.Unquote(s)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return out
}

type reporter interface{ Errorf(string, ...any) }

// checkRewritten compares an expression with its rewritten form, if there is one.
func checkRewritten(t reporter, r *Regex, subject string) {
	regex, negate, ok := r.Rewritten()
	if !ok {
		return
	}
	again, err := Compile(regex)
	if err != nil {
		t.Errorf("%s is rewritten as %s: %v", r.Pattern(), regex, err)
		return
	}
	if again.Deprecation() != "" {
		t.Errorf("%s is rewritten as %s, which is no RE2 either", r.Pattern(), regex)
	}
	if got, want := again.Match(subject) != negate, r.Match(subject); got != want {
		t.Errorf("%s on %q: %v, but rewritten as %s (negate: %v): %v", r.Pattern(), subject, want, regex, negate, got)
	}
}

// checkShort compares an expression with what people are told to write.
func checkShort(t reporter, r *Regex, subject string) {
	unusual := func(c rune) bool { return c < ' ' || c > '~' }
	if r.rewritten.short == "" || strings.ContainsFunc(subject, unusual) {
		return // it is promised for one line of ASCII
	}
	short, err := Compile(r.rewritten.short)
	if err != nil {
		t.Errorf("%s is to be written as %s: %v", r.Pattern(), r.rewritten.short, err)
		return
	}
	if got, want := short.Match(subject) != r.rewritten.negate, r.Match(subject); got != want {
		t.Errorf("%s on %q: %v, but %s (negate: %v): %v", r.Pattern(), subject, want, r.rewritten.short, r.rewritten.negate, got)
	}
}
