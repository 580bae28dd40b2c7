package fakegithub

import (
	"maps"
	"strings"
)

// needs says which permission an App must have to be told of an event.
var needs = map[string]string{
	"pull_request": "pull_requests", "pull_request_review": "pull_requests", "issue_comment": "issues|pull_requests", "push": "contents",
	"create": "contents", "delete": "contents", "status": "statuses", "check_run": "checks", "check_suite": "checks",
	"branch_protection_rule": "administration",
}

// tell tells of a pull request.
func (p *Pull) tell(event, action, who string, more Object) {
	if p.Repo.unheard() {
		return
	}
	payload := Object{}
	switch event {
	case "pull_request":
		payload["number"], payload["pull_request"] = p.Number, p.full()
	case "pull_request_review":
		payload["pull_request"] = p.simple()
	}
	maps.Copy(payload, more)
	p.Repo.tell(event, action, who, payload)
}

// tell tells of something in the repository all who want to know.
func (r *Repo) tell(event, action, who string, payload Object) {
	if action != "" {
		payload["action"] = action
	}
	payload["repository"] = r.webhookObject()
	if payload["sender"] == nil {
		payload["sender"] = r.s.userObject(who)
	}
	if r.s.user(r.owner).kind == "Organization" {
		payload["organization"] = r.s.organization(r.owner)
	}
	r.s.hooks.send(r, event, action, payload)
}

// webhookObject is the repository as webhooks have it.
func (r *Repo) webhookObject() Object {
	out := r.object()
	out["custom_properties"] = Object{}
	return out
}

// unheard says that nobody wants to be told: building payloads takes time.
func (r *Repo) unheard() bool { return r.s.hooks.app == nil && len(r.s.hooks.others) == 0 }

func (r *Repo) tellPush(who, ref, before, after string) {
	if r.unheard() {
		return
	}
	payload := Object{"ref": ref, "before": before, "after": after, "created": before == Zero, "deleted": after == Zero, "base_ref": nil,
		"forced": before != Zero && after != Zero && !r.contains(before, after), "head_commit": nil, "commits": []any{},
		"compare": r.s.html("/%s/compare/%.12s...%.12s", r.Name(), before, after), "pusher": Object{"name": who, "email": who + "@users.noreply.github.invalid"}}
	if after != Zero {
		payload["head_commit"] = r.pushedCommit(after)
		payload["commits"] = r.commitsBetween(before, after)
	}
	r.tell("push", "", who, payload)
}

// commitsBetween lists at most 20, as GitHub's payloads do at most 2048.
func (r *Repo) commitsBetween(before, after string) []any {
	args := []string{"rev-list", "--reverse", "--max-count=20", after}
	if before != Zero {
		args = append(args, "^"+before)
	}
	list, err := r.git("git", nil, args...)
	r.s.must(err)
	return objects(strings.Fields(list), r.pushedCommit)
}

// tellRef tells that a branch came or went.
func (r *Repo) tellRef(event, who, branch string) {
	payload := Object{"ref": branch, "ref_type": "branch", "pusher_type": "user"}
	if event == "create" {
		payload["master_branch"], payload["description"] = r.defaultBranch, nil
	}
	r.tell(event, "", who, payload)
}

func (r *Repo) tellStatus(sha string, st *Status) {
	if r.unheard() {
		return
	}
	branches := []any{}
	for name, head := range r.heads {
		if head == sha {
			branches = append(branches, Object{"name": name, "commit": Object{"sha": sha, "url": r.s.api("/repos/%s/commits/%s", r.Name(), sha)}, "protected": false})
		}
	}
	commit := r.commitObject(sha)
	r.tell("status", "", st.Creator, Object{"id": st.ID, "sha": sha, "name": r.Name(), "target_url": orNil(st.TargetURL), "context": st.Context,
		"description": orNil(st.Description), "state": st.State, "commit": commit, "branches": branches,
		"created_at": stamp(st.CreatedAt), "updated_at": stamp(st.CreatedAt), "avatar_url": nil})
}

func (r *Repo) tellCheck(action string, k *CheckRun, more Object) {
	if r.unheard() {
		return
	}
	payload := Object{"check_run": r.checkObject(k)}
	maps.Copy(payload, more)
	r.tell("check_run", action, k.App+"[bot]", payload)
}

func (r *Repo) tellSuite(action, who string, u *suite) {
	if r.unheard() {
		return
	}
	o := r.suiteObject(u)
	if action == "requested" {
		o["status"], o["conclusion"] = "queued", nil
	}
	o["head_commit"] = r.pushedCommit(u.sha)
	r.tell("check_suite", action, who, Object{"check_suite": o})
}

func (r *Repo) tellProtection(action, branch string, p *Protection) {
	level := func(on bool) string {
		if on {
			return "everyone"
		}
		return "off"
	}
	contexts := []any{}
	for _, c := range p.Contexts {
		contexts = append(contexts, c)
	}
	payload := Object{"rule": Object{"id": p.id, "repository_id": r.id, "name": branch, "created_at": stamp(r.s.now()), "updated_at": stamp(r.s.now()),
		"pull_request_reviews_enforcement_level": level(p.Reviews > 0), "required_approving_review_count": p.Reviews, "required_status_checks": contexts,
		"dismiss_stale_reviews_on_push": p.DismissStale, "required_status_checks_enforcement_level": level(len(p.Contexts) > 0), "strict_required_status_checks_policy": p.Strict,
		"linear_history_requirement_enforcement_level": level(p.LinearHistory), "admin_enforced": p.Admins, "required_conversation_resolution_level": level(p.Conversations)}}
	if action == "edited" {
		payload["changes"] = Object{}
	}
	r.tell("branch_protection_rule", action, "ada", payload)
}

// installationObject as webhooks and the API have it.
func (i *Installation) object() Object {
	s := i.s
	permissions := Object{}
	for k, v := range i.permissions {
		permissions[k] = v
	}
	out := Object{"id": i.ID, "node_id": nodeID("MDI", i.ID), "account": s.userObject(i.Account), "repository_selection": i.selection(),
		"access_tokens_url": s.api("/app/installations/%d/access_tokens", i.ID), "repositories_url": s.api("/installation/repositories"),
		"html_url": s.html("/settings/installations/%d", i.ID), "app_id": s.App.ID, "app_slug": s.App.Slug, "target_id": s.user(i.Account).id,
		"target_type": s.user(i.Account).kind, "permissions": permissions, "events": []any{"check_run", "pull_request", "push"},
		"created_at": stamp(i.createdAt), "updated_at": stamp(i.createdAt), "single_file_name": nil, "suspended_at": stamp(i.suspended), "suspended_by": nil}
	if !i.suspended.IsZero() {
		out["suspended_by"] = s.userObject("ada")
	}
	return out
}

func (i *Installation) selection() string {
	if i.selected == nil {
		return "all"
	}
	return "selected"
}

// visible are the repositories of an installation.
func (s *Server) visible(i *Installation) []*Repo {
	var out []*Repo
	for _, r := range s.repos {
		if i.has(r) {
			out = append(out, r)
		}
	}
	return out
}

func small(r *Repo) Object {
	return Object{"id": r.id, "node_id": nodeID("R", r.id), "name": r.name, "full_name": r.Name(), "private": r.private}
}

func (s *Server) tellInstallation(i *Installation, action string) {
	s.hooks.sendFor(i, "installation", action, Object{"action": action, "installation": i.object(), "repositories": objects(s.visible(i), small), "sender": s.userObject("ada")})
}

// tellRepositories tells what an installation has now and had not, and the other way round.
func (s *Server) tellRepositories(i *Installation, was []*Repo) {
	before, now := map[*Repo]bool{}, map[*Repo]bool{}
	var added, removed []*Repo
	for _, r := range was {
		before[r] = true
	}
	for _, r := range s.visible(i) {
		if now[r] = true; !before[r] {
			added = append(added, r)
		}
	}
	for _, r := range was {
		if !now[r] {
			removed = append(removed, r)
		}
	}
	for action, list := range map[string][]*Repo{"added": added, "removed": removed} {
		if len(list) > 0 {
			payload := Object{"action": action, "installation": i.object(), "repository_selection": i.selection(), "requester": nil, "sender": s.userObject("ada"),
				"repositories_added": []any{}, "repositories_removed": []any{}}
			payload["repositories_"+action] = objects(list, small)
			s.hooks.sendFor(i, "installation_repositories", action, payload)
		}
	}
}
