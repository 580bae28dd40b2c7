package zuulregex

import (
	"errors"
	"testing"

	"pgregory.net/rapid"
)

func drawSubject(t *rapid.T) string {
	return rapid.StringOfN(rapid.SampledFrom([]rune("aabbA\n-")), 0, 7, -1).Draw(t, "subject")
}

// What is translated means what it meant, and so does what it is rewritten to.
func TestTranslation(t *testing.T) {
	translated, rewritten, drawn := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		for range 50 {
			drawn++
			r, o := drawTranslated(t)
			if r == nil {
				continue
			}
			translated++
			if _, _, ok := r.Rewritten(); ok {
				rewritten++
			}
			for range 8 {
				s := drawSubject(t)
				if got, want := all(r, s), o.finds(s); got != want {
					t.Fatalf("%s on %q: got %+v, want %+v", o.pattern, s, got, want)
				}
				checkRewritten(t, r, s)
				checkShort(t, r, s)
				checkConsistent(t, r, s)
			}
		}
	})
	if translated < drawn/4 || rewritten < drawn/10 {
		t.Errorf("of %d only %d were translated and %d rewritten", drawn, translated, rewritten)
	}
}

// drawTranslated draws an expression and translates it, also if it is RE2: there
// $ means something else. Some are refused: there are reasons, and tests of them.
func drawTranslated(t *rapid.T) (*Regex, oracle) {
	o := drawOracle(t, 4)
	r, err := Compile(o.pattern)
	if err == nil && r.Deprecation() == "" {
		r, _, err = translate(o.pattern, errors.New(""))
	}
	if err != nil {
		return nil, o
	}
	return r, o
}

// checkConsistent checks what holds for every expression and text.
func checkConsistent(t reporter, r *Regex, s string) {
	f := all(r, s)
	if f.fullMatch && !f.match || f.match && !f.search {
		t.Errorf("%s on %q is inconsistent: %+v", r.Pattern(), s, f)
	}
	for i := range r.formula.branches {
		l := r.formula.branches[i].main
		starts, anywhere := l.starts(s), false
		for _, found := range starts {
			anywhere = anywhere || found
		}
		if starts[0] != l.begins(s) || anywhere != l.isIn(s) {
			t.Errorf("%s on %q: found backwards at the start %v and anywhere %v, but forwards %v and %v", l.text, s, starts[0], anywhere, l.begins(s), l.isIn(s))
		}
	}
}

// Allowed is what Zuul computes, one expression after the other.
func TestAllowedProperty(t *testing.T) {
	patterns := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "ab", ".*b", "^A", "(?!a)", "$"}), 0, 3)
	rapid.Check(t, func(t *rapid.T) {
		compiled := func(label string) (out []*Regex) {
			for _, p := range patterns.Draw(t, label) {
				r, err := Compile(p)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, r)
			}
			return out
		}
		allowed, disallowed, s := compiled("allowed"), compiled("disallowed"), drawSubject(t)
		want := len(allowed) == 0
		for _, r := range allowed {
			want = want || r.Match(s)
		}
		for _, r := range disallowed {
			want = want && !r.Match(s)
		}
		if Allowed(s, allowed, disallowed) != want {
			t.Fatalf("%q: want %v", s, want)
		}
	})
}
