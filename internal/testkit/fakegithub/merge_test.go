package fakegithub

import (
	"slices"
	"strings"
	"testing"
)

const merge1 = "/repos/acme/api/pulls/1/merge"

func TestMergeMethodsMakeRealCommits(t *testing.T) {
	for method, tc := range map[string]struct {
		parents int
		subject string
	}{
		"merge":  {2, "Merge pull request #1 from acme/topic-1"},
		"squash": {1, "A change (#1)"},
		"rebase": {1, "second"},
	} {
		t.Run(method, func(t *testing.T) {
			s, r, p, c := start(t)
			p.Push("second", map[string]string{"b.txt": "2\n"})
			main := r.Push("ada", "main", "meanwhile", map[string]string{"c.txt": "3\n"})
			got := c.do("PUT", merge1, Object{"merge_method": method, "sha": p.Head()}).is(200, `"merged":true`).object()
			head := r.Head("main")
			if got["sha"] != head || p.MergeCommit() != head || p.State() != "merged" {
				t.Errorf("%v, %s", got, head)
			}
			if files := r.Git("ls-tree", "-r", "--name-only", "main"); files != "README\na.txt\nb.txt\nc.txt" {
				t.Errorf("files %q", files)
			}
			parents := strings.Fields(r.Git("log", "-1", "--format=%P", "main"))
			if len(parents) != tc.parents || r.Git("log", "-1", "--format=%s", "main") != tc.subject {
				t.Errorf("parents %v, %s", parents, r.Git("log", "-1", "--format=%s", "main"))
			}
			if method != "rebase" && parents[0] != main {
				t.Errorf("on top of %s, not %s", parents[0], main)
			}
			if !slices.Equal(s.MergedOrder(), []string{"acme/api#1"}) {
				t.Error(s.MergedOrder())
			}
			c.get("/repos/acme/api/pulls/1").is(200, `"merged":true`, `"state":"closed"`)
			c.do("PUT", merge1, Object{}).is(405, "Pull Request is not mergeable")
		})
	}
}

func TestMergeMessages(t *testing.T) {
	_, r, _, c := start(t)
	c.do("PUT", merge1, Object{"commit_title": "Title", "commit_message": "Reviewed-by: bob"}).is(200)
	if got := r.Git("log", "-1", "--format=%B", "main"); strings.TrimSpace(got) != "Title\n\nReviewed-by: bob" {
		t.Errorf("%q", got)
	}
}

// Each refusal in GitHub's words, and nothing is merged.
func TestMergeRefusals(t *testing.T) {
	for name, tc := range map[string]struct {
		prepare func(s *Server, r *Repo, p *Pull)
		body    Object
		status  int
		words   string
	}{
		"another head": {nil, Object{"sha": strings.Repeat("1", 40)}, 409, "Head branch was modified. Review and try the merge again."},
		"a draft":      {func(_ *Server, _ *Repo, p *Pull) { p.SetDraft("ann", true) }, nil, 405, "Pull Request is still a draft"},
		"closed":       {func(_ *Server, _ *Repo, p *Pull) { p.Close("ann") }, nil, 405, "Pull Request is not mergeable"},
		"a conflict": {func(_ *Server, r *Repo, _ *Pull) {
			r.Push("ada", "main", "other", map[string]string{"a.txt": "other\n"})
		}, nil, 405,
			"Pull Request is not mergeable"},
		"a forbidden method": {func(_ *Server, r *Repo, _ *Pull) { r.AllowMethods("squash") }, nil, 405, "Merge commits are not allowed on this repository."},
		"linear history":     {func(_ *Server, r *Repo, _ *Pull) { r.Protect("main", Protection{LinearHistory: true}) }, nil, 405, "must not contain merge commits"},
		"the base moved":     {func(s *Server, _ *Repo, _ *Pull) { s.Fault(BaseModified(1)) }, nil, 405, "Base branch was modified. Review and try the merge again."},
		"a locked branch":    {func(_ *Server, r *Repo, _ *Pull) { r.Protect("main", Protection{Locked: true}) }, nil, 405, "locked"},
		"a missing status":   {func(_ *Server, r *Repo, _ *Pull) { r.Protect("main", Protection{Contexts: []string{"test"}}) }, nil, 405, `Required status check \"test\" is expected.`},
		"a failed check": {func(_ *Server, r *Repo, p *Pull) {
			r.Protect("main", Protection{Contexts: []string{"test"}})
			p.Check("ci", "test", "failure")
		}, nil, 405, `Required status check \"test\" is failing.`},
		"somebody else's check": {func(_ *Server, r *Repo, p *Pull) {
			r.Protect("main", Protection{Contexts: []string{"test"}, Apps: map[string]string{"test": "ci"}})
			p.Check("other", "test", "success")
		}, nil, 405, "is expected"},
		"several statuses": {func(_ *Server, r *Repo, p *Pull) {
			r.Protect("main", Protection{Contexts: []string{"a", "b", "c"}})
			p.Status("ci", "a", "failure")
			p.Status("ci", "c", "success")
		}, nil, 405, "2 of 3 required status checks have not succeeded: 1 failing and 1 expected."},
		"a missing review": {func(_ *Server, r *Repo, p *Pull) {
			r.Protect("main", Protection{Reviews: 1})
			p.Review("eve", "APPROVED", "") // who may not write
		}, nil, 405, "At least 1 approving review is required by reviewers with write access."},
		"wanted changes": {func(_ *Server, r *Repo, p *Pull) {
			r.Protect("main", Protection{Reviews: 1})
			p.Review("ada", "APPROVED", "")
			p.Review("bob", "CHANGES_REQUESTED", "no")
		}, nil, 405, "requesting changes"},
		"an open conversation": {func(_ *Server, r *Repo, p *Pull) {
			r.Protect("main", Protection{Conversations: true})
			p.Thread(false)
		}, nil, 405, "conversation must be resolved"},
		"a ruleset": {func(_ *Server, r *Repo, _ *Pull) { r.AddRuleset(Ruleset{Contexts: []string{"test"}}) }, nil, 405, "Repository rule violations found"},
		"a method that a ruleset forbids": {func(_ *Server, r *Repo, _ *Pull) { r.AddRuleset(Ruleset{Methods: []string{"squash"}}) }, nil, 405,
			"Merge commits are not allowed on this repository."},
		"wanted changes, by a ruleset": {func(_ *Server, r *Repo, p *Pull) {
			r.AddRuleset(Ruleset{Pull: true})
			p.Review("bob", "CHANGES_REQUESTED", "no")
		}, nil, 405, "1 review requesting changes by reviewers with write access."},
		"not up to date": {func(_ *Server, r *Repo, _ *Pull) {
			r.Protect("main", Protection{Strict: true})
			r.Push("ada", "main", "meanwhile", map[string]string{"c.txt": "3\n"})
		}, nil, 405, "out of date"},
	} {
		t.Run(name, func(t *testing.T) {
			s, r, p, c := start(t)
			if tc.prepare != nil {
				tc.prepare(s, r, p)
			}
			if tc.body == nil {
				tc.body = Object{}
			}
			c.do("PUT", merge1, tc.body).is(tc.status, tc.words)
			if p.State() == "merged" || len(s.MergedOrder()) != 0 {
				t.Error("it was merged")
			}
		})
	}
}

func TestAnApprovalAndASuccessLetItMerge(t *testing.T) {
	_, r, p, c := start(t)
	r.Protect("main", Protection{Contexts: []string{"test"}, Reviews: 1, DismissStale: true})
	p.Review("bob", "APPROVED", "")
	p.Push("more", map[string]string{"b.txt": "2\n"})
	if v := p.Reviews()[0]; v.State != "DISMISSED" {
		t.Errorf("a stale review is %s", v.State)
	}
	p.Review("bob", "APPROVED", "")
	p.Status("ci", "test", "success")
	c.do("PUT", merge1, Object{}).is(200)
}

func TestAnAdministratorMayPassProtections(t *testing.T) {
	s, r, _, _ := start(t)
	r.Protect("main", Protection{Reviews: 1})
	ada := client{t: t, s: s, token: s.Token("ada")}
	client{t: t, s: s, token: s.Token("bob")}.do("PUT", merge1, Object{}).is(405)
	ada.do("PUT", merge1, Object{}).is(200)
}

func TestMergeabilityIsWorkedOut(t *testing.T) {
	_, r, p, c := start(t)
	p.Mergeability(2)
	for range 2 {
		c.get("/repos/acme/api/pulls/1").is(200, `"mergeable":null`, `"mergeable_state":"unknown"`, `"merge_commit_sha":null`)
	}
	if test := c.get("/repos/acme/api/pulls/1").is(200).object()["merge_commit_sha"]; test != r.Git("rev-parse", "refs/pull/1/merge") {
		t.Errorf("the test merge is %v", test)
	}
	c.get("/repos/acme/api/pulls/1").is(200, `"mergeable":true`, `"mergeable_state":"clean"`)
	p.Status("ci", "other", "failure")
	c.get("/repos/acme/api/pulls/1").is(200, `"mergeable_state":"unstable"`)
	r.Push("ada", "main", "other", map[string]string{"a.txt": "other\n"})
	c.get("/repos/acme/api/pulls/1").is(200, `"mergeable":false`, `"mergeable_state":"dirty"`)
}

func TestForks(t *testing.T) {
	s, r, _, c := start(t)
	p := r.Open(Opening{Fork: "eve", Author: "eve", Title: "From afar", Files: map[string]string{"e": "e\n"}})
	c.get("/repos/acme/api/pulls/2").is(200, `"full_name":"eve/api"`, `"label":"eve:topic-2"`)
	if got := r.Git("rev-parse", p.Ref()); got != p.Head() {
		t.Errorf("%s is at %s", p.Ref(), got)
	}
	p.Push("more", map[string]string{"f": "f\n"})
	if got := r.Git("rev-parse", p.Ref()); got != p.Head() {
		t.Errorf("%s is at %s after a push", p.Ref(), got)
	}
	p.ForcePush("again", map[string]string{"g": "g\n"})
	c.get("/repos/acme/api/pulls/2/files").is(200, `"filename":"g"`)
	p.Merge("ada", "squash")
	if !slices.Equal(s.MergedOrder(), []string{"acme/api#2"}) {
		t.Error(s.MergedOrder())
	}
	// Who goes on in an old fork works on top of what was merged since.
	next := r.Open(Opening{Fork: "eve", Author: "eve", Title: "And again", Files: map[string]string{"h": "h\n"}})
	if parent := r.Git("rev-parse", next.Head()+"^"); parent != r.Head("main") {
		t.Errorf("it stands on %s, not on %s", parent, r.Head("main"))
	}
	r.Push("ada", "main", "meanwhile", map[string]string{"i": "i\n"})
	next.ForcePush("rebased", map[string]string{"h": "h\n"})
	if parent := r.Git("rev-parse", next.Head()+"^"); parent != r.Head("main") {
		t.Errorf("rebased, it stands on %s, not on %s", parent, r.Head("main"))
	}
}
