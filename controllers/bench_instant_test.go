package controllers_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"

	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/mergeplan"
	"github.com/gozer-dev/gozer/internal/merger"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/testkit/fakehost"
)

// instant is a merger and a code host that take no time: commits and trees are
// hashes of what they are made of. Real git only holds the configuration.
// Changes must not touch the same files, nor the configuration.
type instant struct {
	merger.Merger
	host *fakehost.Host

	mu sync.Mutex
	// tips are the branches that were asked for or merged into.
	tips map[model.BranchRef]merger.Commit
	// made commits, with the real commit below each.
	made   map[string]madeOf
	merged []string
}

type madeOf struct{ tree, below string }

func newInstant(m merger.Merger, h *fakehost.Host) *instant {
	return &instant{Merger: m, host: h, tips: map[model.BranchRef]merger.Commit{}, made: map[string]madeOf{}}
}

func hash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return hex.EncodeToString(sum[:20])
}

// onto makes the commit that merges a head. The order of heads does not matter
// to the tree's user here: items merge in the order of the queue.
func (m *instant) onto(before merger.Commit, head, who string) merger.Commit {
	below := before.Commit
	if b, ok := m.made[before.Commit]; ok {
		below = b.below
	}
	c := merger.Commit{Commit: hash("commit", who, before.Commit, head), Tree: hash("tree", before.Tree, head)}
	m.made[c.Commit] = madeOf{tree: c.Tree, below: below}
	return c
}

// commit with its tree; real ones are asked for by tip only.
func (m *instant) commit(id string) merger.Commit {
	if b, ok := m.made[id]; ok {
		return merger.Commit{Commit: id, Tree: b.tree}
	}
	return merger.Commit{Commit: id, Tree: hash("tree of", id)}
}

func (m *instant) tip(ctx context.Context, p model.Project, branch string) (merger.Commit, error) {
	at := model.BranchRef{Project: p, Branch: branch}
	if c, ok := m.tips[at]; ok {
		return c, nil
	}
	c, err := m.Merger.Tip(ctx, p, branch)
	if err != nil {
		return merger.Commit{}, err
	}
	m.tips[at] = m.commit(c.Commit)
	return m.tips[at], nil
}

// Prepare implements merger.Merger.
func (m *instant) Prepare(ctx context.Context, req merger.PrepareRequest) (mergeplan.Result, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := mergeplan.Result{Steps: make([]mergeplan.StepResult, len(req.Request.Steps))}
	for _, c := range mergeplan.Chains(req.Request) {
		if c.Base == "" {
			tip, err := m.tip(ctx, c.Project, c.Branch)
			if err != nil {
				return out, err
			}
			c.Base = tip.Commit
		}
		base := m.commit(c.Base)
		at := base
		for _, l := range c.Links {
			at = m.onto(at, req.Request.Steps[l.Step].Change.Head, "gozer")
			out.Steps[l.Step] = mergeplan.StepResult{Commit: at.Commit, Tree: at.Tree, ChangedFiles: []string{"f"}}
		}
		out.States = append(out.States, mergeplan.State{Project: c.Project, Branch: c.Branch, Base: c.Base, BaseTree: base.Tree, Commit: at.Commit, Tree: at.Tree})
	}
	return out, nil
}

// Tip implements merger.Merger.
func (m *instant) Tip(ctx context.Context, p model.Project, branch string) (merger.Commit, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tip(ctx, p, branch)
}

// Files implements merger.Merger.
func (m *instant) Files(ctx context.Context, req merger.FilesRequest) (merger.FilesResult, error) {
	m.mu.Lock()
	if b, ok := m.made[req.Commit]; ok {
		req.Commit = b.below
	}
	m.mu.Unlock()
	return m.Merger.Files(ctx, req)
}

// Release implements merger.Merger.
func (m *instant) Release(context.Context, string) error { return nil }

// instantHosts gives the code host to the controllers.
type instantHosts struct{ m *instant }

// Host of the only connection.
func (h instantHosts) Host(context.Context, string) (drivers.Host, error) {
	return instantHost{h.m.host, h.m}, nil
}

// Connections of the tenant.
func (h instantHosts) Connections(ctx context.Context, tenant string) (map[string]layout.Connection, error) {
	return h.m.host.Connections(ctx, tenant)
}

type instantHost struct {
	*fakehost.Host
	m *instant
}

// Merge implements drivers.Merger.
func (h instantHost) Merge(ctx context.Context, c model.Change, _, _ string) error {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	before, err := h.m.tip(ctx, c.Project, c.Branch)
	if err != nil {
		return err
	}
	after := h.m.onto(before, c.Head, "host")
	h.m.tips[model.BranchRef{Project: c.Project, Branch: c.Branch}] = after
	h.m.merged = append(h.m.merged, c.Head)
	h.Edit(c.Project.Name, c.Number, func(c *model.Change) { c.Open, c.Merged, c.MergeCommit = false, true, after.Commit })
	return nil
}

func (m *instant) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.merged)
}
