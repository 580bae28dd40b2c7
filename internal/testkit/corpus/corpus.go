// Package corpus finds the public configurations, and what Zuul makes of them,
// that tests and benchmarks compare with. They are not part of the project.
package corpus

import (
	"bufio"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Variable names the folder; without it the folder "shared" is looked for
// beside the checkout, and beside the repository that it was cloned from.
const Variable = "GOZER_SHARED"

// Dir is the folder with corpus and oracle. A test that needs it fails when it is not there.
func Dir(tb testing.TB) string {
	tb.Helper()
	if dir := os.Getenv(Variable); dir != "" {
		if !is(dir) {
			tb.Fatalf("%s is %s, which has no folders corpus and oracle", Variable, dir)
		}
		return dir
	}
	root := checkout(tb)
	for _, start := range append([]string{root}, origins(root)...) {
		for dir := filepath.Dir(start); ; dir = filepath.Dir(dir) {
			if found := filepath.Join(dir, "shared"); is(found) {
				return found
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	tb.Fatalf("the folder with the corpus is not there; put it beside the checkout as ../shared, or say with %s where it is", Variable)
	return ""
}

func is(dir string) bool {
	for _, part := range []string{"corpus", "oracle"} {
		if info, err := os.Stat(filepath.Join(dir, part)); err != nil || !info.IsDir() {
			return false
		}
	}
	return true
}

// checkout is the root of the project: this file knows where it is.
func checkout(tb testing.TB) string {
	tb.Helper()
	_, file, _, ok := runtime.Caller(0)
	if !ok || !filepath.IsAbs(file) {
		tb.Fatal("this test binary does not know where the project is (-trimpath?); set " + Variable)
	}
	return filepath.Join(filepath.Dir(file), "../../..")
}

// origins are the folders that the checkout was cloned from.
func origins(root string) []string {
	f, err := os.Open(filepath.Join(root, ".git", "config"))
	if err != nil {
		return nil
	}
	defer f.Close() //nolint:errcheck // it was only read
	var out []string
	for s := bufio.NewScanner(f); s.Scan(); {
		key, value, _ := strings.Cut(s.Text(), "=")
		value = strings.TrimPrefix(strings.TrimSpace(value), "file://")
		if strings.TrimSpace(key) == "url" && filepath.IsAbs(value) {
			out = append(out, strings.TrimSuffix(value, "/.git"))
		}
	}
	return out
}
