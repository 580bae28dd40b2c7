package zuulregex

import (
	"strings"
	"testing"
)

func TestRewritten(t *testing.T) {
	tests := map[string]struct {
		pattern, regex string
		negate         bool
		advice         string // in the deprecation
	}{
		"as it is":             {`^a$`, `^a$`, false, ``},
		"not":                  {`^(?!stable/)`, `^stable/`, true, `RE2 has no look-ahead. Write {regex: '^stable/', negate: true} instead, which says the same.`},
		"not, then anything":   {`^(?!stable/).*`, `^stable/`, true, `{regex: '^stable/', negate: true} instead, which says the same.`},
		"not, then a line":     {`^(?!stable/).*$`, `^(?:stable/|.*\n(?s:.))`, true, `{regex: '^stable/', negate: true} instead, which says the same of every text that is one line of ASCII.`},
		"not, then all of it":  {`^(?!stable/).*\Z`, `^(?:stable/|.*\n)`, true, `RE2 has no look-ahead, no \Z (but \z). Write {regex: '^stable/', negate: true} instead`},
		"not, then something":  {`^(?!stable/).+$`, `^(?:stable/|\n?\z|.*\n(?s:.))`, true, `{regex: '^(?:stable/|$)', negate: true}`},
		"not any":              {`(?s)^(?!stable/).*$`, `^stable/`, true, `which says the same.`},
		"without an anchor":    {`(?!stable/)`, `^stable/`, true, `'^stable/'`},
		"and with .*":          {`(?!stable/).*`, `^stable/`, true, `'^stable/'`},
		"groups":               {`^(?!(master|stable)).*`, `^(master|stable)`, true, `{regex: '^(master|stable)', negate: true}`},
		"bare alternatives":    {`^(?!master|stable)`, `^(?:master|stable)`, true, `'^(?:master|stable)'`},
		"in a group":           {`((?!x).*)`, `^x`, true, `'^x'`},
		"several":              {`^(?!a)(?!b|c).*`, `^(?:a|b|c)`, true, ``},
		"ends":                 {`^(?!a$)`, `^a\n?\z`, true, `{regex: '^a$', negate: true} instead, which says the same of every text that is one line of ASCII.`},
		"nowhere":              {`^((?!x).)*$`, `^(?:.*x|.*\n(?s:.))`, true, `{regex: '^.*x', negate: true}`},
		"case":                 {`(?i)^(?!Foo).*`, `(?i)^Foo`, true, `'(?i)^Foo'`},
		"case of a part":       {`^(?!(?i:ab/c)d)`, `^(?i:ab)/(?i:c)d`, true, ``},
		"lines":                {`(?m)^(?!a)`, `^a`, true, ``},
		"Unicode":              {`^(?!\d)`, `^[\p{Nd}]`, true, `{regex: '^\d', negate: true} instead, which says the same of every text that is one line of ASCII.`},
		"positive":             {`^(?=a|b)`, `^(?:a|b)`, false, `Write '^(?:a|b)' instead`},
		"positive at the end":  {`^stable(?=/|$)`, `^stable(?:/|\n?\z)`, false, `Write '^stable(?:/|$)' instead`},
		"positive, in one way": {`a|b(?=c).*`, `a|bc`, false, ``},
		"only the end":         {`a\Z`, `a\z`, false, `no \Z (but \z). Write 'a\z' instead, which says the same.`},
		"a comment":            {`a(?#b)c`, `ac`, false, `no comments (?#...)`},
		"an escape":            {`\u00e9`, `é`, false, `no \u (but \x{...})`},
		"a flag":               {`(?u)a`, `a`, false, `no flag u`},
		"Go says why":          {`[[:foo:]]`, `[\[:foo:]\]`, false, `at character 2: invalid character class range: [:foo:]`},
		"quotes":               {`^(?!it's)`, `^it's`, true, `{regex: '^it''s', negate: true}`},
		"line breaks":          {"^(?!a\nb\t\r)", `^a\nb\t\r`, true, ``},
		"what is not printed":  {"^(?!\x01\u200b)", `^\x{1}\x{200b}`, true, ``},
		"anything":             {`(?i)^(?![\s\S]{3}x)`, `(?i)^(?s:.){3}x`, true, `'(?i)^[\s\S]{3}x'`},
		"special characters":   {`^(?![]\\^.-]\.\-[^-a])`, `^[\]\\\^.\-]\.-[^\-a]`, true, ``},
		"repeats":              {`^(?!a{2}b{2,}c{,3}d?e+?f{1,2})`, `^a{2}b{2,}c{0,3}d?e+?f{1,2}`, true, ``},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := Compile(tc.pattern)
			if err != nil {
				t.Fatal(err)
			}
			regex, negate, ok := r.Rewritten()
			if !ok || regex != tc.regex || negate != tc.negate {
				t.Errorf("%s: got %s (negate: %v, %v), want %s", tc.pattern, regex, negate, ok, tc.regex)
			}
			if !strings.Contains(r.Deprecation(), tc.advice) || (r.Deprecation() == "") != (tc.pattern == tc.regex) {
				t.Errorf("%s: %q, want %q", tc.pattern, r.Deprecation(), tc.advice)
			}
			for _, s := range []string{"", "a", "b", "stable/x", "stable/x\ny", "master", "a\n", "\n", "x", "Foo", "é", "1", "٣"} {
				checkRewritten(t, r, s)
			}
		})
	}
}

func TestNotRewritten(t *testing.T) {
	tests := map[string]struct{ pattern, advice string }{
		"two parts":     {`^(?!a)[a-z]+`, `No single RE2 expression says the same: it is '^[a-z]+' and not '^a'. Expressions of one list are alternatives, so these two in a list do not say it either: list what is wanted instead, or split the variant: one for '^[a-z]+' and after it one for '^a' that takes back what the first says.`},
		"a fixed place": {`^release-(?!0)\d`, `it is '^release-\d' and not '^release-0'`},
		"three parts":   {`^(?!a)(?=b)c`, `No single RE2 expression says the same. Expressions of one list are alternatives, so its parts in a list do not say it either: list what is wanted without look-aheads, or split the variant.`},
		"branches":      {`(?!a).b|(?!b).c`, `No single RE2 expression says the same. Expressions`},
		"nested":        {`(?!(?!a))b`, `No single RE2 expression says the same. Expressions`},
		"wide ranges":   {`(?i)^(?![^\S\n]x)`, `Write {regex: '(?i)^[^\S\n]x', negate: true} instead, which says the same of every text that is one line of ASCII.`},
		"written out":   {`^(?![\W\d])`, `Write {regex: '^[\W\d]', negate: true} instead, which says the same of every text that is one line of ASCII.`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := Compile(tc.pattern)
			if err != nil {
				t.Fatal(err)
			}
			if regex, _, ok := r.Rewritten(); ok {
				t.Errorf("rewritten as %s", regex)
			}
			if !strings.Contains(r.Deprecation(), tc.advice) {
				t.Errorf("%s: %q, want %q", tc.pattern, r.Deprecation(), tc.advice)
			}
		})
	}
}
