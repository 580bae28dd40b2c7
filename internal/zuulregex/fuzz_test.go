package zuulregex

import (
	"testing"
	"time"
)

// Any expression is understood or refused in bounded time, and nothing panics.
func FuzzCompile(f *testing.F) {
	for _, pattern := range []string{
		``, `^(?!stable/).*$`, `(?!(a|b))c|d(?=e)`, `^((?!x).)*$`, `a{2}(?!b)`, `(?i)[^\W_]\Z`, `(?m)^a$(?!b)`, `\Qa`,
		`(?#c)[[:x]-a]{,3}?`, `((a{100}){100}){100}`, `(?P<n>a)\1`, `(?<!a)b`, `(?i-s:a)(?x)`, `\u00e9\x{41}\012`, `(?:|(?:|(?!a)))`, `(((((`, `a++`, `[\S-`,
	} {
		f.Add(pattern, "stable/x\nab\xff")
	}
	f.Fuzz(func(t *testing.T, pattern, subject string) {
		if len(subject) > 200 {
			subject = subject[:200]
		}
		begin := time.Now()
		r, err := Compile(pattern)
		if err != nil {
			if err.Error() == "" {
				t.Error("refused without words")
			}
			return
		}
		checkConsistent(t, r, subject)
		checkRewritten(t, r, subject)
		checkShort(t, r, subject)
		if _, _, ok := r.Rewritten(); !ok && r.Deprecation() == "" {
			t.Error("RE2 is its own form")
		}
		if took := time.Since(begin); took > 20*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}
