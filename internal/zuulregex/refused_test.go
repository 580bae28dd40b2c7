package zuulregex

import (
	"regexp/syntax"
	"strings"
	"testing"
	"time"
)

func TestRefused(t *testing.T) {
	tests := map[string]struct{ pattern, want string }{
		"open group":                    {`a(b`, `at character 2: this ( is never closed; to match the character itself, write \(`},
		"places are characters":         {`éé(b`, `at character 3: this ( is never closed`},
		"group too much":                {`ab)`, `at character 3: this ) closes nothing`},
		"open set":                      {`a[b`, `at character 2: this [ is never closed`},
		"open set at its start":         {`[`, `at character 1: this [ is never closed`},
		"open range":                    {`[a-`, `at character 1: this [ is never closed`},
		"reversed range":                {`[z-a]`, `at character 2: z-a is not a range of characters`},
		"range to a set":                {`[a-\d](?!x)`, `at character 2: a-\d is not a range`},
		"nothing to repeat":             {`*a`, `at character 1: there is nothing that * could repeat`},
		"nothing to repeat in a group":  {`(?:+a)`, `at character 4: there is nothing that + could repeat`},
		"repeated anchor":               {`^*(?!a)`, `at character 2: * stands after something that matches no characters`},
		"repeated repeat":               {`a{2}{3}`, `at character 5: {3} repeats what is repeated already`},
		"stars":                         {`a**`, `at character 3: * repeats what is repeated already`},
		"repeats too often":             {`a{1001}`, `at character 2: {1001} repeats too often: at most 1000 times`},
		"repeats far too often":         {`a{99999999999999999999}`, `repeats too often: at most 1000 times`},
		"repeats too often altogether":  {`((a{100}){100}){100}`, `repeats too often: at most 1000 times, in all where repeats are nested`},
		"the same with a look-ahead":    {`(?!x)((a{100}){100}){100}`, `repeats too often: at most 1000 times, in all where repeats are nested`},
		"maximum below minimum":         {`a{3,2}`, `at character 2: {3,2} has a maximum that is less than its minimum`},
		"lonely backslash":              {`a\`, `at character 2: the \ at the end stands before nothing`},
		"unknown escape":                {`\e`, `at character 1: \e means nothing`},
		"short hexadecimal":             {`\x4`, `at character 1: \x must be followed by the 2 hexadecimal digits`},
		"no such character":             {`\Uffffffff`, `at character 1: \U must be followed by the 8 hexadecimal digits`},
		"large octal":                   {`[\777](?!x)`, `at character 2: \777 is too large`},
		"unknown group":                 {`(?y)`, `at character 1: neither RE2 nor Python knows a group that begins with (?y`},
		"unfinished group":              {`(?`, `at character 1: neither RE2 nor Python knows a group that begins with (?`},
		"open comment":                  {`(?#a`, `at character 1: the comment is never closed`},
		"open name":                     {`(?P<a`, `at character 1: the group's name does not end`},
		"wrong name":                    {`(?P<1>a)(?!y)`, `at character 1: the group's name must consist of`},
		"same name":                     {`(?P<a>.)(?P<a>.)(?!y)`, `at character 9: there are two groups of the name a`},
		"name in RE2's other form":      {`(?<a>x)(?!y)`, `a group's name is written (?P<name>...)`},
		"flags too late":                {`a(?i)(?!b)`, `at character 2: flags for the whole expression must stand at its start; for a part, write (?i:...)`},
		"flags off for everything":      {`(?-i)(?!b)`, `flags are switched off for a group only`},
		"contradictory flags":           {`(?i-i:a)(?!y)`, `the flags (?i-i) do not go together`},
		"verbose":                       {`(?x) a b`, `write the expression without it`},
		"ASCII":                         {`(?a)\w`, `leave it out`},
		"RE2 class beside look-ahead":   {`(?!\pL)`, `\p is RE2 and does not go together`},
		"back reference":                {`(a)\1`, `the back reference \1 cannot be translated, for RE2 has none: write out what it may repeat`},
		"back reference by name":        {`(?P<x>a)(?P=x)`, `at character 9: the back reference (?P=...) cannot be translated`},
		"look-behind":                   {`.*(?<!-dev)$`, `at character 3: a look-behind cannot be translated, for RE2 has none: match what comes before as part of the expression`},
		"look-behind, positive":         {`(?<=a)b`, `a look-behind cannot be translated`},
		"possessive":                    {`a++b`, `at character 2: the possessive repeat ++ cannot be translated, for RE2 has none: write +`},
		"possessive count":              {`a{2}+b`, `write {2}`},
		"atomic":                        {`(?>a)b`, `an atomic group cannot be translated, for RE2 has none: write (?:...)`},
		"dependent group":               {`(a)?(?(1)b|c)`, `write the cases as alternatives`},
		"named character":               {`\N{DASH}`, `write the character itself`},
		"look-ahead after any length":   {`.*(?!foo)`, `at character 3: this look-ahead follows something that can match texts of different lengths, which cannot be translated: put it where`},
		"after alternatives":            {`(?:a|bc)(?!d)`, `at character 9: this look-ahead follows`},
		"inside after any length":       {`a?(b(?!c)|d)`, `at character 5: this look-ahead follows`},
		"look-ahead in a repeat":        {`(a(?!b))*`, `at character 3: a look-ahead inside a repeated group cannot be translated, except in the form ^((?!X).)*$: to leave out what contains X, write {regex: '.*X', negate: true}`},
		"repeated look-ahead":           {`(?!a)?b`, `at character 1: a look-ahead inside a repeated group`},
		"tempered dot without $":        {`^((?!a).)*`, `a look-ahead inside a repeated group`},
		"tempered dot before more":      {`^((?!a).)*b$`, `a look-ahead inside a repeated group`},
		"tempered by a look-ahead":      {`^((?!a(?!b)).)*$`, `a look-ahead inside a repeated group`},
		"tempered by nothing":           {`^((?!a?).)*$`, `this look-ahead in a repeated group can match nothing, or a line break`},
		"tempered by a line break":      {`^((?!\s).)*$`, `this look-ahead in a repeated group can match nothing, or a line break`},
		"tempered after any length":     {`^a?((?!b).)*$`, `this look-ahead follows`},
		"$ before more, any length":     {`(?!x).*$(a|)`, `at character 8: more follows this $, and what precedes it can match texts of different lengths`},
		"$ in a repeat":                 {`(?!x)(a$)*`, `at character 8: a $ inside a repeated group cannot be translated: let it follow the group`},
		"too long":                      {strings.Repeat("a", 1001), `a regular expression may have 1000 bytes and this one has 1001`},
		"no text":                       {"a\xff", `a regular expression must be valid UTF-8 text`},
		"too large":                     {`(?:abcdefghijklmnopqrstuvwxyz){1000}`, `the expression is too large: it takes a program of more than 20000 instructions`},
		"too large, translated":         {`(?!x)(?:abcdefghijklmnopqrstuvwxyz){1000}`, `the expression is too large: it takes`},
		"too many alternatives":         {strings.Repeat(`((?!a)|b)`, 7), `translated to RE2 the expression is too large`},
		"too many alternatives, inside": {`(` + strings.Repeat(`(?!a)|`, 65) + `)`, `translated to RE2 the expression is too large`},
		"nested look-aheads":            {strings.Repeat(`(?!`, 200) + strings.Repeat(`)`, 200), `translated to RE2 the expression is too large`},
		"written out":                   {strings.Repeat(`[\W_]`, 100) + `\Z`, `translated to RE2 the expression is too large`},
		"many Unicode sets":             {`(` + strings.Repeat(`\w`, 150) + strings.Repeat(`(?!a)`, 60) + `)`, `too large`},
		"many wide ranges":              {`(?i)` + strings.Repeat(`[B-\x{1e000}]`, 60), `the expression has 60 ranges of characters that go beyond ASCII, and 8 are allowed: write a class such as \pL`},
		"wide ranges, multiplied":       {`(?i)` + strings.Repeat(`[B-\U0001e000]`, 8) + strings.Repeat(`(?!a)`, 30), `translated to RE2 the expression is too large`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			r, err := Compile(tc.pattern)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: got %v (%v), want %s", tc.pattern, err, r, tc.want)
			}
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// What may be large is: the bounds do not come too early.
func TestLarge(t *testing.T) {
	tests := map[string]struct{ pattern, subject string }{
		"long":            {strings.Repeat("a", 1000), strings.Repeat("a", 1000)},
		"repeats":         {`(?:[a-z]{9}){100}`, strings.Repeat("a", 900)},
		"nested groups":   {strings.Repeat("(", 490) + "a" + strings.Repeat(")", 490), "a"},
		"and look-aheads": {strings.Repeat("(?!", 31) + "b" + strings.Repeat(")", 31) + "a", "a"},
		"and both":        {strings.Repeat("(?:", 200) + "(?!b)a" + strings.Repeat(")", 200), "a"},
		"Unicode sets":    {strings.Repeat(`\pL`, 300), strings.Repeat("é", 300)},
		"many to exclude": {`^` + strings.Repeat(`(?!b)`, 60) + `a`, "a"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := Compile(tc.pattern)
			if err != nil {
				t.Fatal(err)
			}
			if got := all(r, tc.subject); got != (found{true, true, true}) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// What is measured before compiling is never less than what is compiled.
func TestMeasure(t *testing.T) {
	for _, pattern := range []string{
		``, `abc`, `a|b|`, `(a|bc)*d+e?`, `a{3}`, `a{3,}`, `a{0,}`, `a{0}`, `a{2,5}`, `(?:ab){1,40}`, `((a{3}|b){2,3}c){4}`,
		`[^a]`, `\pL+`, `(?i)straße`, `^a$|\bb\B`, `(|a)*`, `(|a)+`, `(?:^)*`, `(a{2}){0,1}`, `x{1,1}`,
	} {
		tree, err := syntax.Parse(pattern, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		measured, _ := measure(tree)
		prog, err := syntax.Compile(tree.Simplify())
		if err != nil {
			t.Fatal(err)
		}
		if took := len(prog.Inst); measured+3 < took || measured > 3*took+20 {
			t.Errorf("%s: measured %d, it took %d", pattern, measured, took)
		}
	}
}

// A search over a long text takes about linear time, however often it must look ahead.
func TestLongSearch(t *testing.T) {
	r, err := Compile(`(?!.*foo)a(?=.*b)`)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if r.Search(strings.Repeat("a", 100_000) + "foob") {
		t.Error("found what is not there")
	}
	if !r.Search(strings.Repeat("a", 100_000) + "fooab") {
		t.Error("did not find what is there")
	}
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}
