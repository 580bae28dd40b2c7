package cli

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var updateGolden = flag.Bool("update-golden", false, "rewrite the expected output in testdata/config")

// TestConfigOffline runs the commands on the folders in testdata/config; what
// they print is in the golden files beside them.
func TestConfigOffline(t *testing.T) {
	tenant := []string{"--tenant", "main.yaml", "--tenant-name", "acme", "--root", "src", "--connections", "zuul.conf"}
	for name, tc := range map[string]struct {
		args []string
		code int
	}{
		"check":              {append([]string{"check"}, tenant...), 1},
		"check_json":         {append([]string{"check", "-o", "json"}, tenant...), 1},
		"check_jsonl":        {append([]string{"check", "-o", "jsonl"}, tenant...), 1},
		"check_file":         {[]string{"check", "src/acme/lib/.zuul.yaml"}, 1},
		"check_clean_files":  {[]string{"check", "src/acme/config/zuul.yaml", "src/acme/web/.zuul.yaml"}, 0},
		"check_no_root":      {[]string{"check", "--tenant", "main.yaml"}, 2},
		"check_other_root":   {[]string{"check", "--tenant", "main.yaml", "--root", "nowhere"}, 2},
		"check_no_tenant":    {append([]string{"check"}, append(tenant, "--tenant-name", "nobody")...), 2},
		"check_all_broken":   {[]string{"check", "--tenant", "broken.yaml", "--root", "src", "--connections", "zuul.conf"}, 1},
		"check_one_broken":   {[]string{"check", "--tenant", "one.yaml", "--root", "src", "--connections", "zuul.conf"}, 1},
		"check_no_file":      {[]string{"check", "none.yaml"}, 2},
		"jobs":               {append([]string{"jobs"}, tenant...), 0},
		"jobs_jsonl":         {append([]string{"jobs", "-o", "jsonl", "--project", "acme/web"}, tenant...), 0},
		"jobs_of_files":      {append([]string{"jobs", "--changed-file", "src/main.go"}, tenant...), 0},
		"jobs_of_branch":     {append([]string{"jobs", "--branch", "stable/1"}, tenant...), 0},
		"jobs_no_project":    {append([]string{"jobs", "--project", "acme/nothing"}, tenant...), 2},
		"jobs_no_pipeline":   {append([]string{"jobs", "--pipeline", "gate"}, tenant...), 2},
		"explain":            {append([]string{"explain-job", "unit", "--project", "acme/web"}, tenant...), 0},
		"explain_json":       {append([]string{"explain-job", "unit", "--project", "acme/web", "-o", "json"}, tenant...), 0},
		"explain_not_run":    {append([]string{"explain-job", "base", "--project", "acme/web"}, tenant...), 1},
		"explain_unknown":    {append([]string{"explain-job", "nothing", "--project", "acme/web"}, tenant...), 1},
		"explain_no_project": {append([]string{"explain-job", "unit"}, tenant...), 2},
	} {
		t.Run(name, func(t *testing.T) {
			golden, err := filepath.Abs(filepath.Join("testdata/config/golden", name+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			t.Chdir("testdata/config")
			var out, errs strings.Builder
			code := run(t.Context(), &env{Streams: Streams{Out: &out, Err: &errs}}, append([]string{"gozerctl", "config"}, tc.args...))
			if code != tc.code {
				t.Errorf("exit code %d, want %d", code, tc.code)
			}
			got := out.String() + errs.String()
			if *updateGolden {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got); -update-golden accepts it:\n%s", diff)
			}
		})
	}
}
