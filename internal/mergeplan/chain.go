package mergeplan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/gozer-dev/gozer/internal/model"
)

// Link is one merge of a chain.
type Link struct {
	// Step is the index in Request.Steps.
	Step int
	// Digest names the state after this merge.
	Digest string
}

// Chain is everything that happens to one branch.
type Chain struct {
	Project model.Project
	Branch  string
	// Base is empty as long as the branch is not frozen.
	Base  string
	Links []Link
}

// Chains gives the chain of every branch that takes part, sorted by project
// and branch. Digests are only meaningful for chains with a Base.
func Chains(req Request) []Chain {
	b := builder{at: map[model.BranchRef]int{}}
	for _, base := range req.Bases {
		b.chain(base.Project, base.Branch).Base = base.Commit
	}
	for i, s := range req.Steps {
		c := b.chain(s.Change.Project, s.Change.Branch)
		c.Links = append(c.Links, Link{Step: i})
	}
	for _, e := range req.Extra {
		b.chain(e.Project, e.Branch)
	}
	for i := range b.chains {
		digestChain(&b.chains[i], req.Steps)
	}
	slices.SortFunc(b.chains, func(x, y Chain) int {
		return cmp.Or(
			cmp.Compare(x.Project.Canonical(), y.Project.Canonical()),
			cmp.Compare(x.Project.Connection, y.Project.Connection),
			cmp.Compare(x.Branch, y.Branch),
		)
	})
	return b.chains
}

type builder struct {
	chains []Chain
	at     map[model.BranchRef]int
}

func (b *builder) chain(p model.Project, branch string) *Chain {
	ref := model.BranchRef{Project: p, Branch: branch}
	i, ok := b.at[ref]
	if !ok {
		i = len(b.chains)
		b.at[ref] = i
		b.chains = append(b.chains, Chain{Project: p, Branch: branch})
	}
	return &b.chains[i]
}

func digestChain(c *Chain, steps []Step) {
	d := digest("gozer-state-v1", c.Project.Connection, c.Project.Canonical(), c.Branch, c.Base)
	for i := range c.Links {
		s := steps[c.Links[i].Step]
		d = digest(d, s.Change.Head, string(s.Mode), fmt.Sprint(s.Time.Unix()), Message(s))
		c.Links[i].Digest = d
	}
}

// digest hashes its parts with their lengths, so that no two lists are alike.
func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s\n", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:20])
}

// HeadBranch is the branch of a project that a clone checks out when it is
// told nothing: that of its last step, else its first chain. The chains must be
// of one project and not empty.
func HeadBranch(chains []Chain) string {
	head, last := chains[0].Branch, -1
	for _, c := range chains {
		if n := len(c.Links); n > 0 && c.Links[n-1].Step > last {
			head, last = c.Branch, c.Links[n-1].Step
		}
	}
	return head
}
