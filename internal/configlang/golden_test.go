package configlang_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/zuulregex"
)

var update = flag.Bool("update", false, "rewrite the expected outcome in testdata")

// golden is one case of testdata/*.txt: a title, a file before the line of
// dashes, and behind it the normal form of its objects and its problems. Cases
// are separated by a line "=====". Rewrite with -update and review the diff.
type golden struct{ file, title, input, want string }

const (
	casesApart = "\n=====\n"
	resultLine = "\n-----\n"
)

func goldens(tb testing.TB) []golden {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		tb.Fatalf("no cases in testdata: %v", err)
	}
	var out []golden
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		for c := range strings.SplitSeq(string(raw), casesApart) {
			title, rest, _ := strings.Cut(c, "\n")
			input, want, _ := strings.Cut("\n"+rest+"\n", resultLine)
			out = append(out, golden{file, strings.TrimPrefix(title, "# "), strings.TrimPrefix(input, "\n"), strings.TrimSpace(want)})
		}
	}
	return out
}

// special lets a case hold what an editor would not keep.
var special = strings.NewReplacer("<TAB>", "\t", "<NUL>", "\x00", "<FF>", "\xff", "<CR>", "\r", "<BOM>", "\ufeff", "<SPACE>", " ", "<NEL>", "\u0085", "<LS>", "\u2028")

// content is the file; its last line ends unless <END> stands there.
func (g golden) content() string {
	return strings.TrimSuffix(special.Replace(g.input)+"\n", "<END>\n")
}

func TestGolden(t *testing.T) {
	now := map[string][]string{}
	for _, g := range goldens(t) {
		got := outcome(g.content())
		now[g.file] = append(now[g.file], "# "+g.title+"\n"+g.input+resultLine+got+"\n")
		if *update {
			continue
		}
		t.Run(filepath.Base(g.file)+"/"+g.title, func(t *testing.T) {
			if diff := cmp.Diff(strings.Split(g.want, "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("the outcome changed (-want +got); -update accepts it:\n%s", diff)
			}
		})
	}
	if !*update {
		return
	}
	for _, file := range slices.Sorted(maps.Keys(now)) {
		if err := os.WriteFile(file, []byte(strings.Join(now[file], casesApart[1:])), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// everyConnection has a connection of each driver, by the driver's name.
func everyConnection() configlang.Connections {
	c := configlang.Connections{Drivers: maps.Clone(configlang.BuiltinConnections)}
	for _, d := range configlang.Drivers() {
		c.Drivers[d] = d
	}
	return c
}

// outcome is the normal form of a file: its objects, then its problems.
func outcome(content string) string {
	f := configlang.Parse(content)
	problems := slices.Clone(f.Problems)
	var b strings.Builder
	dumpObjects(&b, f)
	for _, pl := range f.Pipelines {
		bound, more, ok := pl.Bind(everyConnection())
		problems = append(problems, more...)
		if ok {
			dumpObject(&b, "pipeline", reflect.ValueOf(*bound))
		}
	}
	for _, p := range problems {
		dumpProblem(&b, f, p)
	}
	if b.Len() == 0 {
		return "nothing"
	}
	return strings.TrimSpace(b.String())
}

func dumpObjects(b *strings.Builder, f *configlang.File) {
	if f.Pragma.ImpliedBranchMatchers != nil || f.Pragma.ImpliedBranches != nil {
		dumpObject(b, "pragma", reflect.ValueOf(f.Pragma))
	}
	objects(b, "job", f.Jobs)
	objects(b, "project-template", f.Templates)
	objects(b, "project", f.Projects)
	objects(b, "nodeset", f.NodeSets)
	objects(b, "secret", f.Secrets)
	objects(b, "semaphore", f.Semaphores)
	objects(b, "queue", f.Queues)
	objects(b, "image", f.Images)
	objects(b, "flavor", f.Flavors)
	objects(b, "label", f.Labels)
	objects(b, "section", f.Sections)
	objects(b, "provider", f.Providers)
}

func objects[T any](b *strings.Builder, kind string, list []*T) {
	for _, o := range list {
		dumpObject(b, kind, reflect.ValueOf(*o))
	}
}

func dumpObject(b *strings.Builder, kind string, v reflect.Value) {
	b.WriteString(kind)
	if name := v.FieldByName("Name"); name.IsValid() && name.String() != "" {
		b.WriteString(" " + name.String())
	}
	if pos, ok := field[configlang.Pos](v, "Pos"); ok {
		fmt.Fprintf(b, " at %d:%d", pos.Line, pos.Column)
	}
	b.WriteString("\n")
	for _, f := range setFields(v) {
		if f.name != "Name" && f.name != "Pos" {
			fmt.Fprintf(b, "  %s: %s\n", f.name, f.text)
		}
	}
	if pl, ok := v.Interface().(configlang.BoundPipeline); ok {
		dumpConfs(b, "trigger", pl.Triggers)
		dumpConfs(b, "require", pl.Require)
		dumpConfs(b, "reject", pl.Reject)
		for _, o := range configlang.Occasions {
			dumpConfs(b, o, pl.Reporters[o])
		}
	}
}

// dumpConfs shows what a pipeline says of connections, one line for each.
func dumpConfs(b *strings.Builder, attr string, list []configlang.Conf) {
	for _, c := range list {
		fmt.Fprintf(b, "  %s %s at %d:%d: %s\n", attr, c.Connection, c.Pos.Line, c.Pos.Column, valueText(reflect.ValueOf(c.Values)))
	}
}

func field[T any](v reflect.Value, name string) (T, bool) {
	if f := v.FieldByName(name); f.IsValid() {
		out, ok := f.Interface().(T)
		return out, ok
	}
	var none T
	return none, false
}

type setField struct{ name, text string }

// setFields are the exported fields that are set, those of embedded structs too.
func setFields(v reflect.Value) []setField {
	var out []setField
	for i := range v.NumField() {
		f, t := v.Field(i), v.Type().Field(i)
		switch {
		case t.Anonymous:
			out = append(out, setFields(reflect.Indirect(f))...)
		case !t.IsExported(), t.Type == reflect.TypeFor[[]configlang.Conf](), t.Name == "Reporters", t.Name == "Messages" && f.Len() == 0:
		case t.Name == "Override":
			if text := overrides(configlang.Attrs(f.Uint())); text != "" {
				out = append(out, setField{t.Name, text})
			}
		case !f.IsZero():
			out = append(out, setField{t.Name, valueText(f)})
		}
	}
	return out
}

// overrides shows what is marked otherwise than by default.
func overrides(s configlang.Attrs) string {
	byDefault := configlang.Parse("- job: {name: plain}").Jobs[0].Override
	var out []string
	for a := range configlang.AttrBranches {
		switch {
		case s.Has(a) && !byDefault.Has(a):
			out = append(out, "+"+a.String())
		case !s.Has(a) && byDefault.Has(a):
			out = append(out, "-"+a.String())
		}
	}
	return strings.Join(out, " ")
}

// valueText is one value on one line. Texts are quoted and numbers are not, so that
// types are seen.
func valueText(v reflect.Value) string {
	if !v.IsValid() {
		return "null"
	}
	switch x := v.Interface().(type) {
	case *zuulregex.Regex:
		return strconv.Quote(x.Pattern())
	case configlang.Matcher:
		if x.Negate {
			return "not " + strconv.Quote(x.Regex.Pattern())
		}
		return strconv.Quote(x.Regex.Pattern())
	case configlang.Pos:
		return fmt.Sprintf("%d:%d", x.Line, x.Column)
	case json.Number:
		return x.String()
	case configlang.Attrs:
		var names []string
		for a := range configlang.AttrBranches + 1 {
			if x.Has(a) {
				names = append(names, a.String())
			}
		}
		return strings.Join(names, " ")
	case float64:
		text := strconv.FormatFloat(x, 'g', -1, 64)
		if !strings.ContainsAny(text, ".e") {
			text += ".0"
		}
		return text
	}
	return textOfKind(v)
}

func textOfKind(v reflect.Value) string {
	var parts []string
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return valueText(v.Elem())
	case reflect.String:
		return strconv.Quote(v.String())
	case reflect.Slice:
		for i := range v.Len() {
			parts = append(parts, valueText(v.Index(i)))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
			parts = append(parts, k.String()+": "+valueText(v.MapIndex(k)))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case reflect.Struct:
		for _, f := range setFields(v) {
			parts = append(parts, f.name+": "+f.text)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return fmt.Sprint(v.Interface())
}

// dumpProblem shows a problem with the text that it marks.
func dumpProblem(b *strings.Builder, f *configlang.File, p configlang.Problem) {
	fmt.Fprintf(b, "%s at %d:%d", p.Severity, p.At.Line, p.At.Column)
	if line, ok := f.Line(int(p.At.Line)); ok {
		fmt.Fprintf(b, " %q", marked(line, p.At))
	}
	if p.Stanza.Kind != "" {
		fmt.Fprintf(b, " in %s %s at %d:%d", p.Stanza.Kind, strconv.Quote(p.Stanza.Name), p.Stanza.Pos.Line, p.Stanza.Pos.Column)
	}
	if p.Attr != "" {
		fmt.Fprintf(b, " attribute %s", p.Attr)
	}
	if p.Further {
		b.WriteString(" (further)")
	}
	b.WriteString("\n  ")
	if p.Name != "" {
		fmt.Fprintf(b, "[%s] ", p.Name)
	}
	b.WriteString(strings.ReplaceAll(p.Message, "\n", "\n  ") + "\n")
	if p.Hint != "" {
		fmt.Fprintf(b, "  hint: %s\n", p.Hint)
	}
}

// marked is the text that stands at a place; the marker may reach over the end of the line.
func marked(line string, at configlang.Pos) string {
	runes := []rune(line)
	from := min(max(0, int(at.Column)-1), len(runes))
	return string(runes[from:min(len(runes), from+int(at.Width))])
}
