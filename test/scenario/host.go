package scenario

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gozer-dev/gozer/internal/model"
)

// host is the code hosts with their repositories. It is not ours: nothing of it
// is lost in a crash.
type host struct {
	// tips are the branches: the sequence of what was merged or pushed.
	tips map[model.BranchRef][]string
	// files that a step of a sequence wrote: path to content.
	files   map[string]map[string]string
	changes map[model.ChangeKey]*model.Change
	// opened are the changes in the order in which they were opened.
	opened []model.ChangeKey
	// conflicts are pairs of changes that touch the same lines.
	conflicts [][2]string
	// refused says why a change is not merged.
	refused map[string]string
	// told are the comments by change and marker: the same one is made once.
	told map[string]bool
	// comments on each change.
	comments map[string][]string
	pushes   int
	// version counts what may change the configuration.
	version int
	// branches in the order in which they came to be, the default ones first.
	branches []model.BranchRef
}

func newHost() *host {
	return &host{
		tips: map[model.BranchRef][]string{}, files: map[string]map[string]string{},
		changes: map[model.ChangeKey]*model.Change{}, refused: map[string]string{}, told: map[string]bool{},
		comments: map[string][]string{},
	}
}

// changeName is how stories name a change.
func changeName(c model.Change) string {
	if c.Number == 0 {
		return c.Project.Name + "@" + c.Branch
	}
	return fmt.Sprintf("%s#%d", c.Project.Name, c.Number)
}

// rev is what a change is in a sequence: "api#1", or "api#1,2" from its second patchset on.
func rev(c model.Change) string {
	if c.Number == 0 {
		return c.Head
	}
	if c.Patchset == "1" {
		return changeName(c)
	}
	return changeName(c) + "," + c.Patchset
}

func ownBranch(c model.Change) model.BranchRef {
	return model.BranchRef{Project: c.Project, Branch: c.Branch}
}

// conflicting finds what a change conflicts with in a sequence; empty if nothing.
func (h *host) conflicting(sequence []string, c model.Change) string {
	is := func(step, name string) bool { return step == name || strings.HasPrefix(step, name+",") }
	for _, pair := range h.conflicts {
		for n, name := range pair {
			if !is(rev(c), name) && rev(c) != name {
				continue
			}
			if i := slices.IndexFunc(sequence, func(s string) bool { return is(s, pair[1-n]) }); i >= 0 {
				return sequence[i]
			}
		}
	}
	return ""
}

// tree is the files at the end of a sequence.
func (h *host) tree(sequence []string) map[string]string {
	out := map[string]string{}
	for _, step := range sequence {
		maps.Copy(out, h.files[step])
	}
	maps.DeleteFunc(out, func(_, content string) bool { return content == deleted })
	return out
}

// deleted is the content of a file that a step takes away.
const deleted = "\x00"

// push puts something into a branch by hand.
func (h *host) push(at model.BranchRef, files map[string]string) {
	h.pushes++
	h.version++
	step := fmt.Sprintf("push%d", h.pushes)
	h.files[step] = files
	h.tips[at] = append(slices.Clone(h.tips[at]), step)
}

// merge does what the host does when it is asked to merge a change.
func (h *host) merge(c model.Change) (refused string) {
	now := h.changes[c.Key()]
	switch {
	case h.refused[changeName(c)] != "":
		return h.refused[changeName(c)]
	case now.Head != c.Head:
		return "new commits were pushed while it was being merged"
	case !now.Open:
		return "it is not open"
	case h.conflicting(h.tips[ownBranch(c)], c) != "":
		return "it conflicts"
	}
	at := ownBranch(c)
	h.tips[at] = append(slices.Clone(h.tips[at]), rev(c))
	h.version++
	now.Open, now.Merged, now.MergeCommit = false, true, rev(c)
	return ""
}
