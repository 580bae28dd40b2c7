package archtest

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/gozer-dev/gozer"

// layer of a package; a package imports its own layer and those below it.
type layer int

const (
	values      layer = iota // model
	pure                     // decide
	objects                  // api: the kinds; pure packages do not know them
	views                    // pure as well, but of objects
	effects                  // I/O
	controllers              // gather, call, apply
	commands                 // put together
)

// layers of all packages; a folder stands for what is below it, the longest match counts.
var layers = map[string]layer{
	"internal/model": values,

	"internal/ansible": pure, "internal/artifacts": pure, "internal/buildspec": pure, "internal/configlang": pure, "internal/confview": pure, "internal/depends": pure, "internal/gate": pure, "internal/hold": pure,
	"internal/jobgraph": pure, "internal/layout": pure, "internal/match": pure, "internal/mergeplan": pure,
	"internal/lru": pure, "internal/repostate": pure, "internal/returned": pure,
	"internal/naming": pure, "internal/nodes": pure, "internal/podspec": pure, "internal/report": pure, "internal/secretcrypt": pure, "internal/semaphore": pure, "internal/simulate": pure, "internal/tenantfile": pure, "internal/timer": pure, "internal/token": pure, "internal/zuulregex": pure,

	"api": objects,

	"internal/convert": views, "internal/nodeview": views, "internal/statusview": views,

	"internal/apimetrics": effects, "internal/cli": effects, "internal/configsource": effects, "internal/drivers": effects,
	"internal/executor": effects, "internal/gitrepo": effects, "internal/history": effects, "internal/hosts": effects, "internal/identity": effects,
	"internal/finger": effects, "internal/gcsblob": effects, "internal/intake": effects, "internal/logarchive": effects, "internal/logfollow": effects, "internal/logstore": effects, "internal/managerapi": effects, "internal/merger": effects,
	"internal/localrepo": effects, "internal/nodeagent": effects, "internal/offline": effects, "internal/projectkeys": effects, "internal/web": effects, "internal/archtest": effects, "internal/testkit": effects,

	"controllers": controllers,
	"cmd":         commands, "hack/demo": commands, "test": commands,
}

// forbidden to pure packages and views: whatever reaches outside the process.
var forbidden = []string{
	"net", "os/exec", "database/sql", "context", "log",
	"k8s.io/client-go", "sigs.k8s.io/controller-runtime",
	"github.com/go-git", "code.gitea.io",
}

// exceptions name a package, what it may import all the same, and why.
var exceptions = map[string]map[string]string{
	"internal/podspec":    {"k8s.io/api": "its results are Pods", "k8s.io/apimachinery": "its results are Pods"},
	"internal/token":      {"os": "it reads the installation's key"},
	"internal/buildspec":  {"net/url": "it writes a name in one part as URLs do, and asks nobody"},
	"internal/returned":   {"net/url": "it tells a link from other text, and asks nobody"},
	"internal/tenantfile": {"net/url": "it takes the host out of a URL, and asks nobody"},
}

// forbiddenToPure comes on top for packages below the objects.
var forbiddenToPure = []string{"os", "k8s.io"}

func TestLayers(t *testing.T) {
	for _, dir := range packages(t) {
		own, err := layerOf(dir)
		if err != nil {
			t.Error(err)
			continue
		}
		for imported, file := range imports(t, dir) {
			if err := allowed(dir, own, imported); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
}

// allowed says why a package may not import another.
func allowed(dir string, own layer, imported string) error {
	if inside, ok := strings.CutPrefix(imported, module+"/"); ok {
		other, err := layerOf(inside)
		if err != nil {
			return err
		}
		if other > own {
			return fmt.Errorf("imports %s, which is in a layer above its own", inside)
		}
		return nil
	}
	var bad []string
	if own <= pure || own == views {
		bad = append(bad, forbidden...)
	}
	if own <= pure {
		bad = append(bad, forbiddenToPure...)
	}
	for _, b := range bad {
		if !within(imported, b) {
			continue
		}
		excused := slices.ContainsFunc(slices.Collect(maps.Keys(exceptions[dir])), func(e string) bool { return within(imported, e) })
		if !excused {
			return fmt.Errorf("imports %s: a pure package decides from values alone", imported)
		}
	}
	return nil
}

// Clocks are read where values are gathered; decisions are told the time.
func TestPurePackagesHaveNoClock(t *testing.T) {
	for _, dir := range packages(t) {
		if own, err := layerOf(dir); err != nil || own > pure && own != views {
			continue
		}
		each(t, dir, 0, func(file string, f *ast.File) {
			ast.Inspect(f, func(n ast.Node) bool {
				s, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "Sleep", "After", "NewTimer", "NewTicker", "Tick"}, s.Sel.Name) {
					t.Errorf("%s: uses time.%s: a pure package is told the time", file, s.Sel.Name)
				}
				return true
			})
		})
	}
}

// The rules themselves are tested: what they forbid, they find.
func TestAllowed(t *testing.T) {
	for _, tc := range []struct {
		dir, imported string
		ok            bool
	}{
		{"internal/gate", module + "/internal/model", true},
		{"internal/gate", module + "/api/v1alpha1", false},
		{"internal/gate", module + "/internal/drivers/gitea", false},
		{"internal/model", module + "/internal/gate", false},
		{"internal/layout", "net/http", false},
		{"internal/layout", "context", false},
		{"internal/layout", "os", false},
		{"internal/naming", "k8s.io/apimachinery/pkg/types", false},
		{"internal/podspec", "k8s.io/api/core/v1", true},
		{"internal/podspec", "k8s.io/client-go/rest", false},
		{"internal/statusview", module + "/api/v1alpha1", true},
		{"internal/statusview", "sigs.k8s.io/controller-runtime/pkg/client", false},
		{"internal/merger", module + "/controllers/build", false},
		{"controllers/build", module + "/internal/merger", true},
		{"controllers/build", module + "/cmd/gozer", false},
	} {
		own, err := layerOf(tc.dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := allowed(tc.dir, own, tc.imported); (err == nil) != tc.ok {
			t.Errorf("%s importing %s: %v", tc.dir, tc.imported, err)
		}
	}
}

// within says whether an import path is the prefix or below it.
func within(p, prefix string) bool { return p == prefix || strings.HasPrefix(p, prefix+"/") }

func layerOf(dir string) (layer, error) {
	for d := dir; d != "."; d = path.Dir(d) {
		if l, ok := layers[d]; ok {
			return l, nil
		}
	}
	return 0, fmt.Errorf("package %s has no layer: give it one in internal/archtest", dir)
}

// root is where go.mod lies, seen from this package.
const root = "../.."

// packages are all folders of this module with Go files that are no tests.
func packages(t *testing.T) []string {
	t.Helper()
	seen := map[string]bool{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if _, err := os.Stat(filepath.Join(p, "go.mod")); p != root && (err == nil || strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules") {
				return filepath.SkipDir
			}
			return nil
		}
		if isSource(d.Name()) {
			rel, err := filepath.Rel(root, filepath.Dir(p))
			seen[filepath.ToSlash(rel)] = true
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) < 20 {
		t.Fatalf("found only %d packages: is %s the module's root?", len(seen), root)
	}
	return slices.Sorted(maps.Keys(seen))
}

func isSource(name string) bool {
	return strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
}

// imports of a package, each with one file that has it.
func imports(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	each(t, dir, parser.ImportsOnly, func(file string, f *ast.File) {
		for _, i := range f.Imports {
			p, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			out[p] = file
		}
	})
	return out
}

func each(t *testing.T, dir string, mode parser.Mode, do func(file string, f *ast.File)) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(root, dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !isSource(e.Name()) {
			continue
		}
		name := path.Join(dir, e.Name())
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, name), nil, mode)
		if err != nil {
			t.Fatal(errors.Join(fmt.Errorf("%s", name), err))
		}
		do(name, f)
	}
}
