package zuulregex

import (
	"strings"
	"testing"
)

var benched = []string{`^(?!stable/).*$`, `^stable/[0-9]{4}\.[12]$`}

func BenchmarkCompileCached(b *testing.B) {
	for b.Loop() {
		if _, err := Compile(benched[0]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	for _, pattern := range benched {
		b.Run(pattern, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := compile(pattern); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMatch(b *testing.B) {
	for _, pattern := range benched {
		b.Run(pattern, func(b *testing.B) {
			r, err := Compile(pattern)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				r.Match("stable/2024.1")
			}
		})
	}
}

// The worst case of a search: every place is one where it might match.
func BenchmarkSearch(b *testing.B) {
	r, err := Compile(`(?!.*foo)a`)
	if err != nil {
		b.Fatal(err)
	}
	s := strings.Repeat("a", 10_000) + "foo"
	for b.Loop() {
		r.Search(s)
	}
}
