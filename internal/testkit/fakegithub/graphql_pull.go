package fakegithub

import (
	"fmt"
	"slices"
	"strings"
)

func text(v any) string { return fmt.Sprint(v) }

func (e *execution) pull(p *Pull) Object {
	out := Object{"__typename": "PullRequest", "id": nodeID("PR", p.id), "databaseId": p.id, "fullDatabaseId": text(p.id), "number": p.Number,
		"title": p.title, "body": p.body, "bodyText": p.body, "state": p.gqlState(), "isDraft": p.draft, "closed": p.closed, "merged": p.merged, "locked": false,
		"createdAt": stamp(p.createdAt), "updatedAt": stamp(p.updatedAt), "closedAt": stamp(p.closedAt), "mergedAt": p.mergedAt(),
		"url": p.Repo.s.html("/%s/pull/%d", p.Repo.Name(), p.Number), "permalink": p.Repo.s.html("/%s/pull/%d", p.Repo.Name(), p.Number),
		"headRefOid": p.head, "headRefName": p.headRef, "baseRefName": p.base, "baseRefOid": p.baseCommit, "isCrossRepository": p.headRepo != p.Repo,
		"maintainerCanModify": p.headRepo != p.Repo, "author": p.Repo.s.actor(p.author), "authorAssociation": p.associated(p.author),
		"isInMergeQueue": false, "isMergeQueueEnabled": false, "mergeQueueEntry": nil, "autoMergeRequest": nil, "milestone": nil,
		"headRepository": lazy(func(Object) any { return e.repo(p.headRepo) }), "baseRepository": lazy(func(Object) any { return e.repo(p.Repo) }),
		"repository": lazy(func(Object) any { return e.repo(p.Repo) }), "headRepositoryOwner": p.Repo.s.actor(p.headRepo.owner),
		"baseRef": lazy(func(Object) any { return e.ref(p.Repo, p.base) }), "headRef": lazy(func(Object) any { return e.ref(p.headRepo, p.headRef) }),
		"reviewDecision": orNil(p.decision()), "mergedBy": nil, "mergeCommit": nil,
		"labels": lazy(func(Object) any { return connect(objects(p.labels, e.label(p.Repo))) }),
	}
	if p.merged {
		out["mergedBy"] = p.Repo.s.actor(p.mergedBy)
		out["mergeCommit"] = lazy(func(Object) any { return e.commit(p.Repo, p.mergeCommit) })
	}
	e.pullLists(p, out)
	e.pullVerdict(p, out)
	return out
}

func (e *execution) label(r *Repo) func(name string) Object {
	return func(name string) Object {
		return Object{"id": r.labelObject(name)["node_id"], "name": name, "color": "ededed", "description": nil, "isDefault": false}
	}
}

// pullLists are what a pull request has several of.
func (e *execution) pullLists(p *Pull, out Object) {
	size := func(pick func(files, additions, deletions int) int) lazy {
		return func(Object) any { return pick(p.size()) }
	}
	out["changedFiles"] = size(func(n, _, _ int) int { return n })
	out["additions"] = size(func(_, n, _ int) int { return n })
	out["deletions"] = size(func(_, _, n int) int { return n })
	out["files"] = lazy(func(Object) any {
		list := p.files()
		return connect(objects(list[:min(len(list), 3000)], gqlFile))
	})
	out["comments"] = lazy(func(Object) any { return connect(objects(p.comments, e.comment(p))) })
	out["reviewThreads"] = lazy(func(Object) any {
		return connect(objects(p.threads, func(resolved bool) Object {
			return Object{"id": "PRRT", "isResolved": resolved, "isOutdated": false, "isCollapsed": false, "path": "README"}
		}))
	})
	out["reviews"] = lazy(func(args Object) any {
		states, _ := args["states"].([]any)
		author, byAuthor := args["author"].(string)
		return connect(objects(slices.DeleteFunc(slices.Clone(p.reviews), func(v *Review) bool {
			return len(states) > 0 && !slices.Contains(states, any(v.State)) || byAuthor && !strings.EqualFold(author, v.User)
		}), e.review(p)))
	})
	out["latestReviews"] = lazy(func(Object) any { return connect(objects(p.latestReviews(), e.review(p))) })
	out["latestOpinionatedReviews"] = lazy(func(args Object) any { return connect(objects(p.opinions(args["writersOnly"] == true), e.review(p))) })
	out["reviewRequests"], out["assignees"] = connect(nil), connect(nil)
	out["commits"] = lazy(func(Object) any {
		list, err := p.Repo.git("git", nil, "rev-list", "--reverse", p.baseCommit+".."+p.head)
		p.Repo.s.must(err)
		return connect(objects(strings.Fields(list), func(sha string) Object {
			return Object{"id": "PRC_" + sha, "commit": lazy(func(Object) any { return e.commit(p.Repo, sha) })}
		}))
	})
}

func gqlFile(f changedFile) Object {
	kinds := map[string]string{"removed": "DELETED"}
	kind := kinds[f.status]
	orSo(&kind, strings.ToUpper(f.status))
	return Object{"path": f.name, "additions": f.additions, "deletions": f.deletions, "changeType": kind}
}

// latestReviews of everybody, whatever they say.
func (p *Pull) latestReviews() []*Review {
	var out []*Review
	for _, v := range p.reviews {
		if v.State != "PENDING" && v.User != p.author {
			out = append(slices.DeleteFunc(out, func(o *Review) bool { return o.User == v.User }), v)
		}
	}
	return out
}

// pullVerdict is what GitHub has against merging it.
func (e *execution) pullVerdict(p *Pull, out Object) {
	out["mergeable"] = lazy(func(Object) any {
		e.looked[p] = true
		switch {
		case p.unknown > 0 || p.merged:
			return "UNKNOWN"
		case p.mergeable():
			return "MERGEABLE"
		}
		return "CONFLICTING"
	})
	out["mergeStateStatus"] = lazy(func(Object) any {
		e.looked[p] = true
		if p.unknown > 0 || p.merged {
			return "UNKNOWN"
		}
		return p.mergeState()
	})
	out["potentialMergeCommit"] = lazy(func(Object) any {
		if p.unknown > 0 || p.merged || !p.mergeable() {
			return nil
		}
		return e.commit(p.Repo, p.testMerge())
	})
	out["canBeRebased"] = lazy(func(Object) any { return p.mergeable() })
	out["statusCheckRollup"] = lazy(func(Object) any { return e.rollup(p.Repo, p.head) })
}

func (e *execution) comment(p *Pull) func(c *Comment) Object {
	return func(c *Comment) Object {
		return Object{"id": nodeID("IC", c.ID), "databaseId": c.ID, "fullDatabaseId": text(c.ID), "author": p.Repo.s.actor(c.User), "authorAssociation": p.associated(c.User), "body": c.Body,
			"bodyText": c.Body, "createdAt": stamp(c.CreatedAt), "updatedAt": stamp(c.UpdatedAt), "publishedAt": stamp(c.CreatedAt), "isMinimized": false,
			"viewerDidAuthor": strings.EqualFold(c.User, e.c.who.login), "url": p.Repo.s.html("/%s/pull/%d#issuecomment-%d", p.Repo.Name(), p.Number, c.ID)}
	}
}

func (e *execution) review(p *Pull) func(v *Review) Object {
	return func(v *Review) Object {
		return Object{"id": nodeID("PRR", v.ID), "databaseId": v.ID, "fullDatabaseId": text(v.ID), "author": p.Repo.s.actor(v.User), "authorAssociation": p.associated(v.User),
			"authorCanPushToRepository": p.Repo.writes(v.User), "state": v.State, "body": v.Body, "bodyText": v.Body, "submittedAt": stamp(v.SubmittedAt),
			"createdAt": stamp(v.SubmittedAt), "updatedAt": stamp(v.SubmittedAt), "publishedAt": stamp(v.SubmittedAt), "viewerDidAuthor": strings.EqualFold(v.User, e.c.who.login),
			"url":    p.Repo.s.html("/%s/pull/%d#pullrequestreview-%d", p.Repo.Name(), p.Number, v.ID),
			"commit": lazy(func(Object) any { return e.commit(p.Repo, v.Commit) })}
	}
}

// commit of a repository.
func (e *execution) commit(r *Repo, sha string) Object {
	return Object{"__typename": "Commit", "id": "C_" + sha, "oid": sha, "abbreviatedOid": sha[:7], "url": r.s.html("/%s/commit/%s", r.Name(), sha),
		"message":           lazy(func(Object) any { return e.info(r, sha).message }),
		"messageHeadline":   lazy(func(Object) any { head, _, _ := strings.Cut(e.info(r, sha).message, "\n"); return head }),
		"committedDate":     lazy(func(Object) any { return stamp(e.info(r, sha).date) }),
		"authoredDate":      lazy(func(Object) any { return stamp(e.info(r, sha).date) }),
		"statusCheckRollup": lazy(func(Object) any { return e.rollup(r, sha) }),
		"status": lazy(func(Object) any {
			if len(r.statuses[sha]) == 0 {
				return nil
			}
			return Object{"id": "S_" + sha, "state": strings.ToUpper(r.combined(sha)), "contexts": objects(r.latest(sha), e.status(r))}
		}),
	}
}

func (e *execution) info(r *Repo, sha string) commitInfo {
	c, err := r.info(sha)
	e.c.s.must(err)
	return c
}

// rollup of statuses and checks; nil when there are none.
func (e *execution) rollup(r *Repo, sha string) any {
	statuses, checks := r.latest(sha), r.latestChecks(sha)
	if len(statuses)+len(checks) == 0 {
		return nil
	}
	if !e.c.who.may("checks", "read") || !e.c.who.may("statuses", "read") {
		return forbidden()
	}
	list := append(objects(checks, e.check(r)), objects(statuses, e.status(r))...)
	more := Object{"checkRunCount": len(checks), "statusContextCount": len(statuses)}
	return Object{"id": "SCR_" + sha, "state": r.rollup(sha), "contexts": connection{nodes: list, more: more},
		"commit": lazy(func(Object) any { return e.commit(r, sha) })}
}

func (e *execution) check(r *Repo) func(k *CheckRun) Object {
	return func(k *CheckRun) Object {
		var conclusion any
		if k.Conclusion != "" {
			conclusion = strings.ToUpper(k.Conclusion)
		}
		web := r.s.html("/%s/runs/%d", r.Name(), k.ID)
		return Object{"__typename": "CheckRun", "id": nodeID("CR", k.ID), "databaseId": k.ID, "name": k.Name, "status": strings.ToUpper(k.Status), "conclusion": conclusion,
			"detailsUrl": orNil(k.DetailsURL), "url": web, "permalink": web, "externalId": orNil(k.ExternalID), "title": orNil(k.Title), "summary": orNil(k.Summary), "text": orNil(k.Text),
			"startedAt": stamp(k.StartedAt), "completedAt": stamp(k.CompletedAt), "isRequired": e.required(r, k.Name, k.App),
			"checkSuite": Object{"id": nodeID("CS", k.Suite), "databaseId": k.Suite, "app": e.app(k.App)}}
	}
}

func (e *execution) status(r *Repo) func(st *Status) Object {
	return func(st *Status) Object {
		return Object{"__typename": "StatusContext", "id": nodeID("SC", st.ID), "context": st.Context, "state": strings.ToUpper(st.State), "description": orNil(st.Description),
			"targetUrl": orNil(st.TargetURL), "createdAt": stamp(st.CreatedAt), "creator": r.s.actor(st.Creator), "isRequired": e.required(r, st.Context, "")}
	}
}

// required says whether a pull request needs a context to be merged.
func (e *execution) required(r *Repo, context, app string) lazy {
	return func(args Object) any {
		var p *Pull
		if n, err := number(args["pullRequestNumber"]); err == nil {
			p = r.pull(n)
		}
		for _, other := range r.pulls {
			if args["pullRequestId"] == nodeID("PR", other.id) {
				p = other
			}
		}
		if p == nil {
			return gqlError{"NOT_FOUND", "A pull request ID or pull request number is required."}
		}
		rules := p.rules()
		return slices.Contains(rules.contexts, context) && (rules.apps[context] == "" || rules.apps[context] == app)
	}
}
