// Package aptsource finds out where this machine gets its Debian packages, so
// that images are made from the same place.
package aptsource

import (
	"fmt"
	"io/fs"
	"net/url"
	"slices"
	"strings"
)

// Source is a Debian archive and one release in it.
type Source struct {
	URI     string
	Suite   string // bookworm
	Keyring string // file with the archive's keys; empty: the usual one
}

// Find returns the first archive with a whole release in a tree such as
// os.DirFS("/etc/apt"). Archives that only add to a release (bookworm-updates,
// bookworm-security, bookworm-backports) do not count.
func Find(etc fs.FS) (Source, error) {
	files, err := fs.Glob(etc, "sources.list.d/*")
	if err != nil {
		return Source{}, err
	}
	slices.Sort(files)
	for _, file := range append([]string{"sources.list"}, files...) {
		data, err := fs.ReadFile(etc, file)
		if err != nil {
			continue // not there, or a directory
		}
		var found []Source
		switch {
		case strings.HasSuffix(file, ".list"):
			found = parseList(string(data))
		case strings.HasSuffix(file, ".sources"):
			found = parseDeb822(string(data))
		}
		for _, s := range found {
			if whole(s) {
				return s, nil
			}
		}
	}
	return Source{}, fmt.Errorf("no Debian archive in sources.list or sources.list.d of /etc/apt: add one, or name it with --mirror and --suite")
}

// whole says whether debootstrap can make a system from the source.
func whole(s Source) bool {
	u, err := url.Parse(s.URI)
	if err != nil || !strings.Contains(u.Path, "debian") || strings.Contains(u.Path, "security") {
		return false
	}
	return s.Suite != "" && !strings.ContainsAny(s.Suite, "/-")
}

// parseList reads the classic format: deb [options] URI suite component...
func parseList(text string) []Source {
	var all []Source
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "deb ")
		if !ok {
			continue
		}
		var s Source
		rest = strings.TrimSpace(rest)
		if strings.HasPrefix(rest, "[") {
			options, after, _ := strings.Cut(rest[1:], "]")
			for option := range strings.FieldsSeq(options) {
				if value, ok := strings.CutPrefix(option, "signed-by="); ok {
					s.Keyring = value
				}
			}
			rest = after
		}
		if fields := strings.Fields(rest); len(fields) >= 2 {
			s.URI, s.Suite = fields[0], fields[1]
			all = append(all, s)
		}
	}
	return all
}

// parseDeb822 reads stanzas of "Key: value" lines.
func parseDeb822(text string) []Source {
	var all []Source
	for stanza := range strings.SplitSeq(text, "\n\n") {
		fields := map[string]string{}
		key := ""
		for line := range strings.Lines(stanza) {
			line = strings.TrimRight(line, "\r\n")
			switch {
			case strings.HasPrefix(line, "#"):
			case strings.HasPrefix(line, " "), strings.HasPrefix(line, "\t"):
				fields[key] += " " + strings.TrimSpace(line)
			default:
				name, value, _ := strings.Cut(line, ":")
				key = strings.ToLower(strings.TrimSpace(name))
				fields[key] = strings.TrimSpace(value)
			}
		}
		if strings.EqualFold(fields["enabled"], "no") || !slices.Contains(strings.Fields(fields["types"]), "deb") {
			continue
		}
		keyring := fields["signed-by"]
		if !strings.HasPrefix(keyring, "/") {
			keyring = "" // a key in the file itself, not the name of one
		}
		for uri := range strings.FieldsSeq(fields["uris"]) {
			for suite := range strings.FieldsSeq(fields["suites"]) {
				all = append(all, Source{URI: uri, Suite: suite, Keyring: keyring})
			}
		}
	}
	return all
}
