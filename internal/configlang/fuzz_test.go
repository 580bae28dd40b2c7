package configlang_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/configlang"
)

// FuzzParse looks for files that the parser does not survive, or whose problems
// stand where there is no text.
func FuzzParse(f *testing.F) {
	for _, g := range goldens(f) {
		f.Add(g.content())
	}
	f.Fuzz(func(t *testing.T, content string) {
		file := configlang.Parse(content)
		checkProblems(t, file, file.Problems)
		for _, pl := range file.Pipelines {
			if pl.Name == "" || pl.Manager == "" {
				t.Errorf("a pipeline without a name or a manager: %+v", pl)
			}
			_, problems, ok := pl.Bind(everyConnection())
			checkProblems(t, file, problems)
			if broken := hasError(problems); broken == ok {
				t.Errorf("ok is %v, but the problems are %v", ok, problems)
			}
		}
		for _, j := range file.Jobs {
			if j.Name == "" || j.Pos.Line < 1 {
				t.Errorf("a job without a name or a place: %+v", j)
			}
			configlang.AttrLines(content, j.Pos, "")
			file.FindWord(j.Pos, j.Name)
		}
		if diff := cmp.Diff(outcome(content), outcome(content)); diff != "" {
			t.Errorf("the same file gives something else:\n%s", diff)
		}
	})
}

func hasError(problems []configlang.Problem) bool {
	for _, p := range problems {
		if p.Severity == configlang.SeverityError {
			return true
		}
	}
	return false
}

// checkProblems checks that problems can be shown: they stand in the file, and are not endless.
func checkProblems(tb testing.TB, file *configlang.File, problems []configlang.Problem) {
	tb.Helper()
	inside := func(line int32) bool {
		_, ok := file.Line(int(line))
		return ok || line == 0
	}
	if len(problems) > 1100 {
		tb.Errorf("%d problems", len(problems))
	}
	for _, p := range problems {
		switch {
		case !inside(p.At.Line) || !inside(p.Stanza.Pos.Line):
			tb.Errorf("a problem is at %d:%d, in an object at line %d, which the file does not have: %s", p.At.Line, p.At.Column, p.Stanza.Pos.Line, p.Message)
		case p.At.Line > 0 && (p.At.Column < 1 || p.At.Width < 1):
			tb.Errorf("a problem at %d:%d, %d wide: %s", p.At.Line, p.At.Column, p.At.Width, p.Message)
		case p.Message == "" || len(p.Message) > 1000 || len(p.Hint) > 1000 || len(p.Stanza.Name) > 1000:
			tb.Errorf("a bad message: %q, hint %q, in %q", p.Message, p.Hint, p.Stanza.Name)
		}
	}
}
