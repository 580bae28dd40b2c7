package fakegithub

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"
)

func (c *call) getRepo() *reply {
	out := c.repo.object()
	role := c.repo.role(c.who.login)
	out["permissions"] = Object{"admin": role == "admin", "maintain": role == "admin" || role == "maintain", "push": c.who.installation != nil || c.repo.writes(c.who.login), "triage": true, "pull": true}
	return ok(out)
}

func (c *call) listPulls() *reply {
	list := slices.Clone(c.repo.pulls)
	state := c.query.Get("state")
	orSo(&state, "open")
	list = slices.DeleteFunc(list, func(p *Pull) bool {
		head, base := c.query.Get("head"), c.query.Get("base")
		return state != "all" && p.state() != state || base != "" && p.base != base || head != "" && head != p.headRepo.owner+":"+p.headRef
	})
	sort, direction := c.query.Get("sort"), c.query.Get("direction")
	if direction == "" && (sort == "" || sort == "created") {
		direction = "desc"
	}
	slices.SortStableFunc(list, func(a, b *Pull) int {
		order := cmp.Compare(a.Number, b.Number)
		if sort == "updated" {
			order = cmp.Or(a.updatedAt.Compare(b.updatedAt), order)
		}
		if direction == "desc" {
			return -order
		}
		return order
	})
	return ok(c.page(objects(list, (*Pull).simple)))
}

// noComments: the fake has no comments at lines.
func (c *call) noComments() *reply { return ok([]any{}) }

func getPull(_ *call, p *Pull) *reply {
	defer p.worked()
	return ok(p.full())
}

// getFiles lists at most 3000, as GitHub does.
func getFiles(c *call, p *Pull) *reply {
	list := p.files()
	return ok(c.page(objects(list[:min(len(list), 3000)], p.Repo.fileObject)))
}

func getReviews(c *call, p *Pull) *reply {
	return ok(c.page(objects(p.reviews, func(v *Review) Object { return p.reviewObject(v, false) })))
}

func postReview(c *call, p *Pull) *reply {
	states := map[string]string{"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED", "": "PENDING"}
	event, body, commit := c.text("event"), c.text("body"), c.text("commit_id")
	orSo(&commit, p.head)
	switch {
	case strings.EqualFold(c.who.login, p.author) && (event == "APPROVE" || event == "REQUEST_CHANGES"):
		return problem(http.StatusUnprocessableEntity, "Unprocessable Entity", "Can not "+strings.ReplaceAll(strings.ToLower(event), "_", " on ")+" your own pull request")
	case body == "" && (event == "REQUEST_CHANGES" || event == "COMMENT"):
		return problem(http.StatusUnprocessableEntity, "Unprocessable Entity", "Body can't be blank")
	case !c.repo.has(commit):
		return problem(http.StatusUnprocessableEntity, "Unprocessable Entity", "The given commit is not part of the pull request")
	}
	return ok(p.reviewObject(p.review(c.who.login, states[event], body, commit), false))
}

// has says whether a commit is there.
func (r *Repo) has(sha string) bool {
	_, err := r.git("git", nil, "cat-file", "-e", sha+"^{commit}")
	return err == nil
}

func putMerge(c *call, p *Pull) *reply {
	method := c.text("merge_method")
	orSo(&method, "merge")
	if out := p.refusal(c.who, method, c.text("sha")); out != nil {
		return out
	}
	if err := p.merge(c.who.login, method, c.text("commit_title"), c.text("commit_message")); err != nil {
		return problem(http.StatusMethodNotAllowed, "This branch can't be rebased")
	}
	return ok(Object{"sha": p.mergeCommit, "merged": true, "message": "Pull Request successfully merged"})
}

func getComments(c *call, p *Pull) *reply {
	return ok(c.page(objects(recent(p.comments, c.since()), p.commentObject)))
}

func recent(list []*Comment, since time.Time) []*Comment {
	return slices.DeleteFunc(slices.Clone(list), func(k *Comment) bool { return k.UpdatedAt.Before(since) })
}

func postComment(c *call, p *Pull) *reply {
	body := c.text("body")
	if strings.TrimSpace(body) == "" {
		return invalid("IssueComment", "data", "missing_field")
	}
	if len(body) > 65536 {
		return custom("IssueComment", "body", "body is too long (maximum is 65536 characters)")
	}
	return created(p.commentObject(p.comment(c.who.login, body)))
}

// allComments of the repository.
func (c *call) allComments() *reply {
	type one struct {
		p *Pull
		k *Comment
	}
	var list []one
	for _, p := range c.repo.pulls {
		for _, k := range recent(p.comments, c.since()) {
			list = append(list, one{p, k})
		}
	}
	desc := c.query.Get("direction") == "desc"
	slices.SortStableFunc(list, func(a, b one) int {
		order := cmp.Compare(a.k.ID, b.k.ID)
		if c.query.Get("sort") == "updated" {
			order = cmp.Or(a.k.UpdatedAt.Compare(b.k.UpdatedAt), order)
		}
		if desc {
			return -order
		}
		return order
	})
	return ok(c.page(objects(list, func(o one) Object { return o.p.commentObject(o.k) })))
}

func getLabels(c *call, p *Pull) *reply { return ok(c.page(objects(p.labels, p.Repo.labelObject))) }

func postLabels(c *call, p *Pull) *reply {
	list, _ := c.body["labels"].([]any)
	for _, l := range list {
		name, _ := l.(string)
		if o, ok := l.(Object); ok {
			name, _ = o["name"].(string)
		}
		if name == "" || len(name) > 50 {
			return invalid("Label", "name", "invalid")
		}
		p.label(c.who.login, name)
	}
	return ok(objects(p.labels, p.Repo.labelObject))
}

func deleteLabel(c *call, p *Pull) *reply {
	if !p.unlabel(c.who.login, c.path["name"]) {
		return problem(http.StatusNotFound, "Label does not exist")
	}
	return ok(objects(p.labels, p.Repo.labelObject))
}

func (c *call) pullsOfCommit() *reply {
	sha, found := c.repo.resolve(c.path["commit_sha"])
	if !found {
		return problem(http.StatusUnprocessableEntity, "No commit found for SHA: "+c.path["commit_sha"])
	}
	list := slices.DeleteFunc(slices.Clone(c.repo.pulls), func(p *Pull) bool { return p.head != sha && p.mergeCommit != sha })
	return ok(c.page(objects(list, (*Pull).simple)))
}
