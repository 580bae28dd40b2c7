package configlang

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestIsConfigPath(t *testing.T) {
	extra := []string{"ci/jobs.yaml", "ci/zuul/"}
	for file, want := range map[string]bool{
		"zuul.yaml": true, ".zuul.yaml": true, "zuul.d/a.yaml": true, ".zuul.d/deep/b.yaml": true,
		"zuul.d": false, "zuul.yml": false, "sub/zuul.yaml": false, "zuul.yaml.orig": false, "zuul.data/x.yaml": false,
		"ci/jobs.yaml": true, "ci/zuul/x.yaml": true, "ci/zuul": false, "ci/other.yaml": false, "": false,
	} {
		if got := IsConfigPath(file, extra); got != want {
			t.Errorf("IsConfigPath(%q) = %v, want %v", file, got, want)
		}
	}
}

func TestSelect(t *testing.T) {
	tests := map[string]struct {
		found []string
		extra []string
		want  []string
	}{
		"nothing":                  {nil, nil, nil},
		"the file":                 {[]string{"zuul.yaml", ".zuul.yaml"}, nil, []string{"zuul.yaml"}},
		"the file before folders":  {[]string{".zuul.d/x.yaml", "zuul.d/x.yaml", "zuul.yaml"}, nil, []string{"zuul.yaml"}},
		"a folder before dot file": {[]string{".zuul.yaml", "zuul.d/x.yaml"}, nil, []string{"zuul.d/x.yaml"}},
		"sorted, deep, yaml only":  {[]string{"zuul.d/b.yaml", "zuul.d/a/z.yaml", "zuul.d/README.md", "zuul.d/c.yml"}, nil, []string{"zuul.d/a/z.yaml", "zuul.d/b.yaml"}},
		"a folder without yaml":    {[]string{"zuul.d/README.md", ".zuul.yaml"}, nil, []string{".zuul.yaml"}},
		"extra after default":      {[]string{"ci/x.yaml", "more/a.yaml", ".zuul.yaml", "other.yaml"}, []string{"more/", "ci/x.yaml", "gone/"}, []string{".zuul.yaml", "more/a.yaml", "ci/x.yaml"}},
		"extra once":               {[]string{"zuul.d/a.yaml", "ci/a.yaml"}, []string{"zuul.d/", "ci/", "ci/a.yaml"}, []string{"zuul.d/a.yaml", "ci/a.yaml"}},
		"extra alone":              {[]string{"ci/a.yaml"}, []string{"ci/"}, []string{"ci/a.yaml"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			found := map[string]string{}
			for _, f := range tc.found {
				found[f] = ""
			}
			if diff := cmp.Diff(tc.want, Select(found, tc.extra)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestClosest(t *testing.T) {
	among := []string{"files", "job", "name", "nodeset", "run", "timeout"}
	for word, want := range map[string]string{
		"nodset": "nodeset", "nodesets": "nodeset", "timeuot": "timeout", "jbo": "job", "gate": "", "rnu": "run", "x": "", "": "", "file": "files", "description": "",
	} {
		if got := closest(word, among); got != want {
			t.Errorf("closest(%q) = %q, want %q", word, got, want)
		}
	}
}
