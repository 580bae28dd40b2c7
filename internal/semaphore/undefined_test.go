package semaphore_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gozer-dev/gozer/internal/semaphore"
)

func TestNames(t *testing.T) {
	for name, tc := range map[string]struct {
		// exist and missing are semaphores that nobody defined; held of them by somebody.
		exist, missing, held string
		builds               []semaphore.Build
		// want is "make a b, drop c, refused x".
		want string
	}{
		"nobody":                       {"", "", "", nil, "make , drop , refused "},
		"one":                          {"", "a", "", []semaphore.Build{waits("x", "a", 2, 0, 1)}, "make a, drop , refused "},
		"in order":                     {"", "a b", "", []semaphore.Build{waits("x", "a", 2, 1, 1), waits("y", "b", 2, 0, 1)}, "make b a, drop , refused "},
		"what is defined is no name":   {"", "a", "", []semaphore.Build{waits("x", "defined a", 2, 0, 1)}, "make a, drop , refused "},
		"room for three":               {"", "a b c d", "", []semaphore.Build{waits("x", "a b", 2, 0, 1), waits("y", "c d", 2, 0, 2), waits("z", "c", 2, 0, 3)}, "make a b c, drop , refused y"},
		"shared names count once":      {"", "a b c", "", []semaphore.Build{waits("x", "a b", 2, 0, 1), waits("y", "b c", 2, 0, 2)}, "make a b c, drop , refused "},
		"unneeded ones stay":           {"a b", "c", "", []semaphore.Build{waits("x", "c", 2, 0, 1)}, "make c, drop , refused "},
		"unneeded ones give way":       {"a b", "c d", "", []semaphore.Build{waits("x", "c d", 2, 0, 1)}, "make c d, drop a b, refused "},
		"what is held does not":        {"a b", "c d", "a b", []semaphore.Build{waits("x", "c d", 2, 0, 1)}, "make , drop , refused x"},
		"who went on has all":          {"", "a b c d", "", []semaphore.Build{holds("x", "a b c d"), waits("y", "a", 2, 0, 1)}, "make a b c d, drop , refused "},
		"half of a build is of no use": {"a b", "c d e", "", []semaphore.Build{waits("x", "a c", 2, 0, 1), waits("y", "b d e", 2, 0, 2)}, "make c, drop , refused y"},
	} {
		t.Run(name, func(t *testing.T) {
			all, now := map[semaphore.Key]bool{}, map[semaphore.Key]semaphore.Semaphore{}
			for _, k := range keys(tc.missing) {
				all[k] = false
			}
			for _, k := range keys(tc.exist) {
				all[k], now[k] = true, semaphore.Semaphore{Max: 1}
			}
			for _, k := range keys(tc.held) {
				now[k] = semaphore.Semaphore{Max: 1, Holders: []string{"somebody"}}
			}
			got := semaphore.Names(all, now, tc.builds, 3)
			var drop []string
			for _, k := range got.Drop {
				drop = append(drop, k.Name)
			}
			slices.Sort(drop)
			var made, refused []string
			for _, k := range got.Make {
				made = append(made, k.Name)
			}
			for _, b := range tc.builds {
				if got.Refused[b.Name] {
					refused = append(refused, b.Name)
				}
			}
			told := fmt.Sprintf("make %s, drop %s, refused %s", strings.Join(made, " "), strings.Join(drop, " "), strings.Join(refused, " "))
			if told != tc.want {
				t.Errorf("got %q, want %q", told, tc.want)
			}
		})
	}
}

// TestNamesOfTenants: what one tenant has takes no room from another.
func TestNamesOfTenants(t *testing.T) {
	of := func(tenant string) semaphore.Build {
		return semaphore.Build{Name: tenant + "/x", Needs: []semaphore.Key{{Scope: tenant, Name: "a"}, {Scope: tenant, Name: "b"}}}
	}
	all := map[semaphore.Key]bool{}
	builds := []semaphore.Build{of("acme"), of("other")}
	for _, b := range builds {
		for _, k := range b.Needs {
			all[k] = false
		}
	}
	if got := semaphore.Names(all, nil, builds, 2); len(got.Make) != 4 || got.Refused != nil {
		t.Errorf("got %v", got)
	}
}

// TestNamesProperties: there are never more than there may be, all builds come to
// their turn, and deciding again gives nothing new.
func TestNamesProperties(t *testing.T) {
	const most = 4
	rapid.Check(t, func(t *rapid.T) {
		l := newLand(t, 1)
		there := map[semaphore.Key]bool{}
		for round := 0; len(l.builds) > 0; round++ {
			if round > 100 {
				t.Fatalf("nobody gets on: %v", l.builds)
			}
			all, now := map[semaphore.Key]bool{}, map[semaphore.Key]semaphore.Semaphore{}
			for _, k := range keys("a b c d e f") {
				if all[k] = there[k]; there[k] {
					now[k] = l.now[k]
				}
			}
			names := semaphore.Names(all, now, l.builds, most)
			for _, k := range names.Drop {
				delete(there, k)
				delete(now, k)
			}
			for _, k := range names.Make[:min(2, len(names.Make))] { // so many in one pass
				there[k] = true
			}
			if len(there) > most {
				t.Fatalf("%d are there: %v", len(there), there)
			}
			served := slices.DeleteFunc(slices.Clone(l.builds), func(b semaphore.Build) bool { return names.Refused[b.Name] })
			decided := semaphore.Decide(now, served)
			if diff := cmp.Diff(names, semaphore.Names(all, now, l.builds, most)); len(names.Drop) == 0 && diff != "" {
				t.Fatalf("deciding again gives (-first +second):\n%s", diff)
			}
			l.write(decided, len(l.now))
			l.proceed()
			l.end(func(semaphore.Build) bool { return rapid.Bool().Draw(t, "ends") || len(names.Make) == 0 })
		}
	})
}
