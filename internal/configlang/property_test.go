package configlang_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/gozer-dev/gozer/internal/configlang"
)

// written is an attribute as YAML has it, on one line or as a block.
type written struct{ attr, value string }

// writer draws values, and writes them in one of the forms that YAML has.
type writer struct {
	*rapid.T
	attrs []written
}

func (w *writer) put(attr, value string) { w.attrs = append(w.attrs, written{attr, value}) }

// plain are texts that need no quotes and are no other type.
var plain = rapid.StringMatching(`[a-z]{3}[a-z/_.-]{0,10}`).Filter(func(s string) bool {
	return !slices.Contains([]string{"yes", "true", "off", "null", "false"}, s)
})

// text draws a text with what is difficult in YAML.
func (w *writer) text(label string) string {
	return rapid.OneOf(plain, rapid.SampledFrom([]string{"yes", "~", "5", "0x10", "1:30", "2001-01-01", "a: b", "- a", "#", "a #b", "{{ x }}", "!override x",
		"é", "日本", "a\tb", "a'b", `a"b`, `a\b`, " a ", "*x", "&x", "%x", "@x", "`x", "null", "<<", "=", "a\nb", "a\n\nb\n", "…"}),
		rapid.StringOf(rapid.RuneFrom([]rune("ab :-#'\"\\{}[]!&*?|>%@\n,é0"))).Filter(func(s string) bool { return s != "" })).Draw(w.T, label)
}

// scalar writes a text.
func (w *writer) scalar(s string) string {
	switch form := rapid.IntRange(0, 3).Draw(w.T, "form"); {
	case form == 0 && isPlain(s):
		return s
	case form == 1 && !strings.ContainsAny(s, "\n\t") && strings.TrimSpace(s) == s:
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	case form == 2:
		return "!!str " + quoted(s)
	}
	return quoted(s)
}

func isPlain(s string) bool {
	// Only what begins with a letter may stand there; words such as "yes" are no texts.
	f := configlang.Parse("- job: {name: n, description: " + s + "}")
	return s[0] >= 'a' && s[0] <= 'z' && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz/_.-") == "" && len(f.Jobs) == 1
}

// quoted is JSON, which is YAML too.
func quoted(s string) string {
	raw, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// number writes a whole number in one of the forms of YAML 1.1.
func (w *writer) number(i int64) string {
	if i < 0 {
		return strconv.FormatInt(i, 10)
	}
	switch rapid.IntRange(0, 5).Draw(w.T, "number") {
	case 0:
		return fmt.Sprintf("0x%x", i)
	case 1:
		return fmt.Sprintf("0%o", i)
	case 2:
		return fmt.Sprintf("0b%b", i)
	case 3:
		if i >= 60 {
			return fmt.Sprintf("%d:%02d", i/60, i%60)
		}
	case 4:
		if i >= 1000 {
			return fmt.Sprintf("%d_%03d", i/1000, i%1000)
		}
	}
	return strconv.FormatInt(i, 10)
}

// list writes values as a list, or a single one alone.
func (w *writer) list(values []string) string {
	if len(values) == 1 && values[0][0] != '!' && rapid.Bool().Draw(w.T, "alone") {
		return values[0]
	}
	if len(values) > 0 && rapid.Bool().Draw(w.T, "block") {
		return "\n      - " + strings.Join(values, "\n      - ")
	}
	return "[" + strings.Join(values, ", ") + "]"
}

// value draws a value of a variable, and writes it.
func (w *writer) value(depth int) (want any, text string) {
	most := 6
	if depth > 2 {
		most = 4
	}
	switch rapid.IntRange(0, most).Draw(w.T, "type") {
	case 0:
		b := rapid.Bool().Draw(w.T, "bool")
		return b, rapid.SampledFrom(map[bool][]string{true: {"true", "yes", "On", "TRUE"}, false: {"false", "no", "Off", "FALSE"}}[b]).Draw(w.T, "word")
	case 1:
		i := rapid.Int64Range(-1<<40, 1<<40).Draw(w.T, "int")
		return i, w.number(i)
	case 2:
		return nil, rapid.SampledFrom([]string{"~", "null", "Null", "!!null ''"}).Draw(w.T, "null")
	case 3:
		f := float64(rapid.IntRange(-1000, 1000).Draw(w.T, "float")) / 8
		return f, strconv.FormatFloat(f, 'f', 3, 64)
	case 5:
		list, texts := []any{}, []string{}
		for range rapid.IntRange(0, 3).Draw(w.T, "length") {
			v, t := w.value(depth + 1)
			list, texts = append(list, v), append(texts, t)
		}
		return list, "[" + strings.Join(texts, ", ") + "]"
	case 6:
		m, text := w.mapping(depth+1, rapid.StringMatching(`[a-z][a-z0-9 -]{0,5}[a-z0-9]`))
		return m, text
	}
	s := w.text("text")
	return s, w.scalar(s)
}

func (w *writer) mapping(depth int, names *rapid.Generator[string]) (want map[string]any, text string) {
	want = map[string]any{}
	var texts []string
	for _, k := range rapid.SliceOfNDistinct(names, 0, 3, rapid.ID).Draw(w.T, "keys") {
		v, t := w.value(depth)
		want[k] = v
		texts = append(texts, quoted(k)+": "+t)
	}
	return want, "{" + strings.Join(texts, ", ") + "}"
}

// given says whether the job has an attribute.
func (w *writer) given(attr string) bool { return rapid.Bool().Draw(w.T, attr) }

// overridden draws whether an attribute is marked, and how.
func (w *writer) overridden(j *configlang.Job, a configlang.Attr) string {
	switch mark := rapid.SampledFrom([]string{"", "!override ", "!inherit "}).Draw(w.T, "mark"); mark {
	case "!override ":
		j.Override |= 1 << a
		return mark
	case "!inherit ":
		j.Override &^= 1 << a
		return mark
	}
	return ""
}

func (w *writer) texts(attr string) (want, texts []string) {
	for range rapid.IntRange(0, 3).Draw(w.T, attr) {
		// A single empty text would be a list of one too.
		s := w.text(attr)
		want, texts = append(want, s), append(texts, w.scalar(s))
	}
	return want, texts
}

// attribute is one of a job, and the field that it is read into.
type attribute[T any] struct {
	attr string
	to   *T
}

func (w *writer) flags(j *configlang.Job) {
	for _, x := range []attribute[*bool]{{"final", &j.Final}, {"abstract", &j.Abstract}, {"protected", &j.Protected}, {"voting", &j.Voting},
		{"hold-following-changes", &j.HoldFollowingChanges}, {"match-on-config-updates", &j.MatchOnConfigUpdates}, {"ansible-split-streams", &j.AnsibleSplitStreams}} {
		if w.given(x.attr) {
			b := rapid.Bool().Draw(w.T, "value")
			*x.to = &b
			w.put(x.attr, strconv.FormatBool(b))
		}
	}
}

func (w *writer) scalars(j *configlang.Job) {
	for _, x := range []attribute[string]{{"description", &j.Description}, {"variant-description", &j.VariantDescription}} {
		if w.given(x.attr) {
			*x.to = w.text(x.attr)
			w.put(x.attr, w.scalar(*x.to))
		}
	}
	for _, x := range []attribute[*string]{{"success-message", &j.SuccessMessage}, {"failure-message", &j.FailureMessage},
		{"override-checkout", &j.OverrideCheckout}, {"override-branch", &j.OverrideBranch}, {"image-build-name", &j.ImageBuildName}} {
		if w.given(x.attr) {
			s := w.text(x.attr)
			*x.to = &s
			w.put(x.attr, w.scalar(s))
		}
	}
	for _, x := range []attribute[*int64]{{"timeout", &j.Timeout}, {"post-timeout", &j.PostTimeout}, {"attempts", &j.Attempts}} {
		if w.given(x.attr) {
			i := rapid.Int64Range(-100, 1<<31).Draw(w.T, x.attr)
			*x.to = &i
			w.put(x.attr, w.number(i))
		}
	}
}

func (w *writer) lists(j *configlang.Job) {
	for _, x := range []struct {
		attr configlang.Attr
		to   *[]string
	}{{configlang.AttrTags, &j.Tags}, {configlang.AttrProvides, &j.Provides}, {configlang.AttrRequires, &j.Requires}} {
		if w.given(x.attr.String()) {
			want, texts := w.texts(x.attr.String())
			slices.Sort(want)
			*x.to = slices.Compact(want)
			j.Given = j.Given.With(x.attr)
			w.put(x.attr.String(), w.overridden(j, x.attr)+w.list(texts))
		}
	}
	if w.given("dependencies") {
		var texts []string
		for range rapid.IntRange(0, 3).Draw(w.T, "dependencies") {
			d := configlang.Dependency{Name: w.text("name"), Soft: rapid.Bool().Draw(w.T, "soft")}
			j.Dependencies = append(j.Dependencies, d)
			text := w.scalar(d.Name)
			if d.Soft || rapid.Bool().Draw(w.T, "long") {
				text = fmt.Sprintf("{name: %s, soft: %v}", text, d.Soft)
			}
			texts = append(texts, text)
		}
		j.Given = j.Given.With(configlang.AttrDependencies)
		w.put("dependencies", w.overridden(j, configlang.AttrDependencies)+w.list(texts))
	}
}

func (w *writer) vars(j *configlang.Job) {
	for _, x := range []struct {
		attr configlang.Attr
		to   *map[string]any
	}{{configlang.AttrVars, &j.Vars}, {configlang.AttrExtraVars, &j.ExtraVars}} {
		if w.given(x.attr.String()) {
			want, text := w.mapping(0, rapid.StringMatching(`x[A-Za-z0-9_]{0,5}`))
			*x.to = want
			w.put(x.attr.String(), w.overridden(j, x.attr)+text)
		}
	}
}

// TestJobsAreWhatIsWritten writes jobs in any form that YAML has, and reads them back.
func TestJobsAreWhatIsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &writer{T: t}
		want := configlang.Parse("- job: {name: unit}").Jobs[0]
		w.put("name", w.scalar(want.Name))
		w.flags(want)
		w.scalars(want)
		w.lists(want)
		w.vars(want)
		slices.SortFunc(w.attrs, func(a, b written) int { return strings.Compare(a.attr, b.attr) })
		content := "- job:\n"
		for _, a := range w.attrs {
			content += "    " + a.attr + ": " + a.value + "\n"
		}
		f := configlang.Parse(content)
		if len(f.Problems) > 0 || len(f.Jobs) != 1 {
			t.Fatalf("problems: %+v\n%s", f.Problems, content)
		}
		if diff := cmp.Diff(want, f.Jobs[0], cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("(-written +read):\n%s\n%s", diff, content)
		}
	})
}
