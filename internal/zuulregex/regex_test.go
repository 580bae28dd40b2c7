package zuulregex

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// RE2 is used as it is, also where Python's rules differ.
func TestRE2(t *testing.T) {
	tests := map[string]struct {
		pattern, subject string
		want             found
	}{
		"empty matches everything":              {``, `x`, found{true, false, true}},
		"alternatives are anchored as a whole":  {`a|b`, `xb`, found{false, false, true}},
		"and wholly":                            {`a|ab`, `ab`, found{true, true, true}},
		"an anchor of its own":                  {`^a`, `a`, found{true, true, true}},
		"$ is the end only":                     {`a$`, "a\n", found{false, false, false}},
		"with (?m) it is the end of a line":     {`(?m)a$`, "a\nb", found{true, false, true}},
		"a dot is no line break":                {`a.b`, "a\nb", found{false, false, false}},
		"with (?s) it is":                       {`(?s)a.b`, "a\nb", found{true, true, true}},
		"flags in the middle":                   {`a(?i)b|c`, `C`, found{true, true, true}},
		"quoted without an end":                 {`\Qa)|b`, `a)|b`, found{true, true, true}},
		"quoted without an end, elsewhere":      {`\Qa)|b`, `b`, found{false, false, false}},
		"names in either form":                  {`(?P<a>x)(?<b>y)`, `xy`, found{true, true, true}},
		"Unicode classes":                       {`\pL+`, `é`, found{true, true, true}},
		"\\w is ASCII":                          {`\w`, `é`, found{false, false, false}},
		"\\z":                                   {`a\z`, `ba`, found{false, false, true}},
		"braces without a minimum are literal":  {`a{,2}`, `aa`, found{false, false, false}},
		"one anchored, one not":                 {`(?!x)b|^a\Z`, `ab`, found{false, false, true}},
		"bytes that are no text":                {`a.`, "a\xff", found{true, true, true}},
		"a translated one, bytes are no text":   {`(?!b).`, "\xff\xc3\xa9", found{true, false, true}},
		"a translated one, found after garbage": {`(?=é).\Z`, "\xff\xc3\xc3\xa9", found{false, false, true}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := Compile(tc.pattern)
			if err != nil {
				t.Fatal(err)
			}
			if got := all(r, tc.subject); got != tc.want {
				t.Errorf("%s on %q: got %+v, want %+v", tc.pattern, tc.subject, got, tc.want)
			}
			if r.Pattern() != tc.pattern {
				t.Errorf("pattern %q", r.Pattern())
			}
		})
	}
}

func TestAllowed(t *testing.T) {
	tests := map[string]struct {
		allowed, disallowed string // by spaces
		subject             string
		want                bool
	}{
		"nothing said":                    {"", "", "x", true},
		"allowed":                         {"a b", "", "b", true},
		"not allowed":                     {"a b", "", "c", false},
		"the beginning is enough":         {"ubuntu-.*", "", "ubuntu-noble", true},
		"but it must be the beginning":    {"noble", "", "ubuntu-noble", false},
		"disallowed":                      {"", "a", "a", false},
		"not disallowed":                  {"", "a", "b", true},
		"disallowed wins":                 {"ubuntu", "ubuntu-xenial", "ubuntu-xenial", false},
		"allowed beside a disallowed one": {"ubuntu", "ubuntu-xenial", "ubuntu-noble", true},
		"deprecated ones serve as well":   {"^(?!rhel)", "", "rhel-9", false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Allowed(tc.subject, list(t, tc.allowed), list(t, tc.disallowed)); got != tc.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func list(t *testing.T, patterns string) []*Regex {
	t.Helper()
	var out []*Regex
	for _, p := range strings.Fields(patterns) {
		r, err := Compile(p)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

// One expression is one Regex, whoever compiles it, and may be used at once.
func TestInterned(t *testing.T) {
	first, err := Compile(`(?!interned).x`)
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for range 16 {
		wait.Go(func() {
			for range 100 {
				r, err := Compile(`(?!interned).x`)
				if err != nil || r != first {
					t.Errorf("another Regex: %v", err)
					return
				}
				if got := all(r, "yyx"); got != (found{false, false, true}) {
					t.Errorf("got %+v", got)
				}
			}
		})
	}
	wait.Wait()
}

// A flood of new expressions drives out neither what is in use nor memory.
func TestFlood(t *testing.T) {
	var c interner
	kept, err := c.get("kept", compile)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 * maxYoung {
		if _, err := c.get(fmt.Sprintf("x%d", i), compile); err != nil {
			t.Fatal(err)
		}
		if i%1000 == 0 {
			if r, err := c.get("kept", compile); err != nil || r != kept {
				t.Fatalf("lost after %d: %v", i, err)
			}
		}
	}
	if n := len(c.young) + len(c.old); n > 2*maxYoung {
		t.Errorf("%d are kept", n)
	}
	heavy := func(p string) (*Regex, int, error) { return &Regex{pattern: p}, maxYoungWeight / 4, nil }
	for i := range 100 {
		if _, err := c.get(fmt.Sprintf("heavy%d", i), heavy); err != nil {
			t.Fatal(err)
		}
	}
	if c.weight > maxYoungWeight || len(c.young)+len(c.old) > 10 {
		t.Errorf("%d heavy ones are kept, the young weigh %d", len(c.young)+len(c.old), c.weight)
	}
}

// Refusals are kept as well, as the same.
func TestRefusalIsKept(t *testing.T) {
	_, first := Compile(`(kept`)
	_, second := Compile(`(kept`)
	if first == nil || first != second { //nolint:errorlint // the very same is meant
		t.Errorf("got %v and %v", first, second)
	}
}
