package convert

import (
	"strings"
	"testing"
)

func TestCut(t *testing.T) {
	for name, tc := range map[string]struct{ in, want string }{
		"short":             {"12345", "12345"},
		"long":              {"123456", "1234…"},
		"of characters":     {"žžžžž", "žžžžž"},
		"lines and tabs":    {"a\n\tb", "a\n\tb"},
		"terminals":         {"a\x1b[2Jb", "a[2Jb"},
		"others' control":   {strings.Repeat("\x00\u009b", 9) + "a\rb", "ab"},
		"direction of text": {"a\u202eb", "ab"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Cut(tc.in, 5); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
