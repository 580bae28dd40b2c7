package scenario

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rows of the list of what Zuul's own tests tell about the scheduler.
const rows = 90

// beyond is what Zuul does not have; stories about it begin with one of these.
var beyond = []string{"rescue", "expedite"}

// TestBeyond: docs/conformance.md names the stories of what Zuul does not have.
func TestBeyond(t *testing.T) {
	raw, err := os.ReadFile("../../docs/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(raw), "\n### Beyond Zuul\n")
	text, _, _ = strings.Cut(text, "\n#")
	for _, file := range storyFiles(t) {
		if name := storyName(file); slices.ContainsFunc(beyond, func(b string) bool { return strings.HasPrefix(name, b+"_") }) && !strings.Contains(text, "`"+name+"`") {
			t.Errorf("docs/conformance.md does not name %s under Beyond Zuul", name)
		}
	}
}

// table is what stands under a heading of docs/conformance.md: the last cell of
// each line, by the number in its first.
func table(t *testing.T, heading string) map[int]string {
	t.Helper()
	raw, err := os.ReadFile("../../docs/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(raw), "\n"+heading+"\n")
	if !ok {
		t.Fatalf("docs/conformance.md has no %q", heading)
	}
	text, _, _ = strings.Cut(text, "\n#")
	out := map[int]string{}
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		n, err := strconv.Atoi(strings.TrimSpace(cells[0]))
		if err != nil {
			continue
		}
		if out[n] != "" {
			t.Errorf("row %d stands twice under %s", n, heading)
		}
		out[n] = strings.TrimSpace(cells[len(cells)-1])
	}
	return out
}

var quoted = regexp.MustCompile("`([^`]+)`")

// TestRows: every row is told by a story, tested elsewhere, or waits, and
// docs/conformance.md says so truly.
func TestRows(t *testing.T) {
	stories := map[int][]string{}
	played := 0
	for _, file := range storyFiles(t) {
		if feature, _, own := strings.Cut(storyName(file), "_"); own && slices.Contains(beyond, feature) {
			continue
		}
		number, name, _ := strings.Cut(storyName(file), "-")
		n, err := strconv.Atoi(number)
		if err != nil {
			t.Errorf("%s does not begin with the number of its row, nor with what Zuul does not have: %v", file, beyond)
			continue
		}
		cell := "`" + name + "`"
		if slices.Contains(OnTheRealServer, storyName(file)) {
			cell += " †"
			played++
		}
		stories[n] = append(stories[n], cell)
	}
	if played != len(OnTheRealServer) {
		t.Errorf("of the %d stories that are played on the real server as well, %d are there", len(OnTheRealServer), played)
	}
	if *update {
		rewrite(t, stories)
	}
	told, waiting, elsewhere := table(t, "## The scheduler, story by story"), table(t, "### Waiting"), table(t, "### Tested elsewhere")
	for n := 1; n <= rows; n++ {
		places := 0
		for _, there := range []bool{stories[n] != nil, waiting[n] != "", elsewhere[n] != ""} {
			if there {
				places++
			}
		}
		if places != 1 {
			t.Errorf("row %d is in %d of: stories, waiting, tested elsewhere", n, places)
		}
		if want := strings.Join(stories[n], ", "); told[n] != want {
			t.Errorf("row %d: docs/conformance.md names %s, there are %s", n, told[n], want)
		}
	}
	for n, cell := range elsewhere {
		testsExist(t, n, cell)
	}
}

// rewrite names the stories of every row in the table.
func rewrite(t *testing.T, stories map[int][]string) {
	t.Helper()
	const page = "../../docs/conformance.md"
	raw, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(raw), "\n## The scheduler, story by story\n")
	text, after, _ := strings.Cut(rest, "\n### Waiting\n")
	var out []string
	for _, line := range strings.Split(text, "\n") {
		cells := strings.Split(line, " | ")
		if n, err := strconv.Atoi(strings.TrimLeft(cells[0], "| ")); err == nil {
			cells[len(cells)-1] = strings.Join(stories[n], ", ") + " |"
		}
		out = append(out, strings.Join(cells, " | "))
	}
	text = before + "\n## The scheduler, story by story\n" + strings.Join(out, "\n") + "\n### Waiting\n" + after
	if err := os.WriteFile(page, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// testsExist checks cells of the form "`package` `Test`, `Test`; `package` ...".
func testsExist(t *testing.T, row int, cell string) {
	t.Helper()
	dir := ""
	for _, m := range quoted.FindAllStringSubmatch(cell, -1) {
		if !strings.HasPrefix(m[1], "Test") {
			dir = m[1]
			continue
		}
		files, err := filepath.Glob(filepath.Join("../..", dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			found = found || strings.Contains(string(raw), "\nfunc "+m[1]+"(")
		}
		if !found {
			t.Errorf("row %d: there is no %s in %s", row, m[1], dir)
		}
	}
}
