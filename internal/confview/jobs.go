package confview

import (
	"errors"
	"slices"
	"strings"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/layout"
)

// JobsRecord is what a project runs in a pipeline on a branch.
type JobsRecord struct {
	Project   string  `json:"project"`
	Pipeline  string  `json:"pipeline"`
	Branch    string  `json:"branch"`
	Error     *string `json:"error"`
	ErrorType *string `json:"error_type"`
	Jobs      []Job   `json:"jobs"`
}

// Job is a frozen job.
type Job struct {
	Name                 string                     `json:"name"`
	Voting               bool                       `json:"voting"`
	HoldFollowingChanges bool                       `json:"hold_following_changes"`
	Timeout              *int64                     `json:"timeout"`
	PostTimeout          *int64                     `json:"post_timeout"`
	Attempts             int64                      `json:"attempts"`
	NodeSet              NodeSet                    `json:"nodeset"`
	NodeSetAlternatives  []NodeSet                  `json:"nodeset_alternatives,omitempty"`
	Dependencies         []Dependency               `json:"dependencies"`
	Semaphores           []Semaphore                `json:"semaphores"`
	RequiredProjects     map[string]RequiredProject `json:"required_projects"`
	Tags                 []string                   `json:"tags"`
	Provides             []string                   `json:"provides"`
	Requires             []string                   `json:"requires"`
	PreRun               []Playbook                 `json:"pre_run"`
	Run                  []Playbook                 `json:"run"`
	PostRun              []Playbook                 `json:"post_run"`
	CleanupRun           []Playbook                 `json:"cleanup_run"`
	Roles                []string                   `json:"roles"`
	Variables            map[string]any             `json:"variables"`
	ExtraVariables       map[string]any             `json:"extra_variables"`
	HostVariables        map[string]any             `json:"host_variables"`
	GroupVariables       map[string]any             `json:"group_variables"`
	IncludeVars          []IncludeVars              `json:"include_vars"`
	InheritancePath      []string                   `json:"inheritance_path"`
	OverrideBranch       *string                    `json:"override_branch"`
	OverrideCheckout     *string                    `json:"override_checkout"`
	PostReview           bool                       `json:"post_review"`
	Final                bool                       `json:"final"`
	Protected            bool                       `json:"protected"`
	AllowedProjects      []string                   `json:"allowed_projects"`
	Deduplicate          any                        `json:"deduplicate"`
	WorkspaceScheme      string                     `json:"workspace_scheme"`
	WorkspaceCheckout    any                        `json:"workspace_checkout"`
	AnsibleVersion       string                     `json:"ansible_version"`
	AnsibleSplitStreams  *bool                      `json:"ansible_split_streams"`
	FailureOutput        []string                   `json:"failure_output"`
	SuccessMessage       *string                    `json:"success_message"`
	FailureMessage       *string                    `json:"failure_message"`
	Files                []any                      `json:"files"`
	IrrelevantFiles      []any                      `json:"irrelevant_files"`
	MatchOnConfigUpdates bool                       `json:"match_on_config_updates"`
	AffectedProjects     []string                   `json:"affected_projects"`
	ImageBuildName       *string                    `json:"image_build_name"`
}

// NodeSet is what a job runs on.
type NodeSet struct {
	Name   string  `json:"name"`
	Nodes  []Node  `json:"nodes"`
	Groups []Group `json:"groups"`
}

// Node of a nodeset.
type Node struct {
	Names []string `json:"names"`
	Label string   `json:"label"`
}

// Group of nodes.
type Group struct {
	Name  string   `json:"name"`
	Nodes []string `json:"nodes"`
}

// Dependency on another job.
type Dependency struct {
	Name string `json:"name"`
	Soft bool   `json:"soft"`
}

// Semaphore that a job holds.
type Semaphore struct {
	Name           string `json:"name"`
	ResourcesFirst bool   `json:"resources_first"`
}

// RequiredProject in the workspace.
type RequiredProject struct {
	OverrideBranch   *string `json:"override_branch"`
	OverrideCheckout *string `json:"override_checkout"`
}

// Playbook with what it may use.
type Playbook struct {
	// Playbook is "canonical project@branch:path".
	Playbook     string   `json:"playbook"`
	Trusted      bool     `json:"trusted"`
	NestingLevel int      `json:"nesting_level"`
	Roles        []string `json:"roles"`
	Secrets      []string `json:"secrets"`
	Semaphores   []string `json:"semaphores"`
	Cleanup      bool     `json:"cleanup,omitempty"`
}

// IncludeVars is a file of variables.
type IncludeVars struct {
	Name     string `json:"name"`
	Project  string `json:"project"`
	Trusted  bool   `json:"trusted"`
	Required bool   `json:"required"`
	UseRef   bool   `json:"use_ref"`
}

// Jobs freezes what a project runs in a pipeline on a branch. ok is false if it
// takes no part in it.
func Jobs(l *layout.Layout, cache *jobgraph.Cache, p *layout.Project, pl *configlang.BoundPipeline, branch string, files []string) (record JobsRecord, ok bool) {
	record = JobsRecord{Project: p.Canonical(), Pipeline: pl.Name, Branch: branch, Jobs: []Job{}}
	g, err := jobgraph.Freeze(l, jobgraph.Input{
		Pipeline: pl.Name, PostReview: pl.PostReview, AllFiles: len(files) == 0, Cache: cache,
		Changes: []jobgraph.Change{{Project: p.Project, Ref: layout.Ref{Branch: branch}, Files: files}},
	})
	if err != nil {
		message, kind := err.Error(), "Exception"
		var broken *jobgraph.Error
		if errors.As(err, &broken) {
			kind = broken.Kind
		}
		message, _, _ = strings.Cut(message, "\n")
		record.Error, record.ErrorType = &message, &kind
		return record, true
	}
	for _, j := range g.Jobs {
		record.Jobs = append(record.Jobs, frozen(j, p))
	}
	return record, g.Takes
}

func frozen(j *jobgraph.Job, p *layout.Project) Job {
	out := Job{
		Name: j.Name, Voting: j.Voting, HoldFollowingChanges: j.HoldFollowingChanges, Timeout: j.Timeout, PostTimeout: j.PostTimeout, Attempts: j.Attempts,
		Tags: some(j.Tags), Provides: some(j.Provides), Requires: some(j.Requires), Roles: roles(j.Roles),
		PreRun: playbooks(j.PreRun), Run: playbooks(j.Run), PostRun: playbooks(j.PostRun), CleanupRun: playbooks(j.CleanupRun),
		Variables: vars(j.Vars), ExtraVariables: vars(j.ExtraVars), HostVariables: vars(j.HostVars), GroupVariables: vars(j.GroupVars),
		InheritancePath: j.PathText(), OverrideBranch: j.OverrideBranch, OverrideCheckout: j.OverrideCheckout, PostReview: j.PostReview, Final: j.Final,
		Protected: j.Protected, AllowedProjects: j.AllowedProjects, Deduplicate: boolOrText(j.Deduplicate), WorkspaceScheme: j.WorkspaceScheme,
		WorkspaceCheckout: boolOrText(j.WorkspaceCheckout), AnsibleVersion: j.AnsibleVersion, AnsibleSplitStreams: j.AnsibleSplitStreams,
		FailureOutput: some(j.FailureOutput), SuccessMessage: j.SuccessMessage, FailureMessage: j.FailureMessage,
		Files: matchers(j.Files), IrrelevantFiles: matchers(j.IrrelevantFiles), MatchOnConfigUpdates: j.MatchOnConfigUpdates,
		AffectedProjects: some(j.AffectedProjects()), ImageBuildName: text(j.ImageBuildName),
		RequiredProjects: map[string]RequiredProject{}, Dependencies: []Dependency{}, Semaphores: []Semaphore{}, IncludeVars: []IncludeVars{},
	}
	out.NodeSet = nodeSet(j.NodeSets[0])
	if len(j.NodeSets) > 1 {
		for _, ns := range j.NodeSets {
			out.NodeSetAlternatives = append(out.NodeSetAlternatives, nodeSet(ns))
		}
	}
	for _, r := range j.RequiredProjects {
		out.RequiredProjects[r.Name] = RequiredProject{text(r.OverrideBranch), text(r.OverrideCheckout)}
	}
	for _, d := range j.Dependencies {
		out.Dependencies = append(out.Dependencies, Dependency(d))
	}
	for _, s := range j.Semaphores {
		out.Semaphores = append(out.Semaphores, Semaphore(s))
	}
	for _, iv := range j.IncludeVars {
		from := iv.Project
		if from == nil {
			from = p
		}
		out.IncludeVars = append(out.IncludeVars, IncludeVars{iv.Path, from.Name, from.Trusted, iv.Required, iv.UseRef})
	}
	return out
}

// some is a list that is not nil: an empty one is [] in JSON.
func some(in []string) []string {
	if in == nil {
		return []string{}
	}
	return in
}

func vars(in map[string]any) map[string]any {
	if in == nil {
		return map[string]any{}
	}
	return in
}

func boolOrText(s string) any {
	switch s {
	case "true":
		return true
	case "false":
		return false
	}
	return s
}

func matchers(in []configlang.Matcher) []any {
	out := []any{}
	for _, m := range in {
		if m.Negate {
			out = append(out, map[string]any{"regex": m.Regex.Pattern(), "negate": true})
		} else {
			out = append(out, m.Regex.Pattern())
		}
	}
	return out
}

func roles(in []layout.Role) []string {
	out := []string{}
	for _, r := range in {
		s := r.Project.Canonical() + ":" + r.Name
		if r.Implicit {
			s += ":implicit"
		}
		out = append(out, s)
	}
	return out
}

func playbooks(in []jobgraph.Playbook) []Playbook {
	out := []Playbook{}
	for _, p := range in {
		secrets := []string{}
		for _, s := range p.Secrets {
			secrets = append(secrets, s.Alias)
		}
		slices.Sort(secrets)
		out = append(out, Playbook{
			Playbook: p.Origin.Project.Canonical() + "@" + p.Origin.Branch + ":" + p.Path, Trusted: p.Origin.Project.Trusted, NestingLevel: p.NestingLevel,
			Roles: roles(p.Roles), Secrets: slices.Compact(secrets), Semaphores: some(p.Semaphores), Cleanup: p.Cleanup,
		})
	}
	return out
}

func nodeSet(ns *configlang.NodeSet) NodeSet {
	out := NodeSet{Name: ns.Name, Nodes: []Node{}, Groups: []Group{}}
	for _, n := range ns.Nodes {
		out.Nodes = append(out.Nodes, Node{n.Names, n.Label})
	}
	for _, g := range ns.Groups {
		out.Groups = append(out.Groups, Group{g.Name, some(g.Nodes)})
	}
	return out
}
