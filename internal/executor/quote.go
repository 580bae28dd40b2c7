package executor

import "strings"

// quote makes one word of any text for a POSIX shell. Everything that goes into
// a remote command line goes through it.
func quote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
