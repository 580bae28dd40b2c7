package fakegitea

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// searchIssues lists the open pull requests of an owner, the newest first. Words
// are found anywhere in the text.
func (s *Server) searchIssues(w http.ResponseWriter, r *http.Request) {
	for name := range r.URL.Query() {
		if !slices.Contains([]string{"type", "state", "owner", "limit", "page", "q"}, name) {
			s.t.Errorf("the search has no parameter %q", name)
		}
	}
	if r.FormValue("type") != "pulls" || r.FormValue("state") != "open" || r.FormValue("owner") == "" {
		s.t.Errorf("a search for more than the open pull requests of one owner: %s", r.URL)
	}
	found := []map[string]any{}
	for n, k := range slices.Backward(s.added) {
		p := s.pulls[k]
		project, text, _ := strings.Cut(k, "#")
		if p.Closed || p.Merged || !strings.HasPrefix(k, r.FormValue("owner")+"/") || !strings.Contains(p.Body, r.FormValue("q")) {
			continue
		}
		number, _ := strconv.ParseInt(text, 10, 64)
		_, name, _ := strings.Cut(project, "/")
		found = append(found, map[string]any{
			"id": n + 1000, "number": number, "title": p.Title, "body": p.Body, "state": "open", "user": User{p.Author},
			"html_url": fmt.Sprintf("%s/%s/pulls/%d", s.URL, project, number), "created_at": time.Unix(int64(n), 0).UTC(),
			"pull_request": map[string]any{"merged": false, "merged_at": nil, "draft": p.Draft},
			"repository":   map[string]any{"id": 1, "name": name, "owner": r.FormValue("owner"), "full_name": project},
		})
	}
	answer(w, http.StatusOK, page(s, w, r, found))
}

// page gives the page that was asked for, and tells the total.
func page[T any](s *Server, w http.ResponseWriter, r *http.Request, all []T) []T {
	size, _ := strconv.Atoi(r.FormValue("limit"))
	number, _ := strconv.Atoi(r.FormValue("page"))
	if size < 1 || number < 1 {
		s.t.Errorf("a list without pages: %s", r.URL)
	}
	size = min(size, s.PageSize)
	if !s.Mute {
		w.Header().Set("X-Total-Count", strconv.Itoa(len(all)))
	}
	from := min((number-1)*size, len(all))
	return append([]T{}, all[from:min(from+size, len(all))]...)
}
