package confview

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/layout"
)

// Explanation says where everything that a job is comes from.
type Explanation struct {
	Job      string `json:"job"`
	Project  string `json:"project"`
	Pipeline string `json:"pipeline"`
	Branch   string `json:"branch"`
	// Definitions in the order in which they are applied.
	Definitions []Definition `json:"definitions"`
	Attributes  []Attribute  `json:"attributes"`
}

// Definition is one variant that was applied.
type Definition struct {
	Name string `json:"name"`
	// Kind is "definition", "project" or `template "name"`.
	Kind    string `json:"kind"`
	Project string `json:"project,omitempty"`
	Branch  string `json:"branch,omitempty"`
	Path    string `json:"path,omitempty"`
	Line    int32  `json:"line,omitempty"`
}

// Where is "project@branch path:line".
func (d Definition) Where() string {
	if d.Path == "" {
		return "built in"
	}
	return fmt.Sprintf("%s@%s %s:%d", d.Project, d.Branch, d.Path, d.Line)
}

// Attribute is one attribute and all definitions that say something about it.
type Attribute struct {
	Name string `json:"name"`
	From []Part `json:"from"`
}

// Part is what one definition says.
type Part struct {
	// Definition is its index; the last part that sets a value wins.
	Definition int `json:"definition"`
	// How is "sets", "adds", "merges", "replaces", "makes final" or "lies below".
	How   string `json:"how"`
	Value any    `json:"value"`
	// Line of the attribute.
	Line int32 `json:"line,omitempty"`
}

// Explain says where the attributes of a frozen job come from.
func Explain(l *layout.Layout, j *jobgraph.Job, p *layout.Project, pipeline, branch string) Explanation {
	out := Explanation{Job: j.Name, Project: p.Canonical(), Pipeline: pipeline, Branch: branch}
	byName := map[string]*Attribute{}
	add := func(name string, part Part) {
		a := byName[name]
		if a == nil {
			a = &Attribute{Name: name}
			byName[name] = a
		}
		a.From = append(a.From, part)
	}
	for i, v := range j.Path {
		d := Definition{Name: v.Name, Kind: "definition"}
		attached := attachedBy(l, p.Canonical(), v)
		if attached != "" {
			d.Kind = attached
		}
		lines := map[string]int32{}
		if o := v.Origin; o != nil {
			d.Project, d.Branch, d.Path, d.Line = o.Project.Canonical(), o.Branch, o.Path, v.Line()
			within := ""
			if attached != "" {
				within = v.Name
			}
			lines = configlang.AttrLines(o.File.Content, v.Pos, within)
		}
		out.Definitions = append(out.Definitions, d)
		for _, a := range said(v) {
			a.part.Definition, a.part.Line = i, lines[a.name]
			add(a.name, a.part)
		}
	}
	for _, d := range varsBelow(l, p.Canonical(), pipeline, branch) {
		out.Definitions = append(out.Definitions, d.Definition)
		add("vars", Part{Definition: len(out.Definitions) - 1, How: "lies below", Value: d.vars, Line: d.Line})
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		out.Attributes = append(out.Attributes, *byName[name])
	}
	return out
}

// varsFrom are variables that a stanza or a template gives to all its jobs.
type varsFrom struct {
	Definition
	vars map[string]any
}

// varsBelow are the variables of the project and its templates: those of the job lie over them.
func varsBelow(l *layout.Layout, canonical, pipeline, branch string) []varsFrom {
	var out []varsFrom
	add := func(s *layout.Stanza, kind string) {
		if len(s.Vars) == 0 {
			return
		}
		line := s.Pos.Line
		if at := configlang.AttrLines(s.Origin.File.Content, s.Pos, "")["vars"]; at > 0 {
			line = at
		}
		out = append(out, varsFrom{Definition{Name: s.Name, Kind: kind, Project: s.Origin.Project.Canonical(), Branch: s.Origin.Branch, Path: s.Origin.Path, Line: line}, s.Vars})
	}
	ref := layout.Ref{Branch: branch}
	for _, s := range l.Stanzas(canonical) {
		if !s.Matches(ref) {
			continue
		}
		for _, name := range s.Templates {
			for _, t := range l.Templates(name) {
				if t.In(pipeline) != nil && t.Matches(ref) {
					add(t, fmt.Sprintf("template %q", name))
				}
			}
		}
		add(s, "project")
	}
	return out
}

// attachedBy tells which stanza a variant stands in; empty for a definition.
func attachedBy(l *layout.Layout, canonical string, v *layout.Job) string {
	has := func(s *layout.Stanza) bool {
		return slices.ContainsFunc(s.Pipelines, func(p layout.StanzaPipeline) bool { return slices.Contains(p.Jobs, v) })
	}
	for _, s := range l.Stanzas(canonical) {
		if has(s) {
			return "project"
		}
		for _, name := range s.Templates {
			if slices.ContainsFunc(l.Templates(name), has) {
				return fmt.Sprintf("template %q", name)
			}
		}
	}
	return ""
}

type saidAttr struct {
	name string
	part Part
}

// said are the attributes that a definition gives, by their names in the language.
func said(v *layout.Job) []saidAttr {
	var out []saidAttr
	sets := func(name string, value any, given bool) {
		if given {
			out = append(out, saidAttr{name, Part{How: "sets", Value: value}})
		}
	}
	sets("parent", v.Parent, v.Parent != "")
	sets("parent", nil, v.Base)
	pointer(&out, "final", v.Final)
	pointer(&out, "abstract", v.Abstract)
	pointer(&out, "protected", v.Protected)
	pointer(&out, "intermediate", v.Intermediate)
	pointer(&out, "voting", v.Voting)
	pointer(&out, "hold-following-changes", v.HoldFollowingChanges)
	pointer(&out, "match-on-config-updates", v.MatchOnConfigUpdates)
	pointer(&out, "ansible-split-streams", v.AnsibleSplitStreams)
	pointer(&out, "timeout", v.Timeout)
	pointer(&out, "post-timeout", v.PostTimeout)
	pointer(&out, "attempts", v.Attempts)
	pointer(&out, "success-message", v.SuccessMessage)
	pointer(&out, "failure-message", v.FailureMessage)
	pointer(&out, "override-branch", v.OverrideBranch)
	pointer(&out, "override-checkout", v.OverrideCheckout)
	pointer(&out, "ansible-version", v.AnsibleVersion)
	pointer(&out, "workspace-scheme", v.WorkspaceScheme)
	pointer(&out, "workspace-checkout", v.WorkspaceCheckout)
	pointer(&out, "deduplicate", v.Deduplicate)
	pointer(&out, "image-build-name", v.ImageBuildName)
	sets("post-review", true, v.PostReview)
	sets("allowed-projects", v.AllowedProjects, v.AllowedProjects != nil)
	pointer(&out, "nodeset", v.NodeSetName)
	if v.NodeSet != nil {
		sets("nodeset", nodeSet(v.NodeSet), true)
	}
	return append(out, combined(v)...)
}

func pointer[T any](out *[]saidAttr, name string, v *T) {
	if v != nil {
		*out = append(*out, saidAttr{name, Part{How: "sets", Value: *v}})
	}
}

// combined are the attributes that add up.
func combined(v *layout.Job) []saidAttr {
	var out []saidAttr
	lists := func(name, how string, value any, n int) {
		if n > 0 {
			out = append(out, saidAttr{name, Part{How: how, Value: value}})
		}
	}
	controlled := func(a configlang.Attr, value any, n int) {
		how := "adds"
		switch {
		case v.Override.Has(a):
			how = "replaces"
		case strings.HasSuffix(a.String(), "vars") && a != configlang.AttrIncludeVars:
			how = "merges"
		}
		if n > 0 || v.Given.Has(a) {
			lists(a.String(), how, value, 1)
		}
		if v.Finals.Has(a) {
			lists(a.String(), "makes final", true, 1)
		}
	}
	lists("pre-run", "adds", paths(v.PreRun), len(v.PreRun))
	lists("run", "sets", paths(v.Run), len(v.Run))
	lists("post-run", "adds", paths(v.PostRun), len(v.PostRun))
	lists("cleanup-run", "adds", paths(v.CleanupRun), len(v.CleanupRun))
	lists("roles", "adds", roles(v.Roles), len(v.Roles))
	lists("semaphores", "adds", v.Semaphores, len(v.Semaphores))
	lists("secrets", "sets", v.Secrets, len(v.Secrets))
	lists("branches", "sets", branches(v), len(v.Branches))
	controlled(configlang.AttrVars, v.Vars, len(v.Vars))
	controlled(configlang.AttrExtraVars, v.ExtraVars, len(v.ExtraVars))
	controlled(configlang.AttrHostVars, v.HostVars, len(v.HostVars))
	controlled(configlang.AttrGroupVars, v.GroupVars, len(v.GroupVars))
	controlled(configlang.AttrIncludeVars, v.IncludeVars, len(v.IncludeVars))
	controlled(configlang.AttrRequiredProjects, v.RequiredProjects, len(v.RequiredProjects))
	controlled(configlang.AttrDependencies, v.Dependencies, len(v.Dependencies))
	controlled(configlang.AttrTags, v.Tags, len(v.Tags))
	controlled(configlang.AttrProvides, v.Provides, len(v.Provides))
	controlled(configlang.AttrRequires, v.Requires, len(v.Requires))
	controlled(configlang.AttrFiles, matchers(v.Files), len(v.Files))
	controlled(configlang.AttrIrrelevantFiles, matchers(v.IrrelevantFiles), len(v.IrrelevantFiles))
	controlled(configlang.AttrFailureOutput, v.FailureOutput, len(v.FailureOutput))
	return out
}

// branches are the matchers of a variant as people write them.
func branches(v *layout.Job) any {
	if v.Given.Has(configlang.AttrBranches) {
		return matchers(v.Job.Branches)
	}
	if b, ok := v.ImpliedBranch(); ok {
		return b + " (implied: it is defined there)"
	}
	return v.BranchText()
}

func paths(in []configlang.Playbook) []string {
	var out []string
	for _, p := range in {
		out = append(out, p.Path)
	}
	return out
}
