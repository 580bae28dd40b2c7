package configlang

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// hostile are files that are made to hurt: none may take long, grow large, or be without an error.
func hostile() map[string]string {
	bomb := "- job:\n    name: a\n    vars:\n      a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 30; i++ {
		bomb += fmt.Sprintf("      a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	merges := "- job: &m0 {name: a, vars: {x: y}}\n"
	for i := 1; i < 60; i++ {
		merges += fmt.Sprintf("- job: &m%d {<<: [*m%d, *m%d], vars: {<<: {a%d: b}, n: *m%d}}\n", i, i-1, i-1, i, i-1)
	}
	var stairs strings.Builder
	for i := range 1400 {
		stairs.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return map[string]string{
		"too large":           strings.Repeat("# x\n", 1<<18) + "#\n",
		"alias bomb":          bomb,
		"merge bomb":          merges,
		"flow sequences":      "- job: " + strings.Repeat("[", 10_000),
		"closed sequences":    "- job: " + strings.Repeat("[", 900) + strings.Repeat("]", 900),
		"flow mappings":       "- job: " + strings.Repeat("{a: ", 10_000),
		"block sequences":     strings.Repeat("- ", 10_000) + "x",
		"block sequences max": strings.Repeat("- ", 500_000) + "x",
		"keys":                strings.Repeat("? ", 10_000) + "x",
		"mixed":               strings.Repeat("- ? ", 10_000) + "x",
		"stairs":              stairs.String(),
		"many errors":         strings.Repeat("- x\n", 50_000),
		"long key":            "- job: {name: a, " + strings.Repeat("k", 1_000_000) + ": x}",
		"long name":           "- job: {name: " + strings.Repeat("k", 1_000_000) + "}",
		"many keys":           "- job: {name: a, vars: {" + strings.Repeat("a: b, ", 50_000) + "}}",
		"anchors":             strings.Repeat("- &a\n", 50_000),
		"comments":            strings.Repeat("#\n", 500_000) + "- x",
		"flow commas":         "- job: [" + strings.Repeat("a,", 100_000),
		"quotes":              "- \"" + strings.Repeat("\n", 1_000_000),
		"unbalanced":          strings.Repeat("[]", 500_000),
		"folded":              "- job: >\n" + strings.Repeat("  a\n\n", 200_000) + "- x",
		"tags":                strings.Repeat("- !a\n", 50_000),
		"big number":          "- job: {name: a, vars: {x: " + strings.Repeat("9", 500_000) + "}}\n- x",
		"many regexps":        "- job: {name: a, files: [" + strings.Repeat("'(a{900}b)+c{99}', ", 5_000) + "]}",
		"long regexp":         "- job: {name: a, files: '" + strings.Repeat("(a{1000})", 1000) + "'}",
	}
}

func TestHostileFiles(t *testing.T) {
	for name, content := range hostile() {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			_, errs := Parse(&Source{Project: "git/acme/web", Path: ".zuul.yaml", Content: content})
			var text int
			for _, e := range errs {
				text += len(e.Error())
			}
			if took := time.Since(begin); took > 30*time.Second {
				t.Errorf("it took %s", took)
			} else if took > time.Second {
				t.Logf("it took %s", took)
			}
			if len(errs) == 0 || len(errs) > maxErrors+1 {
				t.Errorf("%d errors", len(errs))
			}
			if text > 200_000 {
				t.Errorf("the errors have %d bytes", text)
			}
		})
	}
}

func TestConcurrentParse(t *testing.T) {
	src := &Source{Project: "git/acme/web", Path: ".zuul.yaml", Content: "- job: &a {name: a, files: [x.*], vars: {l: [1]}}\n- job: {<<: *a, name: b}\n- jbo: {}\n"}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				o, errs := Parse(src)
				if len(o.Jobs) != 2 || len(errs) != 1 || !o.Jobs[0].Files[0].Match("xy") {
					t.Errorf("%d jobs, %v", len(o.Jobs), errs)
				}
			}
		})
	}
	wg.Wait()
}

func TestKeyIsTheSameOnOtherLines(t *testing.T) {
	parse := func(content string) Error {
		_, errs := Parse(&Source{Project: "git/acme/web", Branch: "main", Path: ".zuul.yaml", Content: content})
		if len(errs) != 1 {
			t.Fatalf("%d errors", len(errs))
		}
		return errs[0]
	}
	a := parse("- job: {name: a, nodset: x}\n")
	b := parse("# one\n# two\n- job: {name: a, nodset: x}\n")
	if a.Key() != b.Key() || a.Where() == b.Where() {
		t.Errorf("%q at %s, %q at %s", a.Key(), a.Where(), b.Key(), b.Where())
	}
}

func FuzzParse(f *testing.F) {
	for _, content := range hostile() {
		if len(content) < 2000 {
			f.Add(content)
		}
	}
	for _, content := range []string{
		"", "~", "[", "- job: {name: a}", "- job: &a {name: a, vars: {b: *a}}", "- job:\n    <<: [*x]", "- !x [!y z]", "- ? [a]\n  : b",
		"- project: {check: {jobs: [a, b: {files: [x]}]}}", "- nodeset: {name: a, nodes: {name: [b], label: c}}", "%YAML 1.1\n---\n- x\n...\n---\n",
		"- pipeline: {name: a, manager: independent, trigger: {g: {event: push}}, window: 1}", "- queue: \"\\u2028\"", "\ufeff- job: 'x",
		"- project-template: {name: t, vars: {1: 2, 2001-01-01: .nan}}", "- job: {name: !!int x, timeout: !!null 5}",
	} {
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content string) {
		_, errs := Parse(&Source{Project: "git/acme/web", Branch: "main", Path: ".zuul.yaml", Content: content})
		for _, e := range errs {
			if e.Error() == "" || e.Key() == "" || len(e.Error()) > 10_000 {
				t.Errorf("a bad error: %q", e.Error())
			}
		}
	})
}
