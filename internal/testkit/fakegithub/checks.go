package fakegithub

import (
	"slices"
	"strings"
)

func (r *Repo) setStatus(sha string, st Status) *Status {
	st.ID, st.CreatedAt, st.Creator = r.s.id(), r.s.now(), r.s.user(st.Creator).login
	orSo(&st.Context, "default")
	own := &st
	r.statuses[sha] = append(r.statuses[sha], own)
	r.tellStatus(sha, own)
	return own
}

// latest statuses by context, newest first.
func (r *Repo) latest(sha string) []*Status {
	var out []*Status
	for _, st := range slices.Backward(r.statuses[sha]) {
		if !slices.ContainsFunc(out, func(o *Status) bool { return o.Context == st.Context }) {
			out = append(out, st)
		}
	}
	return out
}

// latestChecks by App and name.
func (r *Repo) latestChecks(sha string) []*CheckRun {
	var out []*CheckRun
	for _, k := range slices.Backward(r.checksOf(sha)) {
		if !slices.ContainsFunc(out, func(o *CheckRun) bool { return o.Name == k.Name && o.App == k.App }) {
			out = append(out, k)
		}
	}
	return out
}

// combined state of statuses.
func (r *Repo) combined(sha string) string {
	state := "success"
	for _, st := range r.latest(sha) {
		switch st.State {
		case "error", "failure":
			return "failure"
		case "pending":
			state = "pending"
		}
	}
	if len(r.statuses[sha]) == 0 {
		return "pending"
	}
	return state
}

// rollup of statuses and checks of a commit, in GraphQL's words; empty when there are none.
func (r *Repo) rollup(sha string) string {
	state := ""
	worse := func(now string) {
		order := []string{"", "SUCCESS", "PENDING", "FAILURE"}
		if slices.Index(order, now) > slices.Index(order, state) {
			state = now
		}
	}
	words := map[string]string{"success": "SUCCESS", "pending": "PENDING", "failing": "FAILURE", "failure": "FAILURE", "error": "FAILURE"}
	for _, st := range r.latest(sha) {
		worse(words[st.State])
	}
	for _, k := range r.latestChecks(sha) {
		worse(words[k.state()])
	}
	return state
}

// suiteOf an App on a commit, which is made when needed.
func (r *Repo) suiteOf(sha, app string) *suite {
	for _, u := range r.suites {
		if u.sha == sha && u.app == app {
			return u
		}
	}
	u := &suite{id: r.s.id(), sha: sha, app: app, createdAt: r.s.now(), updateAt: r.s.now(), before: Zero}
	for branch, head := range r.heads {
		if head == sha {
			u.branch = branch
		}
	}
	for _, p := range r.pulls {
		if p.head == sha {
			u.branch = p.headRef
		}
	}
	r.suites = append(r.suites, u)
	return u
}

// requestSuite asks the App to check a new head.
func (p *Pull) requestSuite() {
	if p.Repo.s.installation(p.Repo) != nil && p.headRepo == p.Repo {
		p.Repo.tellSuite("requested", p.Repo.s.bot(), p.Repo.suiteOf(p.head, p.Repo.s.App.Slug))
	}
}

func (r *Repo) setCheck(k CheckRun) *CheckRun {
	s := r.s
	s.app(k.App)
	k.ID, k.Suite = s.id(), r.suiteOf(k.HeadSHA, k.App).id
	if k.StartedAt.IsZero() {
		k.StartedAt = s.now()
	}
	own := &k
	r.checks = append(r.checks, own)
	r.tellCheck("created", own, nil)
	if own.Status == "completed" {
		r.completed(own)
	}
	return own
}

// completed tells that a check ended, and its suite when all have.
func (r *Repo) completed(k *CheckRun) {
	if k.CompletedAt.IsZero() {
		k.CompletedAt = r.s.now()
	}
	r.tellCheck("completed", k, nil)
	for _, other := range r.checksOf(k.HeadSHA) {
		if other.App == k.App && other.Status != "completed" {
			return
		}
	}
	r.tellSuite("completed", k.App+"[bot]", r.suiteOf(k.HeadSHA, k.App))
}

// Rerun is a person who wants a check once more, which has ended.
func (r *Repo) Rerun(who string, check int64) {
	r.edit(func() {
		k := r.check(check)
		if k == nil || k.Status != "completed" {
			r.s.options.Fatal("only a check that ended can be run once more")
			return
		}
		r.tellCheck("rerequested", k, Object{"sender": r.s.userObject(who)})
	})
}

// Action is a person who presses a button of a check.
func (r *Repo) Action(who string, check int64, identifier string) {
	r.edit(func() {
		k := r.check(check)
		if k == nil {
			r.s.options.Fatal("there is no such check")
			return
		}
		r.tellCheck("requested_action", k, Object{"sender": r.s.userObject(who), "requested_action": Object{"identifier": identifier}})
	})
}

// check by id; nil when there is none.
func (r *Repo) check(id int64) *CheckRun {
	for _, k := range r.checks {
		if k.ID == id {
			return k
		}
	}
	return nil
}

func (r *Repo) statusObject(sha string, st *Status) Object {
	return Object{"id": st.ID, "node_id": nodeID("SC", st.ID), "state": st.State, "context": st.Context, "description": orNil(st.Description),
		"target_url": orNil(st.TargetURL), "created_at": stamp(st.CreatedAt), "updated_at": stamp(st.CreatedAt), "avatar_url": r.s.html("/avatars/0"),
		"url": r.s.api("/repos/%s/statuses/%s", r.Name(), sha), "creator": r.s.userObject(st.Creator)}
}

func (s *Server) appObject(slug string) Object {
	name := strings.ToUpper(slug[:1]) + slug[1:]
	permissions := Object{}
	for k, v := range AllPermissions() {
		permissions[k] = v
	}
	id := s.app(slug)
	return Object{"id": id, "slug": slug, "node_id": nodeID("A", id), "name": name, "owner": s.userObject("gozer-dev"), "description": "",
		"external_url": s.html("/apps/%s", slug), "html_url": s.html("/apps/%s", slug), "created_at": "2020-01-01T00:00:00Z", "updated_at": "2020-01-01T00:00:00Z",
		"permissions": permissions, "events": []any{"check_run", "pull_request", "push"}}
}

func (r *Repo) suiteObject(u *suite) Object {
	status, conclusion := r.suiteState(u)
	out := Object{"id": u.id, "node_id": nodeID("CS", u.id), "head_branch": orNil(u.branch), "head_sha": u.sha, "status": status, "conclusion": orNil(conclusion),
		"before": u.before, "after": u.sha, "app": r.s.appObject(u.app), "created_at": stamp(u.createdAt), "updated_at": stamp(u.updateAt),
		"url": r.s.api("/repos/%s/check-suites/%d", r.Name(), u.id), "check_runs_url": r.s.api("/repos/%s/check-suites/%d/check-runs", r.Name(), u.id),
		"latest_check_runs_count": len(r.checksOf(u.sha)), "pull_requests": r.pullsAt(u.sha)}
	return out
}

func (r *Repo) suiteState(u *suite) (status, conclusion string) {
	status, conclusion = "queued", ""
	for _, k := range r.checksOf(u.sha) {
		switch {
		case k.App != u.app:
		case k.Status != "completed":
			return "in_progress", ""
		case conclusion == "" || conclusion == "success":
			status, conclusion = "completed", k.Conclusion
		}
	}
	return status, conclusion
}

// pullsAt are the open pull requests of this repository whose head a commit is.
func (r *Repo) pullsAt(sha string) []any {
	out := []any{}
	for _, p := range r.openPulls() {
		if p.head == sha && p.headRepo == r {
			small := func(repo *Repo) Object {
				return Object{"id": repo.id, "url": r.s.api("/repos/%s", repo.Name()), "name": repo.name}
			}
			out = append(out, Object{"id": p.id, "number": p.Number, "url": r.s.api("/repos/%s/pulls/%d", r.Name(), p.Number),
				"head": Object{"ref": p.headRef, "sha": p.head, "repo": small(r)}, "base": Object{"ref": p.base, "sha": p.baseCommit, "repo": small(r)}})
		}
	}
	return out
}

func (r *Repo) checkObject(k *CheckRun) Object {
	own := r.s.api("/repos/%s/check-runs/%d", r.Name(), k.ID)
	web := r.s.html("/%s/runs/%d", r.Name(), k.ID)
	details := k.DetailsURL
	orSo(&details, web)
	return Object{"id": k.ID, "node_id": nodeID("CR", k.ID), "name": k.Name, "head_sha": k.HeadSHA, "status": k.Status, "conclusion": orNil(k.Conclusion),
		"external_id": k.ExternalID, "details_url": details, "url": own, "html_url": web,
		"started_at": stamp(k.StartedAt), "completed_at": stamp(k.CompletedAt), "app": r.s.appObject(k.App), "pull_requests": r.pullsAt(k.HeadSHA),
		"check_suite": r.suiteObject(r.suiteOf(k.HeadSHA, k.App)),
		"output":      Object{"title": orNil(k.Title), "summary": orNil(k.Summary), "text": orNil(k.Text), "annotations_count": len(k.Annotations), "annotations_url": own + "/annotations"}}
}
