package zuulregex

import (
	"slices"
	"strconv"
	"strings"

	"pgregory.net/rapid"
)

// oracle is an expression together with what it means: written plainly, by sets
// of places where matches can end. It knows nothing of the translation.
type oracle struct {
	pattern string
	ends    func(s string, at int) []int // sorted, each once
}

func (o oracle) finds(s string) found {
	f := found{match: len(o.ends(s, 0)) > 0, fullMatch: slices.Contains(o.ends(s, 0), len(s))}
	for at := 0; at <= len(s); at++ {
		f.search = f.search || len(o.ends(s, at)) > 0
	}
	return f
}

// one matches one character; subjects are ASCII here.
func one(pattern string, matches func(byte) bool) oracle {
	return oracle{pattern, func(s string, at int) []int {
		if at < len(s) && matches(s[at]) {
			return []int{at + 1}
		}
		return nil
	}}
}

// between matches a place.
func between(pattern string, matches func(s string, at int) bool) oracle {
	return oracle{pattern, func(s string, at int) []int {
		if matches(s, at) {
			return []int{at}
		}
		return nil
	}}
}

func look(o oracle, not bool) oracle {
	pattern := "(?=" + o.pattern + ")"
	if not {
		pattern = "(?!" + o.pattern + ")"
	}
	return between(pattern, func(s string, at int) bool { return (len(o.ends(s, at)) > 0) != not })
}

func then(a, b oracle) oracle {
	return oracle{a.pattern + b.pattern, func(s string, at int) []int { return after(b, s, a.ends(s, at)) }}
}

func after(o oracle, s string, places []int) []int {
	var out []int
	for _, at := range places {
		out = append(out, o.ends(s, at)...)
	}
	return unique(out)
}

func either(a, b oracle) oracle {
	return oracle{"(?:" + a.pattern + "|" + b.pattern + ")", func(s string, at int) []int {
		return unique(slices.Concat(a.ends(s, at), b.ends(s, at)))
	}}
}

// repeated has no maximum if that is below 0.
func repeated(o oracle, least, most int) oracle {
	count := "{" + strconv.Itoa(least) + ","
	if most >= 0 {
		count += strconv.Itoa(most)
	}
	return oracle{"(" + o.pattern + ")" + count + "}", func(s string, at int) []int {
		here := []int{at}
		var out []int
		// More rounds than there are characters lead to no other places.
		for round := 0; round <= most || most < 0 && round <= least+len(s)+1; round++ {
			if round >= least {
				out = append(out, here...)
			}
			here = after(o, s, here)
		}
		return unique(out)
	}}
}

func unique(places []int) []int {
	slices.Sort(places)
	return slices.Compact(places)
}

var singles = []oracle{
	one("a", func(c byte) bool { return c == 'a' }),
	one("b", func(c byte) bool { return c == 'b' }),
	one(`\n`, func(c byte) bool { return c == '\n' }),
	one(".", func(c byte) bool { return c != '\n' }),
	one("[^a]", func(c byte) bool { return c != 'a' }),
	one("(?s:.)", func(byte) bool { return true }),
	one("(?i:a)", func(c byte) bool { return c == 'a' || c == 'A' }),
}

var places = []oracle{
	between("", func(string, int) bool { return true }),
	between("^", func(_ string, at int) bool { return at == 0 }),
	between("$", func(s string, at int) bool { return at == len(s) || at == len(s)-1 && s[at] == '\n' }),
	between(`\Z`, func(s string, at int) bool { return at == len(s) }),
	between("(?m:^)", func(s string, at int) bool { return at == 0 || s[at-1] == '\n' }),
	between("(?m:$)", func(s string, at int) bool { return at == len(s) || s[at] == '\n' }),
	between(`\b`, func(s string, at int) bool {
		isWord := func(i int) bool { return i >= 0 && i < len(s) && strings.IndexByte("abA", s[i]) >= 0 }
		return isWord(at-1) != isWord(at)
	}),
}

// drawOracle draws an expression; deeper ones are composed.
func drawOracle(t *rapid.T, depth int) oracle {
	kinds := []string{"one", "one", "place"}
	if depth > 0 {
		kinds = append(kinds, "then", "then", "then", "either", "look", "look", "repeated", "tempered")
	}
	switch rapid.SampledFrom(kinds).Draw(t, "kind") {
	case "place":
		return rapid.SampledFrom(places).Draw(t, "place")
	case "then":
		return then(drawOracle(t, depth-1), drawOracle(t, depth-1))
	case "either":
		return either(drawOracle(t, depth-1), drawOracle(t, depth-1))
	case "look":
		return look(drawOracle(t, depth-1), rapid.Bool().Draw(t, "not"))
	case "repeated":
		least := rapid.IntRange(0, 2).Draw(t, "least")
		most := rapid.IntRange(-1, 3).Draw(t, "most")
		if most >= 0 {
			most = max(most, least)
		}
		return repeated(drawOracle(t, depth-1), least, most)
	case "tempered":
		each := then(look(drawOracle(t, depth-1), true), rapid.SampledFrom(singles).Draw(t, "each"))
		return then(repeated(each, rapid.IntRange(0, 1).Draw(t, "least"), -1), places[2])
	}
	return rapid.SampledFrom(singles).Draw(t, "one")
}
