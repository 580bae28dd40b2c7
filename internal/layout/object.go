package layout

import (
	"fmt"
	"strings"

	"github.com/gozer-dev/gozer/internal/configlang"
)

// Origin is the file that an object stands in.
type Origin struct {
	Project *Project
	Branch  string
	Path    string
	File    *configlang.File
	// implied restricts jobs and templates that do not say their branches.
	implied []BranchMatcher
	chunk   *chunk
}

// String is "project/path@branch", as Zuul writes it.
func (o *Origin) String() string {
	if o == nil {
		return "None"
	}
	return fmt.Sprintf("%s/%s@%s", o.Project.Name, o.Path, o.Branch)
}

// sameProject says whether both are from the same repository.
func (o *Origin) sameProject(other *Origin) bool {
	return o != nil && other != nil && o.Project == other.Project
}

// BranchMatcher says for which branches something holds.
type BranchMatcher struct {
	// exact is the one branch of an implied matcher.
	exact   string
	implied bool
	configlang.Matcher
}

// Match says whether the matcher wants what is tested: a branch, or a tag or
// another ref with the branches that contain it.
func (m BranchMatcher) Match(r Ref) bool {
	if r.Branch != "" {
		return m.branch(r.Branch)
	}
	if !m.implied && m.Matcher.Match(r.Name) {
		return true
	}
	for _, b := range r.Containing {
		if m.branch(b) {
			return true
		}
	}
	return false
}

func (m BranchMatcher) branch(b string) bool {
	if m.implied {
		return m.exact == b
	}
	return m.Matcher.Match(b)
}

func (m BranchMatcher) String() string {
	if m.implied {
		return "{ImpliedBranchMatcher:" + m.exact + "}"
	}
	return "{BranchMatcher:" + m.Regex.Pattern() + "}"
}

// Ref is what a job runs for: a branch, or another ref.
type Ref struct {
	Branch string
	// Name is the ref if it is no branch, e.g. "refs/tags/v1".
	Name string
	// Containing are branches that contain a tag's commit.
	Containing []string
}

// matchesAny says whether a list of matchers wants the ref; an empty list wants any.
func matchesAny(list []BranchMatcher, r Ref) bool {
	for _, m := range list {
		if m.Match(r) {
			return true
		}
	}
	return len(list) == 0
}

// Def is an object of a kind that layout adds nothing to, and where it stands.
type Def[T any] struct {
	Value  *T
	Origin *Origin
	name   string
	pos    configlang.Pos
	kind   string
}

func (d *Def[T]) key() string   { return d.name }
func (d *Def[T]) from() *Origin { return d.Origin }
func (d *Def[T]) stanza() configlang.Stanza {
	return configlang.Stanza{Kind: d.kind, Name: d.name, Pos: d.pos}
}

// Job is one definition of a job, or a variant in a project's list, bound to the tenant.
type Job struct {
	*configlang.Job
	Origin *Origin
	// Roles in search order: the repository itself first.
	Roles []Role
	// RequiredProjects by canonical name.
	RequiredProjects []configlang.RequiredProject
	IncludeVars      []IncludeVars
	// AllowedProjects by name, sorted; nil allows all.
	AllowedProjects []string
	PostReview      bool
	// Branches that the variant is for; empty for all.
	Branches []BranchMatcher
	// IgnoreAllowedProjects is set where a config project attached the job.
	IgnoreAllowedProjects bool
}

func (j *Job) key() string   { return j.Name }
func (j *Job) from() *Origin { return j.Origin }
func (j *Job) stanza() configlang.Stanza {
	return configlang.Stanza{Kind: "job", Name: j.Name, Pos: j.Pos}
}

// Matches says whether the variant is for the ref.
func (j *Job) Matches(r Ref) bool { return matchesAny(j.Branches, r) }

// Line is the line of the variant's stanza; 0 for what is built in.
func (j *Job) Line() int32 { return j.Pos.Line }

// BranchText shows the branch matchers as Zuul does.
func (j *Job) BranchText() string { return matcherText(j.Branches) }

// ImpliedBranch is the branch that a definition is for because it stands on it.
func (j *Job) ImpliedBranch() (string, bool) {
	if len(j.Branches) == 1 && j.Branches[0].implied {
		return j.Branches[0].exact, true
	}
	return "", false
}

func matcherText(list []BranchMatcher) string {
	if len(list) == 0 {
		return "None"
	}
	parts := make([]string, len(list))
	for i, m := range list {
		parts[i] = m.String()
	}
	return "{MatchAny:" + strings.Join(parts, ",") + "}"
}

// Role is a repository whose roles a playbook may use.
type Role struct {
	Project *Project
	Name    string
	// Implicit roles are those of the repository that defines the job.
	Implicit bool
}

// IncludeVars is a file of variables; Project is nil for the one of the change.
type IncludeVars struct {
	Path             string
	Project          *Project
	Required, UseRef bool
}

// Stanza is a project stanza for one project, or a template.
type Stanza struct {
	*configlang.Project
	Origin *Origin
	// Target is the canonical name of the project; empty for a template.
	Target string
	// Branches that it is for; empty for all.
	Branches []BranchMatcher
	// Pipelines in the order of the file.
	Pipelines []StanzaPipeline
	template  bool
}

// StanzaPipeline is what a stanza does in a pipeline.
type StanzaPipeline struct {
	*configlang.ProjectPipeline
	Jobs []*Job
}

func (s *Stanza) key() string {
	if s.template {
		return s.Name
	}
	return s.Target
}

func (s *Stanza) from() *Origin { return s.Origin }

func (s *Stanza) stanza() configlang.Stanza {
	kind := "project"
	if s.template {
		kind = "project-template"
	}
	return configlang.Stanza{Kind: kind, Name: s.key(), Pos: s.Pos}
}

// Matches says whether the stanza is for the ref.
func (s *Stanza) Matches(r Ref) bool { return matchesAny(s.Branches, r) }

// In returns what the stanza does in a pipeline; nil for nothing.
func (s *Stanza) In(pipeline string) *StanzaPipeline {
	for i := range s.Pipelines {
		if s.Pipelines[i].Name == pipeline {
			return &s.Pipelines[i]
		}
	}
	return nil
}
