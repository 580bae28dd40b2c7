package fakegithub

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// root is what a query begins with.
func (e *execution) root() Object {
	s, who := e.c.s, e.c.who
	return Object{
		"repository": lazy(func(args Object) any {
			owner, _ := args["owner"].(string)
			name, _ := args["name"].(string)
			r := s.find(owner + "/" + name)
			if r == nil || !who.sees(r) {
				return gqlError{"NOT_FOUND", "Could not resolve to a Repository with the name '" + owner + "/" + name + "'."}
			}
			return e.repo(r)
		}),
		"node":      lazy(func(args Object) any { return e.node(args["id"]) }),
		"nodes":     lazy(e.nodesByID),
		"search":    lazy(e.search),
		"viewer":    lazy(func(Object) any { return s.actor(who.login) }),
		"rateLimit": lazy(func(Object) any { return e.rateLimit() }),
	}
}

// node finds a pull request; the fake knows no others.
func (e *execution) node(id any) any {
	for _, r := range e.c.s.repos {
		for _, p := range r.pulls {
			if id == nodeID("PR", p.id) && e.c.who.sees(r) && e.c.who.may("pull_requests", "read") {
				return e.pull(p)
			}
		}
	}
	return gqlError{"NOT_FOUND", "Could not resolve to a node with the global id of '" + text(id) + "'"}
}

func (e *execution) nodesByID(args Object) any {
	ids, _ := args["ids"].([]any)
	out := []any{}
	for _, id := range ids {
		out = append(out, e.node(id))
	}
	return out
}

func (e *execution) rateLimit() Object {
	l := e.c.limit
	return Object{"limit": l.size, "used": l.used, "remaining": max(l.size-l.used, 0), "resetAt": stamp(l.reset), "cost": e.cost, "nodeCount": e.nodes}
}

// search finds pull requests: GitHub's words for that are type ISSUE.
func (e *execution) search(args Object) any {
	q, _ := args["query"].(string)
	w := parseSearch(q)
	if kind := args["type"]; kind != "ISSUE" {
		e.c.s.mistake("a GraphQL search of type %v, which the fake does not know", kind)
	}
	if !slices.Contains(w.states, "pr") {
		w.states = append(w.states, "pr")
	}
	if no := e.c.s.searchProblem(q, w); no != "" {
		return gqlError{"", no}
	}
	list := e.c.s.found(e.c.who, w)
	n := len(list)
	return connection{nodes: slices.Collect(mapped(list, e.pull)), more: Object{"issueCount": n, "repositoryCount": 0, "userCount": 0, "codeCount": 0, "wikiCount": 0, "discussionCount": 0}}
}

func mapped[T any](list []T, f func(T) Object) func(func(any) bool) {
	return func(yield func(any) bool) {
		for _, v := range list {
			if !yield(f(v)) {
				return
			}
		}
	}
}

// actor is a person, organization or bot, whose login has no "[bot]" here.
func (s *Server) actor(login string) Object {
	u := s.user(login)
	name := strings.TrimSuffix(u.login, "[bot]")
	return Object{"__typename": u.kind, "id": nodeID("U", u.id), "databaseId": u.id, "login": name, "name": name, "email": u.email,
		"url": s.html("/%s", name), "resourcePath": "/" + name, "avatarUrl": s.html("/avatars/%d", u.id)}
}

func (e *execution) repo(r *Repo) Object {
	return Object{"__typename": "Repository", "id": nodeID("R", r.id), "databaseId": r.id, "name": r.name, "nameWithOwner": r.Name(), "url": r.s.html("/%s", r.Name()),
		"owner": r.s.actor(r.owner), "isPrivate": r.private, "isFork": r.parent != nil, "isArchived": false, "isDisabled": false, "deleteBranchOnMerge": false, "autoMergeAllowed": false,
		"viewerPermission": strings.ToUpper(e.c.viewerRole(r)),
		"createdAt":        stamp(r.createdAt), "updatedAt": stamp(r.updatedAt), "pushedAt": stamp(r.updatedAt),
		"mergeCommitAllowed": r.allows("merge"), "squashMergeAllowed": r.allows("squash"), "rebaseMergeAllowed": r.allows("rebase"),
		"defaultBranchRef": lazy(func(Object) any { return e.ref(r, r.defaultBranch) }),
		"ref": lazy(func(args Object) any {
			name, _ := args["qualifiedName"].(string)
			return e.ref(r, strings.TrimPrefix(name, "refs/heads/"))
		}),
		"refs": lazy(func(args Object) any { return e.refs(r, args) }),
		"pullRequest": lazy(func(args Object) any {
			n, err := number(args["number"])
			p := r.pull(n)
			switch {
			case err != nil || p == nil:
				return gqlError{"NOT_FOUND", "Could not resolve to a PullRequest with the number of " + text(args["number"]) + "."}
			case !e.c.who.may("pull_requests", "read"):
				return forbidden()
			}
			return e.pull(p)
		}),
		"pullRequests":          lazy(func(args Object) any { return e.pulls(r, args) }),
		"rulesets":              lazy(func(Object) any { return connect(slices.Collect(mapped(r.rulesets, e.ruleset))) }),
		"branchProtectionRules": lazy(func(Object) any { return e.protections(r) }),
		"object":                lazy(func(args Object) any { return e.gitObject(r, args) }),
	}
}

func forbidden() gqlError { return gqlError{"FORBIDDEN", "Resource not accessible by integration"} }

func (e *execution) gitObject(r *Repo, args Object) any {
	name, _ := args["oid"].(string)
	if name == "" {
		name, _ = args["expression"].(string)
	}
	if sha, ok := r.resolve(name); ok {
		return e.commit(r, sha)
	}
	return nil
}

// pulls of a repository, as they are asked for.
func (e *execution) pulls(r *Repo, args Object) any {
	if !e.c.who.may("pull_requests", "read") {
		return forbidden()
	}
	states, _ := args["states"].([]any)
	list := slices.DeleteFunc(slices.Clone(r.pulls), func(p *Pull) bool {
		base, head := args["baseRefName"], args["headRefName"]
		return len(states) > 0 && !slices.Contains(states, any(p.gqlState())) || base != nil && base != p.base || head != nil && head != p.headRef
	})
	order, _ := args["orderBy"].(Object)
	if order["field"] == "UPDATED_AT" {
		slices.SortStableFunc(list, func(a, b *Pull) int { return a.updatedAt.Compare(b.updatedAt) })
	}
	if order["direction"] == "DESC" {
		slices.Reverse(list)
	}
	return connect(slices.Collect(mapped(list, e.pull)))
}

func (p *Pull) gqlState() string {
	if p.merged {
		return "MERGED"
	}
	return strings.ToUpper(p.state())
}

// ref is a branch; nil when there is none.
func (e *execution) ref(r *Repo, branch string) any {
	sha := r.heads[branch]
	if sha == "" {
		return nil
	}
	return Object{"id": "REF_" + r.Name() + branch, "name": branch, "prefix": "refs/heads/", "repository": lazy(func(Object) any { return e.repo(r) }),
		"target": lazy(func(Object) any { return e.commit(r, sha) }),
		"branchProtectionRule": lazy(func(Object) any {
			switch p := r.protections[branch]; {
			case p == nil:
				return nil
			case !e.c.who.may("administration", "read"):
				return forbidden()
			default:
				return e.protection(branch, p)
			}
		}),
		"refUpdateRule": lazy(func(Object) any { return refUpdateRule(r, branch) }),
		"rules":         lazy(func(Object) any { return e.rules(r, branch) }),
	}
}

func (e *execution) refs(r *Repo, args Object) any {
	prefix, _ := args["refPrefix"].(string)
	var list []any
	for _, branch := range slices.Sorted(maps.Keys(r.heads)) {
		if strings.HasPrefix("refs/heads/"+branch, prefix) {
			list = append(list, e.ref(r, branch))
		}
	}
	return connect(list)
}

// refUpdateRule is what everybody may know of the rules.
func refUpdateRule(r *Repo, branch string) any {
	if !r.isProtected(branch) {
		return nil
	}
	rules := r.rulesOf(branch)
	return Object{"pattern": branch, "allowsDeletions": false, "allowsForcePushes": false, "blocksCreations": false,
		"requiredApprovingReviewCount": rules.reviews, "requiredStatusCheckContexts": texts(rules.contexts), "requiresCodeOwnerReviews": false,
		"requiresConversationResolution": rules.conversations, "requiresLinearHistory": rules.linear, "requiresSignatures": false,
		"viewerAllowedToDismissReviews": true, "viewerCanPush": true}
}

func (e *execution) protections(r *Repo) any {
	if !e.c.who.may("administration", "read") {
		return forbidden()
	}
	var list []any
	for _, branch := range slices.Sorted(maps.Keys(r.protections)) {
		list = append(list, e.protection(branch, r.protections[branch]))
	}
	return connect(list)
}

func (e *execution) protection(branch string, p *Protection) Object {
	return Object{"id": nodeID("BPR", p.id), "databaseId": p.id, "pattern": branch, "requiresStatusChecks": len(p.Contexts) > 0, "requiresStrictStatusChecks": p.Strict,
		"requiredStatusCheckContexts": texts(p.Contexts),
		"requiredStatusChecks": objects(p.Contexts, func(context string) Object {
			return Object{"context": context, "app": e.app(p.Apps[context])}
		}),
		"requiresApprovingReviews": p.Reviews > 0, "requiredApprovingReviewCount": p.Reviews, "dismissesStaleReviews": p.DismissStale,
		"requiresCodeOwnerReviews": false, "requiresConversationResolution": p.Conversations, "lockBranch": p.Locked, "isAdminEnforced": p.Admins,
		"requiresLinearHistory": p.LinearHistory, "requiresCommitSignatures": false, "restrictsPushes": false, "allowsForcePushes": false, "allowsDeletions": false,
		"requireLastPushApproval": false}
}

func (e *execution) app(slug string) any {
	if slug == "" {
		return nil
	}
	id := e.c.s.app(slug)
	return Object{"id": nodeID("A", id), "databaseId": id, "slug": slug, "name": slug}
}

func (e *execution) ruleset(set *Ruleset) Object {
	return Object{"id": nodeID("RRS", set.id), "databaseId": set.id, "name": set.Name, "enforcement": "ACTIVE", "target": "BRANCH",
		"createdAt": stamp(time.Unix(0, 0)), "updatedAt": stamp(time.Unix(0, 0)),
		"rules":      lazy(func(Object) any { return connect(e.rulesOf(set)) }),
		"conditions": Object{"refName": Object{"include": texts(set.Branches), "exclude": []any{}}}}
}

// rules of a branch, of all rulesets.
func (e *execution) rules(r *Repo, branch string) any {
	var list []any
	for _, set := range r.rulesetsOf(branch) {
		list = append(list, e.rulesOf(set)...)
	}
	return connect(list)
}

func (e *execution) rulesOf(set *Ruleset) []any {
	var list []any
	for _, rule := range e.c.s.rulesIn(set) {
		kind, _ := rule["type"].(string)
		parameters, _ := rule["parameters"].(Object)
		list = append(list, Object{"id": nodeID("RR_"+kind, set.id), "type": strings.ToUpper(kind), "parameters": gqlParameters(kind, parameters),
			"repositoryRuleset": lazy(func(Object) any { return e.ruleset(set) })})
	}
	return list
}

func gqlParameters(kind string, in Object) any {
	switch kind {
	case "pull_request":
		methods, _ := in["allowed_merge_methods"].([]any)
		upper := make([]any, 0, len(methods))
		for _, m := range methods {
			upper = append(upper, strings.ToUpper(text(m)))
		}
		return Object{"__typename": "PullRequestParameters", "allowedMergeMethods": upper, "requiredApprovingReviewCount": in["required_approving_review_count"],
			"requiredReviewThreadResolution": in["required_review_thread_resolution"], "dismissStaleReviewsOnPush": in["dismiss_stale_reviews_on_push"],
			"requireCodeOwnerReview": false, "requireLastPushApproval": false}
	case "required_status_checks":
		checks, _ := in["required_status_checks"].([]any)
		var list []any
		for _, k := range checks {
			o, _ := k.(Object)
			list = append(list, Object{"context": o["context"], "integrationId": o["integration_id"]})
		}
		return Object{"__typename": "RequiredStatusChecksParameters", "requiredStatusChecks": list, "strictRequiredStatusChecksPolicy": in["strict_required_status_checks_policy"]}
	case "update":
		return Object{"__typename": "UpdateParameters", "updateAllowsFetchAndMerge": false}
	}
	return nil
}
