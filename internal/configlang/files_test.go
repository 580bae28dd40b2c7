package configlang

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the expected outcome in testdata")

// TestFiles parses the YAML in testdata/*.txt: before the line of dashes stands
// the file, behind it its normal form and its errors. "=====" separates cases,
// whose first line is their title. Rewrite with -update and review the diff.
func TestFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in testdata: %v", err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var now []string
		for c := range strings.SplitSeq(string(raw), "\n=====\n") {
			head, _, _ := strings.Cut(c, "\n-----")
			title, input, _ := strings.Cut(head, "\n")
			got := outcome(unescape(input))
			now = append(now, strings.TrimRight(head, "\n")+"\n-----\n"+got)
			if *update {
				continue
			}
			t.Run(filepath.Base(file)+"/"+strings.TrimPrefix(title, "# "), func(t *testing.T) {
				if diff := cmp.Diff(strings.TrimSpace(c), strings.TrimSpace(now[len(now)-1])); diff != "" {
					t.Errorf("the outcome changed (-want +got); -update accepts it:\n%s", diff)
				}
			})
		}
		if *update {
			if err := os.WriteFile(file, []byte(strings.Join(now, "=====\n")), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// unescape lets a test file hold what an editor would not keep.
func unescape(s string) string {
	return strings.NewReplacer("<TAB>", "\t", "<NUL>", "\x00", "<FF>", "\xff", "<CR>", "\r", "<BOM>", "\ufeff").Replace(s)
}

func outcome(content string) string {
	objects, errs := Parse(&Source{Project: "git/acme/web", Branch: "main", Path: ".zuul.yaml", Content: content})
	var b strings.Builder
	v := reflect.ValueOf(objects)
	for i := range v.NumField() {
		for j := range v.Field(i).Len() {
			fmt.Fprintf(&b, "%s\n", strings.TrimSuffix(v.Type().Field(i).Name, "s"))
			dump(&b, v.Field(i).Index(j), "  ")
		}
	}
	for _, e := range errs {
		if e.Name != "" {
			fmt.Fprintf(&b, "[%s] ", e.Name)
		}
		b.WriteString(e.Error() + "\n")
	}
	if b.Len() == 0 {
		return "nothing\n"
	}
	return b.String()
}

// dump prints the fields of a struct that are set, one a line.
func dump(b *strings.Builder, v reflect.Value, indent string) {
	for i := range v.NumField() {
		f, field := v.Field(i), v.Type().Field(i)
		if !field.IsExported() || f.IsZero() {
			continue
		}
		for f.Kind() == reflect.Pointer {
			f = f.Elem()
		}
		switch {
		case field.Type == reflect.TypeFor[Pos]():
			p := f.Interface().(Pos)
			fmt.Fprintf(b, "%sat %d:%d\n", indent, p.Line, p.Column)
		case f.Kind() == reflect.Struct:
			fmt.Fprintf(b, "%s%s\n", indent, field.Name)
			dump(b, f, indent+"  ")
		case f.Kind() == reflect.Slice:
			dumpSlice(b, f, field.Name, indent)
		case f.Type() == reflect.TypeFor[map[string][]Reporter]():
			m := f.Interface().(map[string][]Reporter)
			for _, occasion := range slices.Sorted(maps.Keys(m)) {
				dumpSlice(b, reflect.ValueOf(m[occasion]), occasion, indent)
			}
		default:
			fmt.Fprintf(b, "%s%s: %v\n", indent, field.Name, f)
		}
	}
}

func dumpSlice(b *strings.Builder, v reflect.Value, name, indent string) {
	if v.Len() == 0 {
		fmt.Fprintf(b, "%s%s: none\n", indent, name)
	}
	for i := range v.Len() {
		if v.Index(i).Kind() == reflect.Struct {
			fmt.Fprintf(b, "%s%s\n", indent, name)
			dump(b, v.Index(i), indent+"  ")
			continue
		}
		fmt.Fprintf(b, "%s%s: %v\n", indent, name, v.Index(i))
	}
}
