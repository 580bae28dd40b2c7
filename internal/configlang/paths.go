package configlang

import "strings"

// DefaultPaths are where configuration is looked for, folders with a slash at the end.
var DefaultPaths = []string{"zuul.yaml", "zuul.d/", ".zuul.yaml", ".zuul.d/"}

// IsConfigPath says whether a file is configuration, or decides what is.
func IsConfigPath(path string, extra []string) bool {
	for _, list := range [][]string{DefaultPaths, extra} {
		for _, p := range list {
			if path == p || strings.HasSuffix(p, "/") && strings.HasPrefix(path, p) {
				return true
			}
		}
	}
	return false
}
