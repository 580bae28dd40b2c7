package github

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/model"
)

// changeQuery reads all that a gate asks of a pull request. The first hundred of
// everything but statuses, of which there may be more.
const changeQuery = `query($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      number title body url state isDraft merged authorAssociation
      author { __typename login }
      mergeCommit { oid }
      headRefOid baseRefName
      mergeable mergeStateStatus reviewDecision
      labels(first: 100) { nodes { name } }
      latestOpinionatedReviews(first: 100) { nodes { ...given } }
      reviews(last: 100) { nodes { ...given } }
      reviewThreads(first: 100) { nodes { isResolved } }
      commits(last: 1) { nodes { commit { statusCheckRollup { contexts(first: 100, after: $after) {
        pageInfo { hasNextPage endCursor }
        nodes {
          __typename
          ... on CheckRun { name status conclusion startedAt checkSuite { app { slug } } }
          ... on StatusContext { context state createdAt creator { __typename login } }
        }
      } } } } }
      baseRef {
        branchProtectionRule {
          requiresStatusChecks requiredStatusCheckContexts requiresStrictStatusChecks
          requiresConversationResolution requiredApprovingReviewCount lockBranch
        }
        rules(first: 100) { nodes { type parameters {
          __typename
          ... on RequiredStatusChecksParameters { strictRequiredStatusChecksPolicy requiredStatusChecks { context } }
          ... on PullRequestParameters { requiredApprovingReviewCount requiredReviewThreadResolution }
        } } }
      }
    }
  }
}
fragment given on PullRequestReview { databaseId state submittedAt authorCanPushToRepository author { __typename login } }`

type login struct {
	Type  string `json:"__typename"`
	Login string `json:"login"`
}

type reviewNode struct {
	DatabaseID int64     `json:"databaseId"`
	State      string    `json:"state"`
	At         time.Time `json:"submittedAt"`
	MayWrite   bool      `json:"authorCanPushToRepository"`
	Author     *login    `json:"author"`
}

type contextNode struct {
	Type string `json:"__typename"`
	// Of a check run.
	Name       string    `json:"name"`
	Status     string    `json:"status"`
	Conclusion string    `json:"conclusion"`
	StartedAt  time.Time `json:"startedAt"`
	CheckSuite struct {
		App *struct {
			Slug string `json:"slug"`
		} `json:"app"`
	} `json:"checkSuite"`
	// Of a commit status.
	Context   string    `json:"context"`
	State     string    `json:"state"`
	CreatedAt time.Time `json:"createdAt"`
	Creator   *login    `json:"creator"`
}

type ruleNode struct {
	Type       string `json:"type"`
	Parameters *struct {
		Strict   bool `json:"strictRequiredStatusChecksPolicy"`
		Required []struct {
			Context string `json:"context"`
		} `json:"requiredStatusChecks"`
		Approvals     int  `json:"requiredApprovingReviewCount"`
		Conversations bool `json:"requiredReviewThreadResolution"`
	} `json:"parameters"`
}

type pullNode struct {
	Number      int64  `json:"number"`
	Title       string `json:"title"`
	Body        string `json:"body"`
	URL         string `json:"url"`
	State       string `json:"state"`
	IsDraft     bool   `json:"isDraft"`
	Merged      bool   `json:"merged"`
	Author      *login `json:"author"`
	Association string `json:"authorAssociation"`
	MergeCommit *struct {
		OID string `json:"oid"`
	} `json:"mergeCommit"`
	Head      string `json:"headRefOid"`
	Base      string `json:"baseRefName"`
	Mergeable string `json:"mergeable"`
	State2    string `json:"mergeStateStatus"`
	Decision  string `json:"reviewDecision"`
	Labels    struct {
		Nodes []struct {
			Name string `json:"name"`
		} `json:"nodes"`
	} `json:"labels"`
	Opinions struct {
		Nodes []reviewNode `json:"nodes"`
	} `json:"latestOpinionatedReviews"`
	Reviews struct {
		Nodes []reviewNode `json:"nodes"`
	} `json:"reviews"`
	Threads struct {
		Nodes []struct {
			IsResolved bool `json:"isResolved"`
		} `json:"nodes"`
	} `json:"reviewThreads"`
	Commits struct {
		Nodes []struct {
			Commit struct {
				Rollup *struct {
					Contexts struct {
						PageInfo struct {
							HasNextPage bool   `json:"hasNextPage"`
							EndCursor   string `json:"endCursor"`
						} `json:"pageInfo"`
						Nodes []contextNode `json:"nodes"`
					} `json:"contexts"`
				} `json:"statusCheckRollup"`
			} `json:"commit"`
		} `json:"nodes"`
	} `json:"commits"`
	BaseRef *struct {
		Protection *struct {
			Checks        bool     `json:"requiresStatusChecks"`
			Contexts      []string `json:"requiredStatusCheckContexts"`
			Strict        bool     `json:"requiresStrictStatusChecks"`
			Conversations bool     `json:"requiresConversationResolution"`
			Approvals     int      `json:"requiredApprovingReviewCount"`
			Locked        bool     `json:"lockBranch"`
		} `json:"branchProtectionRule"`
		Rules *struct {
			Nodes []ruleNode `json:"nodes"`
		} `json:"rules"`
	} `json:"baseRef"`
}

// maxStatusPages bounds how many statuses of one commit are read, by hundreds.
const maxStatusPages = 20

// queryPull reads a pull request by GraphQL.
func (c *Client) queryPull(ctx context.Context, a *account, p model.Project, number int64) (pull, error) {
	owner, repo := split(p)
	variables := map[string]any{"owner": owner, "name": repo, "number": number, "after": nil}
	var pr pull
	for page := range maxStatusPages {
		var answer struct {
			Repository *struct {
				PullRequest *pullNode `json:"pullRequest"`
			} `json:"repository"`
		}
		if err := c.query(ctx, a, changeQuery, variables, &answer); err != nil {
			return pull{}, err
		}
		if answer.Repository == nil || answer.Repository.PullRequest == nil {
			return pull{}, drivers.ErrNotFound
		}
		node := answer.Repository.PullRequest
		statuses, next := node.statuses()
		switch {
		case page == 0:
			pr = node.pull()
		case node.Head != pr.Head:
			return pull{}, fmt.Errorf("new commits were pushed while its statuses were read: %w", drivers.ErrTryLater)
		}
		pr.Statuses = append(pr.Statuses, statuses...)
		if next == "" {
			return pr, nil
		}
		variables["after"] = next
	}
	return pull{}, fmt.Errorf("it has more than %d statuses", len(pr.Statuses))
}

func (n *pullNode) pull() pull {
	pr := pull{
		Number: n.Number, Title: n.Title, Body: n.Body, URL: n.URL, Author: loginOf(n.Author), Head: n.Head, Base: n.Base,
		Association: n.Association, Open: n.State == "OPEN", Draft: n.IsDraft, Merged: n.Merged, Mergeable: n.Mergeable, Behind: n.State2 == "BEHIND", Decision: n.Decision,
	}
	if n.MergeCommit != nil {
		pr.MergeCommit = n.MergeCommit.OID
	}
	for _, l := range n.Labels.Nodes {
		pr.Labels = append(pr.Labels, l.Name)
	}
	for _, list := range [][]reviewNode{n.Reviews.Nodes, n.Opinions.Nodes} {
		for _, r := range list {
			pr.Reviews = append(pr.Reviews, review{ID: r.DatabaseID, Author: loginOf(r.Author), State: r.State, MayWrite: r.MayWrite, At: r.At})
		}
	}
	for _, t := range n.Threads.Nodes {
		if !t.IsResolved {
			pr.OpenThreads++
		}
	}
	pr.Rules = n.rules()
	return pr
}

// ghost is who GitHub shows in place of an account that is gone.
const ghost = "ghost"

func loginOf(l *login) string {
	switch {
	case l == nil:
		return ghost
	case l.Type == "Bot": // REST, webhooks and Zuul's configuration call them so
		return l.Login + botSuffix
	}
	return l.Login
}

// statuses of the head, and where the next page begins.
func (n *pullNode) statuses() (out []status, next string) {
	if len(n.Commits.Nodes) == 0 || n.Commits.Nodes[0].Commit.Rollup == nil {
		return nil, ""
	}
	contexts := n.Commits.Nodes[0].Commit.Rollup.Contexts
	for _, s := range contexts.Nodes {
		if s.Type == "StatusContext" {
			out = append(out, status{By: loginOf(s.Creator), Context: s.Context, State: strings.ToLower(s.State), At: s.CreatedAt})
			continue
		}
		by, state := "", s.Conclusion
		if s.CheckSuite.App != nil {
			by = s.CheckSuite.App.Slug
		}
		if state == "" {
			state = s.Status
		}
		out = append(out, status{By: by, Context: s.Name, State: strings.ToLower(state), At: s.StartedAt})
	}
	if contexts.PageInfo.HasNextPage {
		next = contexts.PageInfo.EndCursor
	}
	return out, next
}

func (n *pullNode) rules() rules {
	var out rules
	if n.BaseRef == nil {
		return out
	}
	if p := n.BaseRef.Protection; p != nil {
		if p.Checks {
			out.Required, out.UpToDate = p.Contexts, p.Strict
		}
		out.Conversations, out.Locked, out.Approvals = p.Conversations, p.Locked, p.Approvals
	}
	if n.BaseRef.Rules == nil {
		return out
	}
	for _, r := range n.BaseRef.Rules.Nodes {
		out.MergeQueue = out.MergeQueue || r.Type == "MERGE_QUEUE"
		if r.Parameters == nil {
			continue
		}
		for _, s := range r.Parameters.Required {
			out.Required = append(out.Required, s.Context)
		}
		out.UpToDate = out.UpToDate || r.Parameters.Strict
		out.Conversations = out.Conversations || r.Parameters.Conversations
		out.Approvals = max(out.Approvals, r.Parameters.Approvals)
	}
	return out
}
