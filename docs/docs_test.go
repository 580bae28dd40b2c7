// Package docs_test keeps the documentation true where a machine can: its
// examples are valid, its links lead somewhere, every kind has a page.
package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/layout"
)

// page is one Markdown file; its name is relative to the root of the repository.
type page struct{ name, text string }

func pages(t *testing.T) []page {
	t.Helper()
	names := []string{"../README.md"}
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".md") {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var out []page
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, page{filepath.Join("docs", name), string(text)})
	}
	return out
}

var (
	fence   = regexp.MustCompile("(?ms)^( *)```(\\w*)\n(.*?)^ *```$")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
)

// examples are the blocks of a language in the order of the page.
func (p page) examples(language string) []string {
	var out []string
	for _, m := range fence.FindAllStringSubmatch(p.text, -1) {
		if m[2] == language {
			out = append(out, strings.ReplaceAll("\n"+m[3], "\n"+m[1], "\n")[1:])
		}
	}
	return out
}

// kinds of this project, without their lists.
func kinds(t *testing.T) map[string]reflect.Type {
	t.Helper()
	s := runtime.NewScheme()
	if err := gozer.AddToScheme(s); err != nil {
		t.Fatal(err)
	}
	out := map[string]reflect.Type{}
	for name, typ := range s.KnownTypes(gozer.GroupVersion) {
		if strings.HasPrefix(typ.PkgPath(), "github.com/gozer-dev/") && !strings.HasSuffix(name, "List") {
			out[name] = typ
		}
	}
	return out
}

// TestExamples: a yaml block is Kubernetes objects, or begins with a comment
// that names it as a file of Zuul's language.
func TestExamples(t *testing.T) {
	known := kinds(t)
	seen := map[string]bool{}
	for _, p := range pages(t) {
		for _, text := range p.examples("yaml") {
			if strings.HasPrefix(text, "# zuul.yaml\n") || strings.HasPrefix(text, "# .zuul.yaml\n") {
				checkZuul(t, p.name, text)
				continue
			}
			for _, doc := range strings.Split(text, "\n---\n") {
				if kind := checkObject(t, p.name, doc, known); kind != "" {
					seen[kind+" "+p.name] = true
				}
			}
		}
	}
	for kind := range known {
		if page := filepath.Join("docs", "kinds", strings.ToLower(kind)+".md"); !seen[kind+" "+page] {
			t.Errorf("%s has no example of a %s", page, kind)
		}
	}
}

func checkZuul(t *testing.T, name, text string) {
	t.Helper()
	f := configlang.Parse(text)
	for _, err := range layout.FileErrors(name, f) {
		t.Errorf("%s", err.Error())
	}
	if reflect.DeepEqual(f, configlang.Parse("")) {
		t.Errorf("%s: the example defines nothing:\n%s", name, text)
	}
}

func checkObject(t *testing.T, name, doc string, known map[string]reflect.Type) (kind string) {
	t.Helper()
	var head struct{ APIVersion, Kind string }
	if err := yaml.Unmarshal([]byte(doc), &head); err != nil {
		t.Errorf("%s: %v\n%s", name, err, doc)
		return ""
	}
	if !strings.HasPrefix(head.APIVersion, gozer.GroupVersion.Group+"/") {
		if head.APIVersion == "" || head.Kind == "" {
			t.Errorf("%s: a yaml example is neither an object nor begins with `# zuul.yaml` or `# .zuul.yaml`:\n%s", name, doc)
		}
		return ""
	}
	typ, ok := known[head.Kind]
	if !ok || head.APIVersion != gozer.GroupVersion.String() {
		t.Errorf("%s: there is no kind %s in %s", name, head.Kind, head.APIVersion)
		return ""
	}
	if err := yaml.UnmarshalStrict([]byte(doc), reflect.New(typ).Interface()); err != nil {
		t.Errorf("%s: %v\n%s", name, err, doc)
	}
	return head.Kind
}

// TestLinks: links within the repository lead to a file, and to a heading that it has.
func TestLinks(t *testing.T) {
	anchors := map[string][]string{}
	for _, p := range pages(t) {
		for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(p.text, ""), -1) {
			anchors[p.name] = append(anchors[p.name], anchor(m[1]))
		}
	}
	for _, p := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(p.text, ""), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			path, fragment, _ := strings.Cut(m[1], "#")
			target := p.name
			if path != "" {
				target = filepath.Join(filepath.Dir(p.name), path)
			}
			if _, err := os.Stat(filepath.Join("..", target)); err != nil {
				t.Errorf("%s: the link %s leads nowhere", p.name, m[1])
			} else if fragment != "" && !slices.Contains(anchors[target], fragment) {
				t.Errorf("%s: %s has no heading for the link %s; it has %v", p.name, target, m[1], anchors[target])
			}
		}
	}
}

// anchor of a heading, as forges make it.
func anchor(title string) string {
	return strings.ReplaceAll(regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(title), ""), " ", "-")
}

// TestEveryKindIsDocumented: a page for every kind, and none for a kind that is not there.
func TestEveryKindIsDocumented(t *testing.T) {
	var want []string
	for kind := range kinds(t) {
		want = append(want, filepath.Join("kinds", strings.ToLower(kind)+".md"))
	}
	slices.Sort(want)
	got, err := filepath.Glob("kinds/*.md")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("pages of kinds: %v, want %v", got, want)
	}
}
