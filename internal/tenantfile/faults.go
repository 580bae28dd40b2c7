package tenantfile

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Bounds, the same as those of a Tenant custom resource.
const (
	maxName        = 255
	maxConnection  = 63
	maxSources     = 32
	maxConfig      = 256
	maxUntrusted   = 8192
	maxList        = 64
	maxConnections = 256
	maxPaths       = 32
	maxVersion     = 20
	maxURL         = 1024
	maxReference   = 512
)

// fault says what is wrong with a text, and what to do; the zero value: nothing.
type fault struct{ message, hint string }

// short refuses texts that are empty, long, or have what no name has.
func short(most int) func(string) fault {
	return func(s string) fault {
		switch {
		case s == "":
			return fault{message: "this must not be empty"}
		case len(s) > most:
			return fault{message: fmt.Sprintf("this has %d bytes; at most %d are possible", len(s), most)}
		case strings.ContainsFunc(s, unicode.IsControl):
			return fault{message: show(s) + " has a control character"}
		}
		return fault{}
	}
}

var projectName = regexp.MustCompile(`^[A-Za-z0-9_.][A-Za-z0-9_./+~-]*$`)

// projectFault finds names that no code host has, or that would lead elsewhere as a path.
func projectFault(name string) fault {
	if f := short(maxName)(name); f.message != "" {
		return f
	}
	if !projectName.MatchString(name) {
		return fault{show(name) + " is not the name of a project", "a name has letters, digits and any of _ . / + ~ -"}
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || part == ".." {
			return fault{show(name) + " is not the name of a project", "write it as the code host does, e.g. acme/api"}
		}
	}
	return fault{}
}

// defaultPaths are read anyhow.
var defaultPaths = []string{"zuul.yaml", "zuul.d/", ".zuul.yaml", ".zuul.d/"}

// pathFault finds paths that are no files or folders within a repository.
func pathFault(p string) fault {
	if f := short(maxName)(p); f.message != "" {
		return f
	}
	clean := strings.TrimSuffix(p, "/")
	parts := strings.Split(clean, "/")
	switch {
	case slices.Contains(defaultPaths, p):
		return fault{show(p) + " is read anyhow", "extra-config-paths are for others; leave it out"}
	case strings.HasPrefix(p, "/"):
		return fault{show(p) + " is not a path within the repository", "write it without the slash at the front"}
	case slices.Contains(parts, ".."):
		return fault{show(p) + " leads out of the repository", "write it without .."}
	case path.Clean(clean) != clean || clean == ".":
		return fault{show(p) + " is not a plain path", "write it like dir/file.yaml or dir/"}
	case slices.ContainsFunc(parts, func(part string) bool { return strings.EqualFold(part, ".git") }):
		return fault{message: show(p) + " is not part of the repository's content"}
	}
	return fault{}
}

var (
	webURL      = regexp.MustCompile(`^https?://[^\s]+$`)
	versionText = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.]*$`)
)

func urlFault(s string) fault {
	if f := short(maxURL)(s); f.message != "" {
		return f
	}
	if !webURL.MatchString(s) {
		return fault{show(s) + " is not the address of a web site", "write it like https://ci.example.com/"}
	}
	return fault{}
}
