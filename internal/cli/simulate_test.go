package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSimulate plays small loads; what is printed is in testdata/simulate/golden.
func TestSimulate(t *testing.T) {
	trace := "testdata/simulate/three.jsonl"
	for name, tc := range map[string]struct {
		args []string
		code int
	}{
		"text":           {[]string{"--trace", trace, "--policy", "all,zuul+retry,zuul+retry+rescue"}, 0},
		"urgent":         {[]string{"--synthetic", "n=60,rate=60/h,jobs=unit:10m", "--window", "3", "--urgent", "0.1", "--policy", "zuul,zuul+expedite"}, 0},
		"urgent_share":   {[]string{"--trace", trace, "--urgent", "2"}, 2},
		"variant":        {[]string{"--trace", trace, "--policy", "serial+rescue"}, 2},
		"json":           {[]string{"--trace", trace, "-o", "json"}, 0},
		"scarce":         {[]string{"--trace", trace, "--nodes", "1", "--window", "2", "--policy", "zuul,oracle"}, 0},
		"serial":         {[]string{"--trace", trace, "--manager", "serial"}, 0},
		"faster":         {[]string{"--trace", trace, "--speed", "10"}, 0},
		"synthetic":      {[]string{"--synthetic", "n=20,rate=10/h,jobs=unit:10m+lint:90s", "--seed", "7"}, 0},
		"wrong_trace":    {[]string{"--trace", "testdata/simulate/wrong.jsonl"}, 1},
		"no_trace":       {[]string{"--trace", "testdata/simulate/none.jsonl"}, 2},
		"nothing":        {nil, 2},
		"both":           {[]string{"--trace", trace, "--synthetic", "n=1"}, 2},
		"policy":         {[]string{"--trace", trace, "--policy", "magic"}, 2},
		"manager":        {[]string{"--trace", trace, "--manager", "independent"}, 2},
		"wrong_invented": {[]string{"--synthetic", "n=many"}, 2},
		"speed":          {[]string{"--trace", trace, "--speed", "0"}, 2},
		"ceiling":        {[]string{"--trace", trace, "--window-ceiling", "2"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := Main(t.Context(), append([]string{"gozerctl", "simulate"}, tc.args...), Streams{Out: &out, Err: &errs})
			if code != tc.code {
				t.Errorf("exit code %d, want %d: %s", code, tc.code, errs.String())
			}
			golden := filepath.Join("testdata/simulate/golden", name+".txt")
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
