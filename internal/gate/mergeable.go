package gate

import (
	"slices"
	"strings"

	"github.com/gozer-dev/gozer/internal/model"
)

// Unmergeable says why the code host would not merge a change as it is (Zuul:
// canMerge); empty when nothing is known against it. The contexts in own are
// those that the gate itself will set: nobody waits for them. wait says that the
// host does not know yet.
func Unmergeable(c model.Change, own []string) (why string, wait bool) {
	switch {
	case c.Number == 0:
		return "only a change can be merged", false
	case !c.Open:
		return "it is not open", false
	case c.Draft:
		return "it is a draft", false
	case c.Verdict == nil:
		return "", false // its host says so when it is asked to merge
	}
	missing := slices.DeleteFunc(slices.Clone(c.Verdict.Missing), func(context string) bool {
		return slices.ContainsFunc(own, func(o string) bool { return isContext(context, o) })
	})
	reasons := slices.Clone(c.Verdict.Blocked)
	switch len(missing) {
	case 0:
	case 1:
		reasons = append(reasons, "the required check "+missing[0]+" has not succeeded")
	default:
		reasons = append(reasons, "the required checks "+strings.Join(missing, ", ")+" have not succeeded")
	}
	if len(reasons) == 0 && c.Verdict.Unknown {
		return "the code host has not worked out yet whether it can be merged", true
	}
	return strings.Join(reasons, "; "), false
}

// isContext says whether a context is the one of a name, alone or after that of
// the app which sets it.
func isContext(context, name string) bool {
	return context == name || strings.HasSuffix(context, ":"+name)
}

// Lost tells people that an item cannot merge any more, and why.
func Lost(why string) string {
	return "This change is unable to merge due to a missing merge requirement: " + why + "."
}
