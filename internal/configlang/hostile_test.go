//go:build !race

package configlang_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/gozer-dev/gozer/internal/configlang"
)

const mebi = 1 << 20

func repeat(s string, n int) string { return strings.Repeat(s, n) }

// each puts n numbered pieces together.
func each(n int, piece func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(piece(i))
	}
	return b.String()
}

// inJob puts a value into the variables of a job.
func inJob(value string) string { return "- job: {name: a, vars: {x: " + value + "}}\n" }

// hostile are files that are made to hurt, and what is said of them; "" is for
// files that are only large.
var hostile = map[string]struct{ content, want string }{
	"10 MB":                {repeat("# comment\n", mebi), "at most 4194304 are read"},
	"4 MB of comments":     {repeat("#\n", 2*mebi-1), ""},
	"4 MB in one line":     {"- job: {name: a, description: " + repeat("x", 4*mebi-100) + "}", ""},
	"a comment of 4 MB":    {"#" + repeat("x", 4*mebi-10), ""},
	"lists of lists":       {inJob("&a0 [x, x, x, x, x, x, x, x, x, x]") + each(30, func(i int) string { return inJob(fmt.Sprintf("&a%d [%s]", i+1, repeat(fmt.Sprintf("*a%d, ", i), 10))) }), "grows to more than 500000 values"},
	"mappings of mappings": {inJob("&a0 {a: x, b: x}") + each(40, func(i int) string { return inJob(fmt.Sprintf("&a%d {a: *a%d, b: *a%d}", i+1, i, i)) }), "grows to more than 500000 values"},
	"aliases in aliases":   {inJob("&a0 x") + each(200, func(i int) string { return inJob(fmt.Sprintf("&a%d [*a%d]", i+1, i)) }), "nests values more than 100 deep"},
	"a wide alias, often":  {inJob("&a ["+repeat("x, ", 20_000)+"]") + each(1000, func(int) string { return inJob("*a") }), "grows to more than 500000 values"},
	"merges of merges": {"- job: &m0 {name: a, vars: {x: y}}\n" + each(60, func(i int) string {
		return fmt.Sprintf("- job: &m%d {<<: [*m%d, *m%d], vars: {<<: {a%d: b}, n: *m%d}}\n", i+1, i, i, i, i)
	}), "grows to more than 500000 values"},
	"a merge of many":          {inJob("&a {"+each(2000, func(i int) string { return fmt.Sprintf("k%d: v, ", i) })+"}") + inJob("{<<: ["+repeat("*a, ", 1000)+"]}"), "grows to more than 500000 values"},
	"many merge keys":          {inJob("&a {x: 1}") + inJob("{"+repeat("<<: *a, ", 50_000)+"}"), ""},
	"an alias of itself":       {inJob("&a [*a]"), "contains the alias itself"},
	"an alias of its mapping":  {inJob("&a {b: {c: [*a]}}"), "contains the alias itself"},
	"a merge of itself":        {inJob("&a {<<: *a}"), "contains the alias itself"},
	"aliases of each other":    {"- &a [*b]\n- &b [*a]\n", "unknown anchor"},
	"an alias bomb of keys":    {inJob("&a k") + inJob("{"+repeat("*a : x, ", 100_000)+"}"), "appears more than once"},
	"a merge of a text":        {inJob("{<<: text}"), "a merge key needs a mapping"},
	"a merge of a list":        {inJob("{<<: [[a]]}"), "a merge key needs a mapping"},
	"open brackets":            {"- job: " + repeat("[", 10_000), "nests values more than 100 deep"},
	"closed brackets":          {inJob(repeat("[", 900) + repeat("]", 900)), "nests values more than 100 deep"},
	"open braces":              {"- job: " + repeat("{a: ", 10_000), "nests values more than 100 deep"},
	"4 MB of brackets":         {repeat("[", 4*mebi), "nests values more than 100 deep"},
	"pairs of brackets":        {repeat("[],", mebi), "not YAML"},
	"flow in block in flow":    {"- job:\n    - [" + repeat("{a: [", 5_000), "nests values more than 100 deep"},
	"dashes":                   {repeat("- ", 10_000) + "x", "nests values more than 100 deep"},
	"4 MB of dashes":           {repeat("- ", 2*mebi-1), "nests values more than 100 deep"},
	"question marks":           {repeat("? ", 10_000) + "x", "nests values more than 100 deep"},
	"dashes and questions":     {repeat("- ? ", 10_000) + "x", "nests values more than 100 deep"},
	"dashes after a CR":        {"a:\r" + repeat("- ", 2*mebi-10), "max depth"},
	"stairs":                   {each(2000, func(i int) string { return repeat(" ", i) + "a:\n" }), "nests values more than 100 deep"},
	"stairs of dashes":         {each(2000, func(i int) string { return repeat(" ", i) + "-\n" }), "nests values more than 100 deep"},
	"doubled keys":             {"- job: {name: a, vars: {" + repeat("a: b, ", 100_000) + "}}", "appears more than once"},
	"many keys":                {"- job: {name: a, vars: {" + each(100_000, func(i int) string { return fmt.Sprintf("k%d: b, ", i) }) + "}}", ""},
	"many unknown attributes":  {"- job:\n    name: a\n" + each(60_000, func(i int) string { return fmt.Sprintf("    abcdefghijklmnopqrstuvwxyz%d: 1\n", i) }), "more errors than are shown"},
	"NUL":                      {"- job: {name: \"a\x00\"}", "NUL byte"},
	"only NUL":                 {repeat("\x00", mebi), "NUL byte"},
	"invalid UTF-8":            {"- job: {name: \xff}", "not valid UTF-8"},
	"surrogates":               {"- job: {name: \xed\xa0\x80}", "not valid UTF-8"},
	"UTF-16":                   {"\xff\xfe-\x00 \x00", "not valid UTF-8"},
	"a BOM in the middle":      {"- job:\n    name: \ufeffa\n", ""},
	"a BOM alone":              {"\ufeff", ""},
	"tabs":                     {"- job:\n\tname: a\n", "indent with spaces"},
	"a form feed":              {"- job:\n    name: a\fb\n", "not YAML"},
	"several documents":        {repeat("---\n- job: {name: a}\n", 50_000), "several YAML documents"},
	"many directives":          {repeat("%YAML 1.1\n", 100_000) + "---\n", "not YAML"},
	"many tag directives":      {each(200_000, func(i int) string { return fmt.Sprintf("%%TAG !%d! x\n", i) }) + "---\n- job: {name: a}", "more than 100 %TAG"},
	"tag directives after CR":  {each(200_000, func(i int) string { return fmt.Sprintf("%%TAG !%d! x\r", i) }) + "---\r- job: {name: a}", "more than 100 %TAG"},
	"a long name":              {"- job: {name: " + repeat("k", mebi) + "}", "at most 255 bytes"},
	"a long attribute":         {"- job: {name: a, ? " + repeat("k", mebi) + " : x}", "unknown attribute"},
	"a long simple key":        {"- job: {name: a, " + repeat("k", mebi) + ": x}", "not YAML"},
	"a long kind":              {"- ? " + repeat("k", mebi) + "\n  : {name: x}", "not recognized"},
	"a long tag":               {"- !" + repeat("k", mebi) + " {name: x}", "is not known"},
	"a long anchor":            {"- &" + repeat("k", mebi) + " {job: {name: x}}", ""},
	"a long alias":             {"- *" + repeat("k", mebi), "unknown anchor"},
	"a long path":              {"- job: {name: a, run: " + repeat("d/", mebi) + "x}", "is not the path of a playbook"},
	"a long expression":        {"- job: {name: a, files: '" + repeat("(a{1000})", 1000) + "'}", "not a regular expression"},
	"a deep expression":        {"- job: {name: a, files: '" + repeat("(", 100_000) + "'}", "not a regular expression"},
	"an expression that grows": {"- job: {name: a, files: '((a{100}){100}){100}'}", "not a regular expression"},
	"many expressions":         {"- job: {name: a, files: [" + each(4_900, func(i int) string { return fmt.Sprintf("'(a{90}|b%d)+c{99}', ", i) }) + "]}", ""},
	"many large expressions": {each(2_000, func(i int) string {
		return fmt.Sprintf("- job: {name: j%d, files: '%s%d'}\n", i, repeat("(a|b)", 190), i)
	}), "too large together"},
	"many bad expressions":     {each(50_000, func(i int) string { return fmt.Sprintf("- job: {name: j%d, files: '(%d'}\n", i, i) }), "more errors than are shown"},
	"a long list":              {"- job: {name: a, tags: [" + repeat("x, ", 100_000) + "]}", "at most 5000 are possible"},
	"lists that are just long": {each(40, func(i int) string { return fmt.Sprintf("- job: {name: j%d, tags: [%s]}\n", i, repeat("x, ", 4_999)) }), ""},
	"80,000 jobs":              {each(80_000, func(i int) string { return fmt.Sprintf("- job: {name: j%d}\n", i) }), ""},
	"100,000 jobs":             {each(100_000, func(i int) string { return fmt.Sprintf("- job: {name: j%d}\n", i) }), "more than 500000 values"},
	"80,000 broken jobs":       {each(80_000, func(i int) string { return fmt.Sprintf("- job: {nam: j%d}\n", i) }), "more errors than are shown"},
	"80,000 times one job":     {repeat("- job: {name: j}\n", 80_000), ""},
	"100,000 texts":            {repeat("- x\n", 100_000), "not a dictionary"},
	"too many values":          {inJob("[" + repeat("x,", 600_000) + "]"), "more than 500000 values"},
	"many variants":            {"- project: {check: {jobs: [" + each(4_000, func(i int) string { return fmt.Sprintf("{a: {timeout: %d}}, ", i) }) + "]}}", "in the list more than 100 times"},
	"many equal variants":      {"- project: {check: {jobs: [" + repeat("{a: {vars: {x: [1, 2, 3]}}}, ", 4_900) + "]}}", ""},
	"many pipelines":           {"- project: {" + each(50_000, func(i int) string { return fmt.Sprintf("p%d: {jobs: [a]}, ", i) }) + "}", ""},
	"many nodes":               {"- nodeset: {name: a, nodes: [" + each(4_900, func(i int) string { return fmt.Sprintf("{name: n%d, label: l}, ", i) }) + "]}", ""},
	"nested alternatives":      {"- nodeset: {name: a, alternatives: [" + repeat("{alternatives: [", 40) + "x" + repeat("]}", 40) + "]}", "cannot have alternatives"},
	"1 and 100,000 zeros":      {"- job: {name: a, timeout: 1" + repeat("0", 100_000) + "}", "too large"},
	"the same as a variable":   {inJob("1" + repeat("0", 100_000)), ""},
	"a million digits of 0x":   {inJob("0x" + repeat("f", mebi)), ""},
	"underscores":              {"- job: {name: a, timeout: 1" + repeat("_", mebi) + "}", ""},
	"sexagesimal":              {"- job: {name: a, timeout: 1" + repeat(":59", 30_000) + "}", "too large"},
	"sexagesimal as variable":  {inJob("1" + repeat(":59", 30_000)), ""},
	"sexagesimal fraction":     {inJob("1" + repeat(":59", 30_000) + ".5"), ""},
	"a float":                  {inJob("1" + repeat("0", 100_000) + ".0"), ""},
	"a float of many places":   {inJob("0." + repeat("3", mebi)), ""},
	"an exponent":              {inJob("1.0e+" + repeat("9", 100_000)), ""},
	"a date":                   {inJob("2001-01-01 00:00:00." + repeat("0", 100_000)), ""},
	"an open text":             {"- \"" + repeat("\n", mebi), "not YAML"},
	"a folded text":            {"- job:\n    name: a\n    description: >\n" + repeat("      a\n\n", 300_000), ""},
	"escapes":                  {"- job: {name: \"" + repeat(`\u0001`, 500_000) + "\"}", "at most 255 bytes"},
	"colours":                  {"- job: {name: a, \"\\e[31m\\e]0;x\\a\": x}", "unknown attribute"},
	"right to left":            {"- job: {name: a, \"\u202evoting\": x}", "unknown attribute"},
	"encrypted chunks":         {"- secret: {name: a, data: {x: !encrypted/pkcs1-oaep [" + repeat("YQ==, ", 4_900) + "]}}", ""},
	"many warnings": {each(50_000, func(i int) string {
		return fmt.Sprintf("- job: {name: j%d, branches: '^(?!x)', cleanup-run: a.yaml}\n", i)
	}), "more errors than are shown"},
	"many variables": {each(20_000, func(i int) string {
		return fmt.Sprintf("- job: {name: j%d, vars: {zuul: x, nodepool: x, a-b: c}}\n", i)
	}), "more errors than are shown"},
	"many tags":    {repeat("- !a\n", 100_000), "is not known"},
	"many anchors": {each(80_000, func(i int) string { return fmt.Sprintf("- &a%d job: {name: j}\n", i) }), ""},
	"commas":       {"- job: [" + repeat(",", 100_000), "not YAML"},
	"colons":       {"- job: {name: a, vars: {" + repeat(": ,", 100_000), "not YAML"},
	"empty keys":   {repeat("?\n", mebi), "appears more than once"},
	"percent":      {"- job: {name: \"%s%n%!\", \"%d%s\": \"%v\"}", `unknown attribute "%d%s"`},
}

// TestHostileFiles gives the parser files that want time and memory. What it
// allocates says that; a clock would only say how busy the machine is.
func TestHostileFiles(t *testing.T) {
	for name, tc := range hostile {
		t.Run(name, func(t *testing.T) {
			// A file of 4 MB that is read takes about 500 MB in passing: a node has
			// some 150 bytes, and is looked at in several forms.
			f, allocated := parsed(tc.content)
			if most := int64(64*mebi + 200*len(tc.content)); allocated > most {
				t.Errorf("a file of %d bytes allocated %d MB; at most %d are fine", len(tc.content), allocated/mebi, most/mebi)
			}
			checkProblems(t, f, f.Problems)
			text, found := 0, tc.want == "" && len(f.Problems) == 0
			for _, p := range f.Problems {
				text += len(p.Message) + len(p.Hint) + len(p.Stanza.Name)
				found = found || tc.want != "" && strings.Contains(p.Message+p.Hint, tc.want)
			}
			if !found {
				t.Errorf("wanted %q, got %+v", tc.want, f.Problems[:min(5, len(f.Problems))])
			}
			if text > 200_000 {
				t.Errorf("the problems have %d bytes", text)
			}
		})
	}
}

// parsed also says how much was allocated on the way.
func parsed(content string) (f *configlang.File, allocated int64) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f = configlang.Parse(content)
	runtime.ReadMemStats(&after)
	return f, int64(after.TotalAlloc - before.TotalAlloc)
}
