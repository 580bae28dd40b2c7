package nodes

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFailure(t *testing.T) {
	for name, tc := range map[string]struct {
		alternatives [][]string
		failures     []string
		want         string
	}{
		"one nodeset": {[][]string{{"a"}}, []string{"no pool"}, "no pool"},
		"each is named": {[][]string{{"a", "b"}, {}}, []string{"no pool", "image missing"},
			"none of the 2 nodesets could be had: (1) a, b: no pool; (2) no nodes: image missing"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Failure(tc.alternatives, tc.failures); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
	// What does not fit is cut from each, so that all are named.
	var alternatives [][]string
	var failures []string
	for range 8 {
		alternatives, failures = append(alternatives, []string{"debian"}), append(failures, strings.Repeat("ü", 500))
	}
	got := Failure(alternatives, failures)
	if n := utf8.RuneCountInString(got); n > 1000 || !strings.Contains(got, "(8) debian: ü") {
		t.Errorf("%d characters: %s", n, got)
	}
}
