package fakegithub

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

func (r *Repo) isProtected(branch string) bool {
	return r.protections[branch] != nil || len(r.rulesetsOf(branch)) > 0
}

func (c *call) branches() *reply {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(c.repo.heads)) {
		if want := c.query.Get("protected"); want == "" || (want == "true") == c.repo.isProtected(name) {
			list = append(list, name)
		}
	}
	return ok(c.page(objects(list, func(name string) Object {
		sha := c.repo.heads[name]
		return Object{"name": name, "protected": c.repo.isProtected(name), "commit": Object{"sha": sha, "url": c.s.api("/repos/%s/commits/%s", c.repo.Name(), sha)}}
	})))
}

func (c *call) branch() *reply {
	name := c.path["branch"]
	sha := c.repo.heads[name]
	if sha == "" {
		return problem(http.StatusNotFound, "Branch not found")
	}
	own := c.s.api("/repos/%s/branches/%s", c.repo.Name(), name)
	rules := c.repo.rulesOf(name)
	contexts := objects(rules.contexts, func(context string) Object {
		return Object{"context": context, "app_id": c.s.appID(rules.apps[context])}
	})
	level := "off"
	if len(contexts) > 0 {
		level = "non_admins"
	}
	return ok(Object{"name": name, "commit": c.repo.commitObject(sha), "protected": c.repo.isProtected(name), "protection_url": own + "/protection",
		"_links":     Object{"self": own, "html": c.s.html("/%s/tree/%s", c.repo.Name(), name)},
		"protection": Object{"enabled": c.repo.isProtected(name), "required_status_checks": Object{"enforcement_level": level, "contexts": texts(rules.contexts), "checks": contexts}}})
}

func texts(list []string) []any {
	out := []any{}
	for _, t := range list {
		out = append(out, t)
	}
	return out
}

func (s *Server) appID(slug string) any {
	if slug == "" {
		return nil
	}
	return s.app(slug)
}

func (c *call) protection() *reply {
	name := c.path["branch"]
	if c.repo.heads[name] == "" {
		return problem(http.StatusNotFound, "Branch not found")
	}
	p := c.repo.protections[name]
	if p == nil {
		return problem(http.StatusNotFound, "Branch not protected")
	}
	own := c.s.api("/repos/%s/branches/%s/protection", c.repo.Name(), name)
	on := func(b bool) Object { return Object{"enabled": b} }
	out := Object{"url": own, "enforce_admins": Object{"url": own + "/enforce_admins", "enabled": p.Admins}, "required_linear_history": on(p.LinearHistory),
		"required_conversation_resolution": on(p.Conversations), "lock_branch": on(p.Locked), "allow_force_pushes": on(false), "allow_deletions": on(false)}
	if len(p.Contexts) > 0 {
		out["required_status_checks"] = Object{"url": own + "/required_status_checks", "strict": p.Strict, "contexts": texts(p.Contexts), "contexts_url": own + "/required_status_checks/contexts",
			"checks": objects(p.Contexts, func(context string) Object {
				return Object{"context": context, "app_id": c.s.appID(p.Apps[context])}
			})}
	}
	if p.Reviews > 0 {
		out["required_pull_request_reviews"] = Object{"url": own + "/required_pull_request_reviews", "dismiss_stale_reviews": p.DismissStale,
			"require_code_owner_reviews": false, "required_approving_review_count": p.Reviews}
	}
	return ok(out)
}

// branchRules are those of rulesets, one by one.
func (c *call) branchRules() *reply {
	out := []any{} // none is no null
	for _, set := range c.repo.rulesetsOf(c.path["branch"]) {
		for _, rule := range c.s.rulesIn(set) {
			rule["ruleset_source_type"], rule["ruleset_source"], rule["ruleset_id"] = "Repository", c.repo.Name(), set.id
			out = append(out, rule)
		}
	}
	return ok(c.page(out))
}

func (s *Server) rulesIn(set *Ruleset) []Object {
	var out []Object
	if set.Locked {
		out = append(out, Object{"type": "update"})
	}
	if set.LinearHistory {
		out = append(out, Object{"type": "required_linear_history"})
	}
	if set.Pull || set.Reviews > 0 || set.Conversations || set.DismissStale || len(set.Methods) > 0 {
		methods := set.Methods
		if len(methods) == 0 {
			methods = []string{"merge", "squash", "rebase"}
		}
		out = append(out, Object{"type": "pull_request", "parameters": Object{"allowed_merge_methods": texts(methods),
			"required_approving_review_count": set.Reviews, "dismiss_stale_reviews_on_push": set.DismissStale,
			"require_code_owner_review": false, "require_last_push_approval": false, "required_review_thread_resolution": set.Conversations}})
	}
	if len(set.Contexts) > 0 {
		checks := objects(set.Contexts, func(context string) Object {
			o := Object{"context": context}
			if app := set.Apps[context]; app != "" {
				o["integration_id"] = s.app(app)
			}
			return o
		})
		out = append(out, Object{"type": "required_status_checks", "parameters": Object{"required_status_checks": checks, "strict_required_status_checks_policy": set.Strict}})
	}
	return out
}

// matchingRefs begin with what is asked for.
func (c *call) matchingRefs() *reply {
	out, err := c.repo.git("git", nil, "for-each-ref", "--format=%(refname) %(objectname) %(objecttype)")
	c.s.must(err)
	list := []any{}
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) == 3 && strings.HasPrefix(f[0], "refs/"+c.path["ref"]) {
			list = append(list, Object{"ref": f[0], "node_id": "REF_" + f[0], "url": c.s.api("/repos/%s/git/%s", c.repo.Name(), f[0]),
				"object": Object{"sha": f[1], "type": f[2], "url": c.s.api("/repos/%s/git/commits/%s", c.repo.Name(), f[1])}})
		}
	}
	return ok(list)
}

func (c *call) collaborator() *reply {
	login := c.path["username"]
	if c.s.users[strings.ToLower(login)] == nil {
		return problem(http.StatusNotFound, login+" is not a user")
	}
	role := c.repo.role(login)
	permission := map[string]string{"maintain": "write", "triage": "read"}[role]
	orSo(&permission, role)
	user := c.s.userObject(login)
	user["permissions"] = Object{"pull": role != "none", "triage": role != "none" && role != "read", "push": c.repo.writes(login), "maintain": role == "admin" || role == "maintain", "admin": role == "admin"}
	user["role_name"] = role
	return ok(Object{"permission": permission, "role_name": role, "user": user})
}
