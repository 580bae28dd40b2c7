package buildspec

import (
	"errors"
	"strings"
	"testing"
)

func TestCheckFileName(t *testing.T) {
	for name, ok := range map[string]bool{
		"a": true, "a/b.txt": true, "with space.log": true, "ünï/文.txt": true, "a..b": true, ".hidden": true, "a:b?c#d%2e": true,
		strings.Repeat("a", 200): true, strings.Repeat("a/", 255) + "a": true,
		"": false, ".": false, "..": false, "../x": false, "a/../b": false, "a/./b": false, "a//b": false, "/a": false, "a/": false,
		`a\b`: false, "a\x00b": false, "a\nb": false, "a\x1b[0m": false, "a\u202eb": false, "a\u0085b": false, "\xff": false, "a\ufffd": false,
		strings.Repeat("a", 201): false, strings.Repeat("a/", 256) + "a": false, "x.attrs": false,
		"x.attrs/y": false, "a/x.attrs/y": false, "attrs/x": true, "x.18a.tmp": false, "a/x.18a.tmp/y": false, "x.tmp": true, "x.y.tmp": true,
	} {
		err := CheckFileName(name)
		if (err == nil) != ok || err != nil && !errors.Is(err, ErrFileName) {
			t.Errorf("%.40q: %v", name, err)
		}
	}
}
