package fakegithub

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
)

// rules of a branch, of its protection and of rulesets together.
type rules struct {
	contexts      []string
	apps          map[string]string
	methods       []string // any when empty
	pull          bool
	reviews       int
	strict        bool
	dismissStale  bool
	conversations bool
	linear        bool
	locked        bool
	fromRulesets  bool
	// bypass says that administrators are not bound.
	bypass bool
}

// Protect protects a branch in the older way.
func (r *Repo) Protect(branch string, p Protection) {
	r.edit(func() {
		p.id = r.s.id()
		action := "created"
		if r.protections[branch] != nil {
			p.id, action = r.protections[branch].id, "edited"
		}
		r.protections[branch] = &p
		r.tellProtection(action, branch, &p)
	})
}

// Unprotect takes the protection away.
func (r *Repo) Unprotect(branch string) {
	r.edit(func() {
		p := r.protections[branch]
		if p == nil {
			return
		}
		delete(r.protections, branch)
		r.tellProtection("deleted", branch, p)
	})
}

// AddRuleset protects branches in the newer way. GitHub has no webhook for it
// that an App gets.
func (r *Repo) AddRuleset(set Ruleset) {
	r.edit(func() { set.id = r.s.id(); r.rulesets = append(r.rulesets, &set) })
}

// RemoveRulesets takes all of them away.
func (r *Repo) RemoveRulesets() { r.edit(func() { r.rulesets = nil }) }

// rulesetsOf a branch.
func (r *Repo) rulesetsOf(branch string) []*Ruleset {
	var out []*Ruleset
	for _, set := range r.rulesets {
		fits := func(pattern string) bool {
			ok, err := path.Match(pattern, "refs/heads/"+branch)
			return ok && err == nil || pattern == "~ALL" || pattern == "~DEFAULT_BRANCH" && branch == r.defaultBranch
		}
		if len(set.Branches) == 0 || slices.ContainsFunc(set.Branches, fits) {
			out = append(out, set)
		}
	}
	return out
}

func (r *Repo) rulesOf(branch string) rules {
	out := rules{apps: map[string]string{}, bypass: true}
	if p := r.protections[branch]; p != nil {
		out.contexts, out.reviews = append(out.contexts, p.Contexts...), p.Reviews
		out.strict, out.dismissStale, out.conversations = p.Strict, p.DismissStale, p.Conversations
		out.linear, out.locked, out.bypass = p.LinearHistory, p.Locked, !p.Admins
		out.require(p.Apps)
	}
	for _, set := range r.rulesetsOf(branch) {
		out.contexts, out.reviews = append(out.contexts, set.Contexts...), max(out.reviews, set.Reviews)
		out.dismissStale = out.dismissStale || set.DismissStale
		out.conversations = out.conversations || set.Conversations
		out.linear, out.locked = out.linear || set.LinearHistory, out.locked || set.Locked
		out.strict, out.pull = out.strict || set.Strict, out.pull || set.Pull
		if len(set.Methods) > 0 {
			out.methods = set.Methods
		}
		out.fromRulesets, out.bypass = true, false
		out.require(set.Apps)
	}
	slices.Sort(out.contexts)
	out.contexts = slices.Compact(out.contexts)
	return out
}

func (r *rules) require(apps map[string]string) {
	for context, app := range apps {
		r.apps[context] = app
	}
}

func (p *Pull) rules() rules { return p.Repo.rulesOf(p.base) }

// contextState is "success", "pending", "failing" or "expected": not there.
func (r *Repo) contextState(sha, context, app string) string {
	state := "expected"
	for _, k := range r.checksOf(sha) {
		if k.Name == context && (app == "" || app == k.App) {
			state = k.state()
		}
	}
	for _, st := range r.statuses[sha] {
		if st.Context == context && app == "" {
			state = map[string]string{"success": "success", "pending": "pending"}[st.State]
			orSo(&state, "failing")
		}
	}
	return state
}

func (k *CheckRun) state() string {
	switch {
	case k.Status != "completed":
		return "pending"
	case slices.Contains([]string{"success", "neutral", "skipped"}, k.Conclusion):
		return "success"
	}
	return "failing"
}

// opinions are the latest reviews that say yes or no, by those who may write.
func (p *Pull) opinions(onlyWriters bool) []*Review {
	var out []*Review
	for _, v := range p.reviews {
		if v.State == "COMMENTED" || v.State == "PENDING" || v.User == p.author || onlyWriters && !p.Repo.writes(v.User) {
			continue
		}
		out = slices.DeleteFunc(out, func(o *Review) bool { return o.User == v.User })
		out = append(out, v)
	}
	return out
}

func (p *Pull) count(state string) int {
	n := 0
	for _, v := range p.opinions(true) {
		if v.State == state {
			n++
		}
	}
	return n
}

// decision on the reviews, in GraphQL's words; empty when nobody asks for one.
func (p *Pull) decision() string {
	needed := p.rules().reviews
	switch {
	case p.count("CHANGES_REQUESTED") > 0:
		return "CHANGES_REQUESTED"
	case needed > p.count("APPROVED"):
		return "REVIEW_REQUIRED"
	case p.count("APPROVED") > 0:
		return "APPROVED"
	}
	return ""
}

// mergeable says whether it can be merged without a conflict.
func (p *Pull) mergeable() bool {
	return p.testMerge() != ""
}

// testMerge is the commit that GitHub makes to find out whether there is a
// conflict, at refs/pull/1/merge. It is not what merging makes.
func (p *Pull) testMerge() string {
	tip := p.Repo.heads[p.base]
	key := p.head + tip
	if commit, tried := p.tried[key]; tried {
		return commit
	}
	p.tried[key] = ""
	if tree, ok := p.Repo.mergeTree(tip, p.head); ok {
		commit, err := p.Repo.commitTree("web-flow", fmt.Sprintf("Merge %s into %s", p.head, tip), tree, tip, p.head)
		p.Repo.s.must(err)
		p.Repo.s.must(p.Repo.setRef(fmt.Sprintf("refs/pull/%d/merge", p.Number), commit))
		p.tried[key] = commit
	}
	return p.tried[key]
}

// mergeState is what GraphQL calls mergeStateStatus.
func (p *Pull) mergeState() string {
	switch {
	case !p.mergeable():
		return "DIRTY"
	case p.draft:
		return "DRAFT"
	case len(p.against()) > 0:
		return "BLOCKED"
	case p.rules().strict && !p.Repo.contains(p.Repo.heads[p.base], p.head):
		return "BEHIND"
	}
	if all := p.Repo.rollup(p.head); all != "" && all != "SUCCESS" {
		return "UNSTABLE"
	}
	return "CLEAN"
}

// against lists which rules are not met, in the words in which GitHub refuses to merge.
func (p *Pull) against() []string {
	r := p.rules()
	var out []string
	if r.locked {
		out = append(out, "Cannot change this locked branch")
	}
	out = append(out, p.reviewsMissing(r)...)
	out = append(out, p.contextsMissing(r)...)
	if r.conversations && slices.Contains(p.threads, false) {
		out = append(out, "A conversation must be resolved before this pull request can be merged.")
	}
	return out
}

func (p *Pull) reviewsMissing(r rules) []string {
	asked, approved := p.count("CHANGES_REQUESTED"), p.count("APPROVED")
	switch {
	case r.reviews == 0 && !r.pull:
		return nil
	case asked > 0:
		return []string{fmt.Sprintf("%d review%s requesting changes by reviewers with write access.", asked, plural(asked))}
	case approved < r.reviews:
		return []string{fmt.Sprintf("At least %d approving review%s required by reviewers with write access.", r.reviews, map[bool]string{true: " is", false: "s are"}[r.reviews == 1])}
	}
	return nil
}

func (p *Pull) contextsMissing(r rules) []string {
	var names []string
	states := map[string]int{}
	for _, context := range r.contexts {
		if state := p.Repo.contextState(p.head, context, r.apps[context]); state != "success" {
			names, states[state] = append(names, context), states[state]+1
		}
	}
	switch len(names) {
	case 0:
		return nil
	case 1:
		for state := range states {
			return []string{fmt.Sprintf("Required status check %q is %s.", names[0], state)}
		}
	}
	var parts []string
	for _, state := range []string{"failing", "pending", "expected"} {
		if states[state] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", states[state], state))
		}
	}
	return []string{fmt.Sprintf("%d of %d required status checks have not succeeded: %s.", len(names), len(r.contexts), strings.Join(parts, " and "))}
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

// refusal is why a pull request is not merged by who asks; nil when it is.
func (p *Pull) refusal(who *token, method, sha string) *reply {
	r := p.rules()
	words := map[string]string{"merge": "Merge commits", "squash": "Squash merges", "rebase": "Rebase merges"}
	switch {
	case p.closed:
		return problem(http.StatusMethodNotAllowed, "Pull Request is not mergeable")
	case sha != "" && sha != p.head:
		return problem(http.StatusConflict, "Head branch was modified. Review and try the merge again.")
	case !slices.Contains(p.Repo.methods, method), len(r.methods) > 0 && !slices.Contains(r.methods, method):
		return problem(http.StatusMethodNotAllowed, words[method]+" are not allowed on this repository.")
	case p.draft:
		return problem(http.StatusMethodNotAllowed, "Pull Request is still a draft")
	case !p.mergeable():
		return problem(http.StatusMethodNotAllowed, "Pull Request is not mergeable")
	case r.linear && method == "merge":
		return problem(http.StatusMethodNotAllowed, "This branch must not contain merge commits.")
	case r.strict && !p.Repo.contains(p.Repo.heads[p.base], p.head):
		return problem(http.StatusMethodNotAllowed, "Head branch is out of date. Review and try the merge again.")
	}
	against := p.against()
	if len(against) == 0 || r.bypass && who.installation == nil && p.Repo.role(who.login) == "admin" {
		return nil
	}
	if r.fromRulesets {
		return problem(http.StatusMethodNotAllowed, "Repository rule violations found\n\n"+strings.Join(against, "\n\n")+"\n\n")
	}
	return problem(http.StatusMethodNotAllowed, strings.Join(against, " "))
}
