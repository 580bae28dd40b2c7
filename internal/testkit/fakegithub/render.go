package fakegithub

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A builder says what matters of a thing. Descriptions of webhooks and of the
// API differ in details: a builder has all of them, and what GitHub says besides
// is filled in by package spec.

func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

func orNil(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func nodeID(kind string, id int64) string { return fmt.Sprintf("%s_%d", kind, id) }

func (s *Server) api(format string, args ...any) string {
	return s.URL + "/api/v3" + fmt.Sprintf(format, args...)
}

func (s *Server) html(format string, args ...any) string { return s.URL + fmt.Sprintf(format, args...) }

func (s *Server) userObject(login string) Object {
	u := s.user(login)
	out := Object{"login": u.login, "id": u.id, "node_id": nodeID("U", u.id), "type": u.kind, "site_admin": false,
		"url": s.api("/users/%s", u.login), "html_url": s.html("/%s", u.login), "gravatar_id": "", "avatar_url": s.html("/avatars/%d", u.id)}
	for _, name := range []string{"followers", "following", "gists", "starred", "subscriptions", "organizations", "repos", "events", "received_events"} {
		out[name+"_url"] = s.api("/users/%s/%s", u.login, name)
	}
	return out
}

func (s *Server) organization(login string) Object {
	u := s.user(login)
	return Object{"login": u.login, "id": u.id, "node_id": nodeID("O", u.id), "url": s.api("/orgs/%s", u.login), "description": ""}
}

// allows says whether pull requests may be merged so.
func (r *Repo) allows(method string) bool {
	return strings.Contains(strings.Join(r.methods, " "), method)
}

func (r *Repo) object() Object {
	visibility := "public"
	if r.private {
		visibility = "private"
	}
	s := r.s
	return Object{"id": r.id, "node_id": nodeID("R", r.id), "name": r.name, "full_name": r.Name(), "owner": s.userObject(r.owner),
		"private": r.private, "visibility": visibility, "fork": r.parent != nil, "default_branch": r.defaultBranch,
		"url": s.api("/repos/%s", r.Name()), "html_url": s.html("/%s", r.Name()), "clone_url": s.html("/%s.git", r.Name()),
		"git_url": s.html("/%s.git", r.Name()), "ssh_url": "git@github.invalid:" + r.Name() + ".git", "svn_url": s.html("/%s", r.Name()),
		"created_at": stamp(r.createdAt), "updated_at": stamp(r.updatedAt), "pushed_at": stamp(r.updatedAt),
		"description": nil, "homepage": nil, "language": nil, "license": nil, "archived": false, "disabled": false,
		"allow_merge_commit": r.allows("merge"), "allow_squash_merge": r.allows("squash"), "allow_rebase_merge": r.allows("rebase"),
		"delete_branch_on_merge": false, "allow_auto_merge": false, "allow_update_branch": false,
		"has_issues": true, "topics": []any{}, "open_issues_count": len(r.openPulls()), "open_issues": len(r.openPulls())}
}

// openPulls are the open pull requests.
func (r *Repo) openPulls() []*Pull {
	var out []*Pull
	for _, p := range r.pulls {
		if !p.closed {
			out = append(out, p)
		}
	}
	return out
}

func (r *Repo) labelObject(name string) Object {
	if r.labels[name] == 0 {
		r.labels[name] = r.s.id()
	}
	id := r.labels[name]
	return Object{"id": id, "node_id": nodeID("LA", id), "name": name, "color": "ededed", "default": false, "description": "",
		"url": r.s.api("/repos/%s/labels/%s", r.Name(), url.PathEscape(name))}
}

func (p *Pull) state() string {
	if p.closed {
		return "closed"
	}
	return "open"
}

// simple is the pull request as lists have it.
func (p *Pull) simple() Object {
	r, s := p.Repo, p.Repo.s
	own := s.api("/repos/%s/pulls/%d", r.Name(), p.Number)
	issue := s.api("/repos/%s/issues/%d", r.Name(), p.Number)
	web := s.html("/%s/pull/%d", r.Name(), p.Number)
	out := Object{"id": p.id, "node_id": nodeID("PR", p.id), "number": p.Number, "state": p.state(), "title": p.title, "body": orNil(p.body),
		"user": s.userObject(p.author), "draft": p.draft, "locked": false, "active_lock_reason": nil,
		"url": own, "html_url": web, "diff_url": web + ".diff", "patch_url": web + ".patch", "issue_url": issue,
		"commits_url": own + "/commits", "review_comments_url": own + "/comments", "review_comment_url": s.api("/repos/%s/pulls/comments{/number}", r.Name()),
		"comments_url": issue + "/comments", "statuses_url": s.api("/repos/%s/statuses/%s", r.Name(), p.head),
		"created_at": stamp(p.createdAt), "updated_at": stamp(p.updatedAt), "closed_at": stamp(p.closedAt), "merged_at": p.mergedAt(),
		"merge_commit_sha": orNil(p.shownMerge()), "author_association": p.associated(p.author), "auto_merge": nil, "assignee": nil,
		"assignees": []any{}, "milestone": nil, "requested_reviewers": []any{}, "requested_teams": []any{},
		"labels": objects(p.labels, r.labelObject),
		"head":   side(p.headRepo, p.headRef, p.head), "base": side(r, p.base, p.baseCommit)}
	out["_links"] = Object{"self": link(own), "html": link(web), "issue": link(issue), "comments": link(issue + "/comments"),
		"review_comments": link(own + "/comments"), "review_comment": link(s.api("/repos/%s/pulls/comments{/number}", r.Name())),
		"commits": link(own + "/commits"), "statuses": link(s.api("/repos/%s/statuses/%s", r.Name(), p.head))}
	return out
}

// shownMerge is the merge, or, long before it, the last test merge: who takes
// this for a sign of merging is mistaken.
func (p *Pull) shownMerge() string {
	if p.merged {
		return p.mergeCommit
	}
	return p.tried[p.head+p.Repo.heads[p.base]]
}

func link(url string) Object { return Object{"href": url} }

func side(r *Repo, ref, sha string) Object {
	return Object{"label": r.owner + ":" + ref, "ref": ref, "sha": sha, "user": r.s.userObject(r.owner), "repo": r.object()}
}

func (p *Pull) mergedAt() any {
	if p.merged {
		return stamp(p.closedAt)
	}
	return nil
}

// associated says what somebody is to the repository.
func (p *Pull) associated(login string) string {
	switch {
	case p.Repo.role(login) == "admin":
		return "OWNER"
	case p.Repo.roles[strings.ToLower(login)] != "":
		return "COLLABORATOR"
	case slices.ContainsFunc(p.Repo.pulls, func(o *Pull) bool { return o.merged && strings.EqualFold(o.author, login) }):
		return "CONTRIBUTOR"
	}
	return "FIRST_TIME_CONTRIBUTOR"
}

// full is the pull request as itself, with what GitHub works out.
func (p *Pull) full() Object {
	out := p.simple()
	files, additions, deletions := p.size()
	out["merged"], out["merged_by"] = p.merged, nil
	if p.merged {
		out["merged_by"] = p.Repo.s.userObject(p.mergedBy)
	}
	out["changed_files"], out["additions"], out["deletions"] = files, additions, deletions
	out["commits"], out["comments"], out["review_comments"] = p.commits(), len(p.comments), 0
	out["maintainer_can_modify"] = p.headRepo != p.Repo
	switch {
	case p.merged:
		out["mergeable"], out["rebaseable"], out["mergeable_state"] = nil, nil, "unknown"
	case p.unknown > 0:
		out["mergeable"], out["rebaseable"], out["mergeable_state"] = nil, nil, "unknown"
	default:
		out["mergeable"], out["rebaseable"], out["mergeable_state"] = p.mergeable(), p.mergeable(), strings.ToLower(p.mergeState())
		out["merge_commit_sha"] = orNil(p.testMerge())
	}
	return out
}

// worked counts one more look at the mergeability.
func (p *Pull) worked() {
	if p.unknown > 0 {
		p.unknown--
	}
}

func (p *Pull) commits() int {
	out, err := p.Repo.git("git", nil, "rev-list", "--count", p.baseCommit+".."+p.head)
	p.Repo.s.must(err)
	n := 0
	_, err = fmt.Sscan(out, &n)
	p.Repo.s.must(err)
	return n
}

func (p *Pull) reviewObject(v *Review, webhook bool) Object {
	s := p.Repo.s
	html := s.html("/%s/pull/%d#pullrequestreview-%d", p.Repo.Name(), p.Number, v.ID)
	own := s.api("/repos/%s/pulls/%d", p.Repo.Name(), p.Number)
	out := Object{"id": v.ID, "node_id": nodeID("PRR", v.ID), "user": s.userObject(v.User), "body": v.Body, "state": v.State, "commit_id": v.Commit,
		"submitted_at": stamp(v.SubmittedAt), "author_association": p.associated(v.User), "html_url": html, "pull_request_url": own,
		"_links": Object{"html": link(html), "pull_request": link(own)}}
	if webhook { // which have other words
		out["state"] = strings.ToLower(v.State)
		out["body"] = orNil(v.Body)
	}
	return out
}

func (p *Pull) commentObject(c *Comment) Object {
	s := p.Repo.s
	return Object{"id": c.ID, "node_id": nodeID("IC", c.ID), "user": s.userObject(c.User), "body": c.Body,
		"created_at": stamp(c.CreatedAt), "updated_at": stamp(c.UpdatedAt), "author_association": p.associated(c.User),
		"url": s.api("/repos/%s/issues/comments/%d", p.Repo.Name(), c.ID), "issue_url": s.api("/repos/%s/issues/%d", p.Repo.Name(), p.Number),
		"html_url": s.html("/%s/pull/%d#issuecomment-%d", p.Repo.Name(), p.Number, c.ID), "performed_via_github_app": nil}
}

// issueObject is the pull request as an issue.
func (p *Pull) issueObject() Object {
	s := p.Repo.s
	own := s.api("/repos/%s/issues/%d", p.Repo.Name(), p.Number)
	web := s.html("/%s/pull/%d", p.Repo.Name(), p.Number)
	return Object{"id": p.id, "node_id": nodeID("PR", p.id), "number": p.Number, "title": p.title, "body": orNil(p.body), "state": p.state(),
		"user": s.userObject(p.author), "labels": objects(p.labels, p.Repo.labelObject), "locked": false, "active_lock_reason": nil,
		"assignee": nil, "assignees": []any{}, "milestone": nil, "comments": len(p.comments), "author_association": p.associated(p.author),
		"created_at": stamp(p.createdAt), "updated_at": stamp(p.updatedAt), "closed_at": stamp(p.closedAt), "draft": p.draft,
		"url": own, "html_url": web, "repository_url": s.api("/repos/%s", p.Repo.Name()), "comments_url": own + "/comments",
		"labels_url": own + "/labels{/name}", "events_url": own + "/events", "score": 1,
		"pull_request": Object{"url": s.api("/repos/%s/pulls/%d", p.Repo.Name(), p.Number), "html_url": web, "diff_url": web + ".diff", "patch_url": web + ".patch", "merged_at": p.mergedAt()}}
}
