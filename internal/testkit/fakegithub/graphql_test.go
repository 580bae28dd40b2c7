package fakegithub

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

const wholePull = `query($owner: String!, $name: String!, $number: Int!) {
  rateLimit { cost remaining limit resetAt nodeCount }
  repository(owner: $owner, name: $name) { nameWithOwner mergeCommitAllowed squashMergeAllowed rebaseMergeAllowed pullRequest(number: $number) {
    id number title body state isDraft merged mergedAt mergeCommit { oid } url permalink headRefOid headRefName headRepository { nameWithOwner }
    isCrossRepository baseRefName author { login } authorAssociation labels(first: 100) { nodes { name } } changedFiles
    files(first: 100) { nodes { path changeType } pageInfo { hasNextPage endCursor } }
    reviews(last: 100) { nodes { author { login ... on User { email } } state submittedAt databaseId body commit { oid } authorAssociation authorCanPushToRepository } }
    latestReviews(first: 10) { nodes { state } } latestOpinionatedReviews(first: 10, writersOnly: true) { nodes { state author { login } } }
    reviewDecision mergeable mergeStateStatus reviewThreads(first: 50) { nodes { isResolved } }
    commits(last: 1) { nodes { commit { oid statusCheckRollup { state contexts(first: 100) { nodes {
      __typename
      ... on CheckRun { name status conclusion isRequired(pullRequestNumber: $number) checkSuite { app { slug } } }
      ... on StatusContext { context state creator { login } isRequired(pullRequestNumber: $number) }
    } } } } } }
    baseRef {
      branchProtectionRule { requiresStatusChecks requiredStatusCheckContexts requiredStatusChecks { context app { slug } } requiresApprovingReviews
        requiredApprovingReviewCount requiresConversationResolution lockBranch isAdminEnforced requiresLinearHistory }
      refUpdateRule { requiredStatusCheckContexts }
      rules(first: 100) { nodes { type parameters {
        ... on RequiredStatusChecksParameters { requiredStatusChecks { context integrationId } }
        ... on PullRequestParameters { allowedMergeMethods requiredApprovingReviewCount requiredReviewThreadResolution dismissStaleReviewsOnPush }
      } } }
    }
    createdAt updatedAt
  } }
}`

func (c client) query(q string, vars Object) answer {
	c.t.Helper()
	return c.do("POST", "/graphql", Object{"query": q, "variables": vars}).is(200)
}

var number1 = Object{"owner": "acme", "name": "api", "number": 1}

// at walks into an answer.
func at(t *testing.T, v any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			v = v.(Object)[step]
		case int:
			v = v.([]any)[step]
		}
	}
	return v
}

func TestQueryOfAWholePullRequest(t *testing.T) {
	s, r, p, c := start(t)
	s.SetEmail("bob", "bob@example.org")
	r.Protect("main", Protection{Contexts: []string{"test"}, Apps: map[string]string{"test": "other"}, Reviews: 1})
	r.AddRuleset(Ruleset{Name: "all", Contexts: []string{"lint"}, Pull: true})
	p.Review("bob", "APPROVED", "fine")
	p.Status("ci", "deploy", "failure")
	p.Check("other", "test", "success")
	p.Thread(false)
	p.Label("bob", "gate")
	p.Mergeability(1)

	pr := at(t, c.query(wholePull, number1).object(), "data", "repository", "pullRequest")
	if got := at(t, pr, "mergeable"); got != "UNKNOWN" {
		t.Errorf("mergeable %v at first", got)
	}
	a := c.query(wholePull, number1).is(200, `"MERGEABLE"`, `"BLOCKED"`, "bob@example.org", `"login":"bob"`, `"APPROVED"`, "REQUIRED_STATUS_CHECKS", p.Head())
	if strings.Contains(string(a.raw), "errors") {
		t.Fatalf("%s", a.raw)
	}
	pr = at(t, a.object(), "data", "repository", "pullRequest")
	contexts := at(t, pr, "commits", "nodes", 0, "commit", "statusCheckRollup", "contexts", "nodes")
	check, status := at(t, contexts, 0), at(t, contexts, 1)
	if at(t, check, "isRequired") != true || at(t, check, "checkSuite", "app", "slug") != "other" || at(t, check, "conclusion") != "SUCCESS" {
		t.Errorf("check %v", check)
	}
	if at(t, status, "isRequired") != false || at(t, status, "creator", "login") != "ci" || at(t, status, "state") != "FAILURE" {
		t.Errorf("status %v", status)
	}
	if at(t, pr, "baseRef", "branchProtectionRule", "requiredStatusChecks", 0, "app", "slug") != "other" {
		t.Errorf("%v", pr)
	}
}

func TestGraphQLRefusals(t *testing.T) {
	s, _, _, c := start(t, lenient)
	weak := asInstallation(t, s.Install("acme", map[string]string{"metadata": "read"}))
	s.installations = s.installations[1:] // only the weak one
	vars := Object{"owner": "acme", "name": "api", "number": 9}
	for name, tc := range map[string]struct {
		a    answer
		want string
	}{
		"a field that is not there": {c.query("{ viewer { nickname } }", nil), `Cannot query field \"nickname\"`},
		"a wrong type":              {c.query(`{ repository(owner: 1, name: "api") { name } }`, nil), "String cannot represent"},
		"a missing variable":        {c.query(wholePull, Object{"owner": "acme"}), "must be defined"},
		"no such pull request":      {c.query(wholePull, vars), `"NOT_FOUND"`},
		"no such repository":        {c.query(`{ repository(owner: "acme", name: "nothing") { name } }`, nil), "Could not resolve to a Repository with the name 'acme/nothing'."},
		"no first":                  {c.query(`{ search(type: ISSUE, query: "is:pr") { issueCount } }`, nil), "MISSING_PAGINATION_BOUNDARIES"},
		"too many":                  {c.query(`{ search(type: ISSUE, query: "is:pr", first: 200) { issueCount } }`, nil), "EXCESSIVE_PAGINATION"},
		"far too many":              {c.query(`{ search(type: ISSUE, query: "is:pr", first: 100) { nodes { ... on PullRequest { files(first: 100) { nodes { path } } reviews(first: 100) { nodes { comments(first: 100) { totalCount } } } } } } }`, nil), "MAX_NODE_LIMIT_EXCEEDED"},
		"a missing permission":      {weak.query(wholePull, number1), `"FORBIDDEN"`},
	} {
		if !strings.Contains(string(tc.a.raw), tc.want) || !strings.Contains(string(tc.a.raw), `"errors"`) {
			t.Errorf("%s: %s", name, tc.a.raw)
		}
	}
	client{t: t, s: s}.do("POST", "/graphql", Object{"query": "{ viewer { login } }"}).is(401)
}

func TestGraphQLSearchAndLists(t *testing.T) {
	_, r, p, c := start(t)
	p.Edit("ann", "Second", "Depends-On: https://example.org/acme/api/pull/9")
	r.Open(Opening{Title: "Third", Body: "needs nothing", Files: map[string]string{"c": "c\n"}})
	a := c.query(`{ search(type: ISSUE, first: 10, query: "repo:acme/api is:open in:body \"/acme/api/pull/9\"") { issueCount nodes { ... on PullRequest { title body baseRefName } } pageInfo { hasNextPage } } }`, nil)
	a.is(200, `"issueCount":1`, "Second")
	var two struct {
		Data struct {
			Repository struct {
				PullRequests struct {
					Nodes    []struct{ Title string }
					PageInfo struct {
						HasNextPage bool
						EndCursor   string
					}
				}
			}
		}
	}
	const list = `query($after: String) { repository(owner: "acme", name: "api") { pullRequests(states: [OPEN], first: 1, after: $after) { nodes { title } pageInfo { hasNextPage endCursor } } } }`
	for i, want := range []string{"Second", "Third"} {
		if err := json.Unmarshal(c.query(list, Object{"after": orNil(two.Data.Repository.PullRequests.PageInfo.EndCursor)}).raw, &two); err != nil {
			t.Fatal(err)
		}
		got := two.Data.Repository.PullRequests
		if got.Nodes[0].Title != want || got.PageInfo.HasNextPage != (i == 0) {
			t.Errorf("page %d: %+v", i, got)
		}
	}
}

func TestGraphQLNodes(t *testing.T) {
	_, _, p, c := start(t)
	id := nodeID("PR", p.id)
	c.query(`query($ids: [ID!]!) { nodes(ids: $ids) { ... on PullRequest { number } } }`, Object{"ids": []string{id, "PR_1"}}).is(200, `"nodes":[{"number":1},null]`, "NOT_FOUND")
	c.query(`query($id: ID!) { node(id: $id) { id ... on PullRequest { title } } }`, Object{"id": id}).is(200, "A change")
}

func TestGraphQLLimits(t *testing.T) {
	s, _, _, c := start(t)
	i := s.installations[0]
	i.SetRemaining("graphql", 1, time.Now().Add(time.Minute))
	c.query("{ rateLimit { remaining cost } }", nil).is(200, `"remaining":0`, `"cost":1`)
	a := c.query("{ rateLimit { remaining } }", nil).is(200, "RATE_LIMITED")
	if a.header.Get("X-RateLimit-Remaining") != "0" || a.header.Get("X-RateLimit-Resource") != "graphql" {
		t.Error(a.header)
	}
	c.get("/repos/acme/api").is(200)
}

func TestGraphQLCanBeMissing(t *testing.T) {
	_, _, _, c := start(t, func(o *Options) { o.NoGraphQL = true })
	c.do("POST", "/api/graphql", Object{"query": "{ viewer { login } }"}).is(404)
}
