package zuulregex

import "strings"

// deprecation says what is not RE2 in an expression, and what to do.
func deprecation(pattern string, notRE2 []string, refused error, f *formula, r rewriting) string {
	var out strings.Builder
	out.WriteString("this is not RE2, and works only for a while: ")
	if len(notRE2) > 0 {
		out.WriteString("RE2 has " + strings.Join(notRE2, ", "))
	} else {
		out.WriteString(inWords(pattern, refused).Error())
	}
	out.WriteString(". ")
	if r.ok || r.short != "" {
		out.WriteString(r.advice())
		return out.String()
	}
	out.WriteString("No single RE2 expression says the same")
	if match, not, ok := twoParts(f); ok {
		out.WriteString(": it is " + quoted(match) + " and not " + quoted(not) +
			". Expressions of one list are alternatives, so these two in a list do not say it either: " +
			"list what is wanted instead, or split the variant: one for " + quoted(match) +
			" and after it one for " + quoted(not) + " that takes back what the first says.")
		return out.String()
	}
	out.WriteString(". Expressions of one list are alternatives, so its parts in a list do not say it either: " +
		"list what is wanted without look-aheads, or split the variant.")
	return out.String()
}

func (r rewriting) advice() string {
	if r.short == r.regex || r.short == "" {
		return "Write " + written(r.regex, r.negate) + " instead, which says the same."
	}
	return "Write " + written(r.short, r.negate) + " instead, which says the same of every text that is one line of ASCII."
}

func written(regex string, negate bool) string {
	if negate {
		return "{regex: " + quoted(regex) + ", negate: true}"
	}
	return quoted(regex)
}

// quoted writes a string as YAML does.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// twoParts are those of P(?!A)R where both stand for themselves: what must match
// and what must not.
func twoParts(f *formula) (match, not string, ok bool) {
	if len(f.branches) != 1 {
		return "", "", false
	}
	var unwanted [][]*node
	for _, c := range f.branches[0].conditions {
		ways, ok := positive(c.of)
		if !ok || !c.not {
			return "", "", false
		}
		unwanted = append(unwanted, ways...)
	}
	return shortly.write(f.branches[0].nodes...), shortly.write(fromStart(unwanted)), true
}
