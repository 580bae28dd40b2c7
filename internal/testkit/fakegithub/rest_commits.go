package fakegithub

import (
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

func (c *call) postStatus() *reply {
	sha := c.path["sha"]
	if !c.repo.has(sha) {
		return problem(http.StatusUnprocessableEntity, "No commit found for SHA: "+sha)
	}
	st := Status{Context: c.text("context"), State: c.text("state"), Description: c.text("description"), TargetURL: c.text("target_url"), Creator: c.who.login}
	orSo(&st.Context, "default")
	same := 0
	for _, other := range c.repo.statuses[sha] {
		if other.Context == st.Context {
			same++
		}
	}
	switch {
	case utf8.RuneCountInString(st.Description) > 140:
		return custom("Status", "description", "description is too long (maximum is 140 characters)")
	case st.TargetURL != "" && !strings.HasPrefix(st.TargetURL, "http://") && !strings.HasPrefix(st.TargetURL, "https://"):
		return custom("Status", "target_url", "target_url must use http(s) scheme")
	case same >= 1000:
		return custom("Status", "base", "This SHA and context has reached the maximum number of statuses.")
	}
	return created(c.repo.statusObject(sha, c.repo.setStatus(sha, st)))
}

// commit of the path's ref.
func (c *call) commit() (string, *reply) {
	sha, found := c.repo.resolve(c.path["ref"])
	if !found {
		return "", problem(http.StatusUnprocessableEntity, "No commit found for SHA: "+c.path["ref"])
	}
	return sha, nil
}

func (c *call) combinedStatus() *reply {
	sha, no := c.commit()
	if no != nil {
		return no
	}
	list := c.page(objects(c.repo.latest(sha), func(st *Status) Object { return c.repo.statusObject(sha, st) }))
	own := c.s.api("/repos/%s/commits/%s", c.repo.Name(), sha)
	return ok(Object{"state": c.repo.combined(sha), "sha": sha, "total_count": len(c.repo.latest(sha)), "statuses": list, "repository": c.repo.object(), "commit_url": own, "url": own + "/status"})
}

func (c *call) listChecks() *reply {
	sha, no := c.commit()
	if no != nil {
		return no
	}
	list := c.repo.latestChecks(sha)
	if c.query.Get("filter") == "all" {
		list = slices.Clone(c.repo.checksOf(sha))
	}
	list = slices.DeleteFunc(list, func(k *CheckRun) bool {
		name, status := c.query.Get("check_name"), c.query.Get("status")
		return name != "" && k.Name != name || status != "" && k.Status != status
	})
	return ok(Object{"total_count": len(list), "check_runs": c.page(objects(list, c.repo.checkObject))})
}

func (c *call) postCheck() *reply {
	if c.who.installation == nil {
		return problem(http.StatusForbidden, "You must authenticate via a GitHub App.")
	}
	k := &CheckRun{HeadSHA: c.text("head_sha"), App: c.s.App.Slug, Status: "queued"}
	if !c.repo.has(k.HeadSHA) {
		return problem(http.StatusUnprocessableEntity, "No commit found for SHA: "+k.HeadSHA)
	}
	if out := c.fill(k); out != nil {
		return out
	}
	return created(c.repo.checkObject(c.repo.setCheck(*k)))
}

func (c *call) patchCheck() *reply {
	if c.who.installation == nil {
		return problem(http.StatusForbidden, "You must authenticate via a GitHub App.")
	}
	k := c.repo.check(c.number("check_run_id"))
	if k == nil {
		return notFound()
	}
	if k.App != c.s.App.Slug {
		return problem(http.StatusForbidden, "Invalid app_id `"+c.s.App.Slug+"` - check run can only be modified by the GitHub App that created it.")
	}
	was := *k
	if out := c.fill(k); out != nil {
		*k = was
		return out
	}
	if k.Status == "completed" && was.Status != "completed" {
		c.repo.completed(k)
	}
	return ok(c.repo.checkObject(k))
}

func (c *call) getCheck() *reply {
	k := c.repo.check(c.number("check_run_id"))
	if k == nil {
		return notFound()
	}
	return ok(c.repo.checkObject(k))
}

// fill takes over what the body says of a check.
func (c *call) fill(k *CheckRun) *reply {
	for name, to := range map[string]*string{"name": &k.Name, "status": &k.Status, "conclusion": &k.Conclusion, "details_url": &k.DetailsURL, "external_id": &k.ExternalID} {
		if text, given := c.body[name].(string); given {
			*to = text
		}
	}
	for name, to := range map[string]*time.Time{"started_at": &k.StartedAt, "completed_at": &k.CompletedAt} {
		if at, err := time.Parse(time.RFC3339, c.text(name)); err == nil {
			*to = at
		}
	}
	switch {
	case k.Conclusion == "" && c.text("status") == "completed":
		return problem(http.StatusUnprocessableEntity, "Invalid request.\n\nNo subschema in \"anyOf\" matched.\n\"conclusion\" wasn't supplied.")
	case k.Conclusion == "stale":
		return problem(http.StatusUnprocessableEntity, "Invalid request.\n\nstale is not a member of the conclusions that can be set.")
	case c.text("conclusion") != "":
		k.Status = "completed"
	case c.text("status") != "" && c.text("status") != "completed":
		k.Conclusion, k.CompletedAt = "", time.Time{}
	}
	k.Actions = list(c.body["actions"], k.Actions)
	if len(k.Actions) > 3 {
		return problem(http.StatusUnprocessableEntity, "Invalid request.\n\nNo more than 3 actions are allowed.")
	}
	return c.fillOutput(k)
}

func (c *call) fillOutput(k *CheckRun) *reply {
	output, given := c.body["output"].(Object)
	if !given {
		return nil
	}
	for name, to := range map[string]*string{"title": &k.Title, "summary": &k.Summary, "text": &k.Text} {
		if text, given := output[name].(string); given {
			*to = text
		}
	}
	if k.Title == "" || k.Summary == "" {
		return problem(http.StatusUnprocessableEntity, "Invalid request.\n\nFor 'properties/output', \"title\", \"summary\" weren't supplied.")
	}
	annotations := list(output["annotations"], nil)
	if len(annotations) > 50 {
		return problem(http.StatusUnprocessableEntity, "Invalid request.\n\nNo more than 50 items are allowed; "+"too many annotations were supplied.")
	}
	k.Annotations = append(k.Annotations, annotations...)
	return nil
}

func list(v any, otherwise []Object) []Object {
	items, given := v.([]any)
	if !given {
		return otherwise
	}
	var out []Object
	for _, item := range items {
		if o, ok := item.(Object); ok {
			out = append(out, o)
		}
	}
	return out
}
