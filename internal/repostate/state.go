package repostate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/gozer-dev/gozer/internal/mergeplan"
	"github.com/gozer-dev/gozer/internal/model"
)

const (
	headPrefix = "refs/heads/"
	tagPrefix  = "refs/tags/"
)

// MaxRefs is how many branches and tags are kept of a repository, annotated tags
// counting twice; tags are left out first.
const MaxRefs = 30_000

// Ref is a branch or a tag.
type Ref struct {
	// Name in full: refs/heads/main, refs/tags/v1.0.
	Name string
	// Object that it names: 40 hexadecimal digits.
	Object string
	// Peeled is the commit that an annotated tag stands for; empty for all other refs.
	Peeled string
}

// Commit that the ref stands for.
func (r Ref) Commit() string {
	if r.Peeled != "" {
		return r.Peeled
	}
	return r.Object
}

// State is the state of one repository.
type State struct {
	Project model.Project `json:"project"`
	// Default is the branch that the host's HEAD names; empty when it names none.
	Default string `json:"default,omitempty"`
	// Refs sorted by name, each once.
	Refs Refs `json:"refs,omitempty"`
	// Truncated tells that there were more tags than are kept.
	Truncated bool `json:"truncated,omitempty"`
	// Lost are names that cannot be had: git refuses what they name, or it was gone.
	Lost []string `json:"lost,omitempty"`
}

// Without leaves out refs to some objects; their names are lost.
func (s State) Without(objects []string) State {
	refs := s.Refs
	s.Refs = nil
	for _, r := range refs {
		if slices.Contains(objects, r.Object) {
			s.Lost = append(s.Lost, r.Name)
		} else {
			s.Refs = append(s.Refs, r)
		}
	}
	return s
}

// New makes a State of refs in any order; of two of one name, the first counts.
// Other refs than branches and tags, and names that would not be safe to hand on,
// are left out.
func New(p model.Project, branch string, refs []Ref) State {
	s := State{Project: p, Default: branch}
	for _, r := range refs {
		if checkRef(r) == nil {
			s.Refs = append(s.Refs, r)
		}
	}
	slices.SortStableFunc(s.Refs, func(a, b Ref) int { return strings.Compare(a.Name, b.Name) })
	s.Refs = slices.CompactFunc(s.Refs, func(a, b Ref) bool { return a.Name == b.Name })
	s.truncate()
	return s
}

// truncate leaves out what is too much.
func (s *State) truncate() {
	s.cut(s.ids() - MaxRefs)
	for !s.fits() {
		s.cut(max(1, s.ids()/8))
	}
}

// cut leaves out so many ids: of the tags that sort first, for those of the latest
// versions more often sort last, and then of branches.
func (s *State) cut(ids int) {
	if ids <= 0 {
		return
	}
	s.Truncated = true
	first, _ := s.Count()
	end := first
	for ; ids > 0 && end < len(s.Refs); end++ {
		ids -= s.Refs[end].ids()
	}
	s.Refs = slices.Delete(s.Refs, first, end)
	s.Refs = s.Refs[:len(s.Refs)-max(0, ids)]
}

func (s *State) ids() int {
	n := 0
	for _, r := range s.Refs {
		n += r.ids()
	}
	return n
}

func (r Ref) ids() int {
	if r.Peeled != "" {
		return 2
	}
	return 1
}

// fits says whether the refs can be packed.
func (s *State) fits() bool {
	if len(s.Refs.Text()) <= MaxPacked {
		return true
	}
	_, err := s.Refs.Pack()
	return err == nil
}

func checkRef(r Ref) error {
	if !strings.HasPrefix(r.Name, headPrefix) && !strings.HasPrefix(r.Name, tagPrefix) {
		return fmt.Errorf("%q is neither a branch nor a tag", r.Name)
	}
	if err := mergeplan.CheckRef(r.Name); err != nil {
		return err
	}
	if r.Peeled != "" {
		if err := mergeplan.CheckCommit(r.Peeled); err != nil {
			return err
		}
	}
	return mergeplan.CheckCommit(r.Object)
}

// Head is the commit of a branch; empty if there is no such branch.
func (s State) Head(branch string) string { return s.find(headPrefix + branch).Object }

// Tag is the commit of a tag; empty if there is no such tag.
func (s State) Tag(name string) string { return s.find(tagPrefix + name).Commit() }

func (s State) find(name string) Ref {
	n, ok := slices.BinarySearchFunc(s.Refs, name, func(r Ref, name string) int { return strings.Compare(r.Name, name) })
	if !ok {
		return Ref{}
	}
	return s.Refs[n]
}

// Count says how many branches and tags there are.
func (s State) Count() (branches, tags int) {
	for _, r := range s.Refs {
		if strings.HasPrefix(r.Name, headPrefix) {
			branches++
		}
	}
	return branches, len(s.Refs) - branches
}

// Digest names the state: the same for the same project, default branch and refs.
func (s State) Digest() string {
	h := sha256.New()
	fmt.Fprintf(h, "gozer-repository-v1\n%q %q %q %q %v\n%s", s.Project.Connection, s.Project.Hostname, s.Project.Name, s.Default, s.Truncated, s.Refs.Text())
	return hex.EncodeToString(h.Sum(nil)[:20])
}
