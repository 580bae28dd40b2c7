package gitrepo

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gozer-dev/gozer/internal/model"
)

const (
	maxNameBytes = 255
	maxNameParts = 20
)

var (
	objectName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)
	hostName   = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,200}[A-Za-z0-9])?(:[0-9]{1,5})?$`)
)

// CheckProject refuses a project whose name could lead out of the mirrors'
// directory or be taken for an option. Names come from strangers.
func CheckProject(p model.Project) error {
	if !objectName.MatchString(p.Connection) || strings.Contains(p.Connection, "..") {
		return invalid(fmt.Errorf("%q is not the name of a Connection", clip(p.Connection)))
	}
	return checkCanonical(p.Hostname, p.Name)
}

func checkCanonical(host, name string) error {
	if !hostName.MatchString(host) || strings.Contains(host, "..") {
		return invalid(fmt.Errorf("%q is not a host name", clip(host)))
	}
	if why := nameFault(name); why != "" {
		return invalid(fmt.Errorf("%q is not a project name: it %s", clip(name), why))
	}
	return nil
}

func nameFault(name string) string {
	switch {
	case name == "":
		return "is empty"
	case len(name) > maxNameBytes:
		return fmt.Sprintf("is longer than %d bytes", maxNameBytes)
	case !utf8.ValidString(name):
		return "is not UTF-8"
	case strings.Count(name, "/") >= maxNameParts:
		return fmt.Sprintf("has more than %d parts", maxNameParts)
	case strings.ContainsFunc(name, badNameRune):
		return "has a character that is no letter, digit or one of ._-+~@/"
	}
	for part := range strings.SplitSeq(name, "/") {
		low := strings.ToLower(part)
		switch {
		case part == "":
			return "has an empty part"
		case part == ".", part == "..":
			return "has a part that is . or .."
		case strings.HasPrefix(part, "-"):
			return "has a part that starts with a dash"
		case strings.HasSuffix(low, ".git"), strings.HasSuffix(low, ".lock"):
			return "has a part that ends with .git or .lock"
		}
	}
	return ""
}

func badNameRune(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-+~@/", r)
}

// mirrorPath is where a valid project's mirror lies under the root.
func mirrorPath(root string, p model.Project) string {
	return filepath.Join(root, p.Connection, p.Hostname, filepath.FromSlash(p.Name)+".git")
}

// Scope is whose refs are served: one buildset of one tenant.
type Scope struct{ Tenant, BuildSet string }

// ParseScope reads "<tenant>/<buildset>".
func ParseScope(s string) (Scope, error) {
	tenant, buildset, ok := strings.Cut(s, "/")
	if !ok || !scopeName(tenant) || !scopeName(buildset) {
		return Scope{}, invalid(fmt.Errorf("%q is not a scope; it is <tenant>/<buildset>, both names of Kubernetes objects", clip(s)))
	}
	return Scope{Tenant: tenant, BuildSet: buildset}, nil
}

func scopeName(s string) bool {
	return objectName.MatchString(s) && !strings.Contains(s, "..") && !strings.HasSuffix(s, ".lock")
}

func (s Scope) String() string { return s.Tenant + "/" + s.BuildSet }

func clip(s string) string {
	const most = 80
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
