package repostate

import (
	"slices"
	"strings"
)

// Wish says what a job wants of a repository, in the words of Zuul.
type Wish struct {
	// Override is the override-checkout of the required project or of the job, the
	// former before the latter: a branch or a tag.
	Override []string
	// Ref that the item is about, if it is of this repository: refs/heads/main,
	// refs/tags/v1.0, or that of a change.
	Ref string
	// Branch of the item; empty if it is about a tag.
	Branch string
	// Default is the branch that the configuration calls the default one; empty if
	// that is the host's to say.
	Default string
}

// Checkout finds what a job gets of a repository, a full ref: what it overrides
// the checkout with, else the tag that the item is about, else the branch of the item's
// name, else the default branch. What does not exist is passed over, as in Zuul;
// what is lost is not: another branch would be tested than is meant. Empty if there
// is nothing to check out.
func (s State) Checkout(w Wish) string {
	for _, o := range w.Override {
		for _, prefix := range []string{headPrefix, tagPrefix} {
			if o != "" && s.has(prefix+o) {
				return prefix + o
			}
		}
	}
	wanted := []string{headPrefix + w.Branch, headPrefix + w.Default, headPrefix + s.Default}
	if strings.HasPrefix(w.Ref, tagPrefix) {
		wanted = append([]string{w.Ref}, wanted...)
	}
	for _, name := range wanted {
		if s.has(name) {
			return name
		}
	}
	for _, r := range s.Refs {
		if strings.HasPrefix(r.Name, headPrefix) {
			return r.Name // the host names no default branch
		}
	}
	return ""
}

func (s State) has(name string) bool {
	return s.find(name).Object != "" || slices.Contains(s.Lost, name)
}
