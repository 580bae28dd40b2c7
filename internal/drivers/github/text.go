package github

import (
	"net/url"
	"strings"
	"time"

	"github.com/google/go-github/v57/github"
)

// pathPart makes a name one part of a path, whatever is in it.
func pathPart(name string) string {
	if strings.Trim(name, ".") == "" { // they would lead elsewhere
		return strings.ReplaceAll(name, ".", "%2E")
	}
	return url.PathEscape(name)
}

// text that is left out when it is empty.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// stamp of a time that is left out when it is zero.
func stamp(t time.Time) *github.Timestamp {
	if t.IsZero() {
		return nil
	}
	return &github.Timestamp{Time: t}
}
