package mergeplan

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	maxRefBytes  = 255
	commitLength = 40
)

// CheckCommit refuses what is not a full lower-case SHA-1.
func CheckCommit(sha string) error {
	if len(sha) != commitLength || strings.Trim(sha, "0123456789abcdef") != "" {
		return fmt.Errorf("%q is not a full commit id (40 hexadecimal digits)", clip(sha))
	}
	return nil
}

// CheckBranch refuses what is not a short branch name, like "main" or "stable/1.0".
func CheckBranch(branch string) error {
	switch {
	case branch == "":
		return errors.New("the branch name is empty")
	case branch == "HEAD", strings.HasPrefix(branch, "refs/"):
		return fmt.Errorf("%q is not a branch name; leave out refs/heads/", clip(branch))
	}
	return CheckRef("refs/heads/" + branch)
}

// CheckRef refuses what is not a full ref name. The rules are those of
// git check-ref-format, and no part may look like an option.
func CheckRef(ref string) error {
	if why := refFault(ref); why != "" {
		return fmt.Errorf("%q is not a ref name: it %s", clip(ref), why)
	}
	return nil
}

func refFault(ref string) string {
	switch {
	case !strings.HasPrefix(ref, "refs/"):
		return "does not start with refs/"
	case len(ref) > maxRefBytes:
		return fmt.Sprintf("is longer than %d bytes", maxRefBytes)
	case !utf8.ValidString(ref):
		return "is not UTF-8"
	case strings.Contains(ref, ".."), strings.Contains(ref, "@{"):
		return "contains .. or @{"
	case strings.ContainsFunc(ref, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`~^:?*[\`, r) }):
		return `contains a blank, a control character or one of ~^:?*[\`
	case strings.HasSuffix(ref, "."):
		return "ends with a dot"
	}
	for part := range strings.SplitSeq(ref, "/") {
		switch {
		case part == "":
			return "has an empty part"
		case strings.HasPrefix(part, "."), strings.HasPrefix(part, "-"):
			return "has a part that starts with a dot or a dash"
		case strings.HasSuffix(part, ".lock"):
			return "has a part that ends with .lock"
		}
	}
	return ""
}

// clip keeps a stranger's text from filling an error.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
