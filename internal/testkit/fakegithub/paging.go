package fakegithub

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// objects makes the JSON of a list.
func objects[T any](list []T, f func(T) Object) []any {
	out := make([]any, 0, len(list))
	for _, v := range list {
		out = append(out, f(v))
	}
	return out
}

// page gives the page that was asked for, and links to others.
func (c *call) page(all []any) []any {
	size, number := 30, 1
	if n, err := strconv.Atoi(c.query.Get("per_page")); err == nil && n > 0 {
		size = min(n, 100)
	}
	if n, err := strconv.Atoi(c.query.Get("page")); err == nil && n > 0 {
		number = n
	}
	last := max((len(all)+size-1)/size, 1)
	var links []string
	link := func(page int, rel string) {
		links = append(links, fmt.Sprintf(`<%s>; rel="%s"`, c.with("page", strconv.Itoa(page)), rel))
	}
	if number > 1 {
		link(number-1, "prev")
	}
	if number < last {
		link(number+1, "next")
		link(last, "last")
	}
	if number > 1 {
		link(1, "first")
	}
	if len(links) > 0 {
		c.header.Set("Link", strings.Join(links, ", "))
	}
	from := min((number-1)*size, len(all))
	return all[from:min(from+size, len(all))]
}

// with is this request's URL with another parameter.
func (c *call) with(name, value string) string {
	q := url.Values{}
	for k, v := range c.query {
		q[k] = v
	}
	q.Set(name, value)
	return c.s.URL + c.r.URL.EscapedPath() + "?" + q.Encode()
}

// since is the time that is asked for, or the beginning.
func (c *call) since() time.Time {
	t, err := time.Parse(time.RFC3339, c.query.Get("since"))
	if err != nil {
		return time.Time{}
	}
	return t
}
