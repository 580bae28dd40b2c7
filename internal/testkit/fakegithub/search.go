package fakegithub

import (
	"net/http"
	"slices"
	"strings"
)

// wanted is a search for pull requests.
type wanted struct {
	repos, owners []string
	words         []string
	states        []string // open, closed, merged, draft
	in            []string
	bad           string
}

// parseSearch reads GitHub's language of searches; quoted text is one word.
func parseSearch(q string) wanted {
	var w wanted
	for _, term := range terms(q) {
		name, value, qualified := strings.Cut(term, ":")
		value = strings.Trim(value, `"`)
		switch {
		case strings.HasPrefix(term, `"`) || !qualified:
			w.words = append(w.words, strings.ToLower(strings.Trim(term, `"`)))
		case name == "repo":
			w.repos = append(w.repos, value)
		case name == "org" || name == "user":
			w.owners = append(w.owners, value)
		case name == "is" || name == "state" || name == "type":
			w.states = append(w.states, value)
		case name == "in":
			w.in = append(w.in, strings.Split(value, ",")...)
		case name == "archived" || name == "sort":
		default:
			w.bad = name
		}
	}
	return w
}

func terms(q string) []string {
	var out []string
	quoted, begin := false, 0
	for i, r := range q + " " {
		switch {
		case r == '"':
			quoted = !quoted
		case r == ' ' && !quoted:
			if begin < i {
				out = append(out, q[begin:min(i, len(q))])
			}
			begin = i + 1
		}
	}
	return out
}

func (w wanted) fits(p *Pull) bool {
	r := p.Repo
	if len(w.repos)+len(w.owners) > 0 && !slices.ContainsFunc(w.repos, func(n string) bool { return strings.EqualFold(n, r.Name()) }) &&
		!slices.ContainsFunc(w.owners, func(n string) bool { return strings.EqualFold(n, r.owner) }) {
		return false
	}
	is := map[string]bool{"pr": true, "pull-request": true, "open": !p.closed, "closed": p.closed, "merged": p.merged, "unmerged": !p.merged, "draft": p.draft, "public": !r.private, "private": r.private}
	for _, state := range w.states {
		if !is[state] {
			return false
		}
	}
	for _, word := range w.words {
		if !strings.Contains(strings.ToLower(w.text(p)), word) {
			return false
		}
	}
	return true
}

func (w wanted) text(p *Pull) string {
	in := w.in
	if len(in) == 0 {
		in = []string{"title", "body"}
	}
	out := ""
	for _, place := range in {
		switch place {
		case "title":
			out += "\n" + p.title
		case "body":
			out += "\n" + p.body
		case "comments":
			for _, c := range p.comments {
				out += "\n" + c.Body
			}
		}
	}
	return out
}

// found are the pull requests that fit, the newest first.
func (s *Server) found(who *token, w wanted) []*Pull {
	var out []*Pull
	for _, r := range s.repos {
		if !who.sees(r) {
			continue
		}
		for _, p := range r.pulls {
			if w.fits(p) {
				out = append(out, p)
			}
		}
	}
	slices.SortFunc(out, func(a, b *Pull) int { return int(b.id - a.id) })
	return out
}

// searchProblem is what GitHub has against a search.
func (s *Server) searchProblem(q string, w wanted) string {
	switch {
	case strings.TrimSpace(q) == "":
		return "q is missing"
	case len(q) > 256+len("repo:")*len(w.repos)+len(strings.Join(w.repos, " ")):
		return "The search is longer than 256 characters."
	case w.bad != "":
		s.mistake("a search by %q, which the fake does not know", w.bad)
		return "The search contains the unknown qualifier " + w.bad
	case !slices.Contains(w.states, "pr") && !slices.Contains(w.states, "pull-request"):
		return "Query must include 'is:issue' or 'is:pull-request'"
	}
	return ""
}

func (c *call) search() *reply {
	w := parseSearch(c.query.Get("q"))
	if no := c.s.searchProblem(c.query.Get("q"), w); no != "" {
		return custom("Search", "q", no)
	}
	list := c.s.found(c.who, w)
	for _, name := range w.repos {
		if r := c.s.find(name); r == nil || !c.who.sees(r) {
			return problem(http.StatusUnprocessableEntity, "Validation Failed", Object{"resource": "Search", "field": "q", "code": "invalid",
				"message": "The listed users and repositories cannot be searched either because the resources do not exist or you do not have permission to view them."})
		}
	}
	if len(list) > 1000 {
		list = list[:1000]
	}
	if c.query.Get("order") == "asc" {
		slices.Reverse(list)
	}
	return ok(Object{"total_count": len(list), "incomplete_results": false, "items": c.page(objects(list, (*Pull).issueObject))})
}
