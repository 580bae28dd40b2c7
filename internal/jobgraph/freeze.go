package jobgraph

import (
	"fmt"
	"maps"
	"slices"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/model"
)

// Input is the change whose jobs are wanted.
type Input struct {
	Project  model.Project
	Branch   string
	Pipeline string
	// ChangedFiles of the change; nil when they are not known, in which case all jobs run.
	ChangedFiles []string
}

// Job is a job with all its parents and variants applied.
type Job struct {
	Name             string
	Voting           bool
	Attempts         int32
	Timeout          int64
	PostTimeout      int64
	PreRun, Run      []Playbook
	PostRun          []Playbook
	Nodes            []Node
	RequiredProjects []model.Project
	Dependencies     []Dependency
	Vars             map[string]any

	abstract        bool
	files           []configlang.Matcher
	irrelevantFiles []configlang.Matcher
}

// Playbook is one thing to run and where it is from.
type Playbook struct {
	Path    string
	Project model.Project
	// Branch that it is defined on.
	Branch  string
	Trusted bool
}

// Node is one node that a job runs on.
type Node struct {
	Name, Label string
	Groups      []string
}

// Dependency is an edge of the graph.
type Dependency struct {
	Name string
	Soft bool
}

const defaultAttempts = 3

// Freeze returns the jobs that the change runs, in the order of the project's
// configuration. The error says, for the author of the change, which rule is broken.
func Freeze(l *layout.Layout, in Input) ([]Job, error) {
	variants, projectVars, _ := l.ProjectJobs(in.Project, in.Branch, in.Pipeline)
	byName := map[string][]configlang.Job{}
	var names []string
	for _, v := range variants {
		if byName[v.Name] == nil {
			names = append(names, v.Name)
		}
		byName[v.Name] = append(byName[v.Name], v)
	}
	all := map[string]Job{}
	for _, name := range names {
		j, ok, err := freezeJob(l, name, byName[name], in.Branch, projectVars)
		if err != nil {
			return nil, err
		}
		if ok {
			all[name] = j
		}
	}
	if len(all) > maxJobs {
		return nil, fmt.Errorf("the change has %d jobs in pipeline %s; at most %d are possible", len(all), in.Pipeline, maxJobs)
	}
	wanted := selectByFiles(all, in.ChangedFiles)
	var out []Job
	for _, name := range names {
		if !wanted[name] {
			continue
		}
		j := all[name]
		if err := check(l, j); err != nil {
			return nil, err
		}
		out = append(out, j)
	}
	return resolveDependencies(out)
}

// freezeJob applies the parents' variants, root first, then the project's own.
func freezeJob(l *layout.Layout, name string, own []configlang.Job, branch string, vars map[string]any) (Job, bool, error) {
	j := Job{Name: name, Voting: true, Attempts: defaultAttempts, Vars: vars}
	if name == layout.Noop {
		for _, v := range own {
			j.apply(l, v)
		}
		return j, true, nil
	}
	chain, err := ancestry(l, name, branch)
	if err != nil || len(chain) == 0 {
		return j, false, err
	}
	for _, v := range chain {
		j.apply(l, v.Job)
		j.playbooks(v)
		// A child of an abstract job may run; a further variant of it may not.
		j.abstract = j.abstract || v.Name == name && v.Abstract != nil && *v.Abstract
	}
	for _, v := range own {
		j.apply(l, v)
	}
	return j, true, nil
}

const maxAncestry = 100

// ancestry lists the variants of the job's parents and of itself that are for the branch, root first.
func ancestry(l *layout.Layout, name, branch string) ([]layout.JobVariant, error) {
	var chain []layout.JobVariant
	seen := map[string]bool{}
	for depth := 0; name != ""; depth++ {
		if seen[name] || depth > maxAncestry {
			return nil, fmt.Errorf("job %s is its own ancestor; change its parent", name)
		}
		seen[name] = true
		variants := l.Variants(name, branch)
		if len(variants) == 0 {
			if depth == 0 {
				return nil, nil
			}
			return nil, fmt.Errorf("the parent job %s has no variant for branch %s", name, branch)
		}
		chain = append(slices.Clone(variants), chain...)
		name = l.ParentOf(variants[0])
	}
	return chain, nil
}

// apply lays one variant over the job.
func (j *Job) apply(l *layout.Layout, v configlang.Job) {
	set(&j.Voting, v.Voting)
	set(&j.Timeout, v.Timeout)
	set(&j.PostTimeout, v.PostTimeout)
	set(&j.Attempts, v.Attempts)
	if v.Files != nil {
		j.files = v.Files
	}
	if v.IrrelevantFiles != nil {
		j.irrelevantFiles = v.IrrelevantFiles
	}
	if v.Dependencies != nil {
		j.Dependencies = nil
		for _, d := range v.Dependencies {
			j.depend(Dependency{Name: d.Name, Soft: d.Soft})
		}
	}
	nodeSet := v.NodeSet
	if v.NodeSetName != "" {
		if ns, ok := l.NodeSet(v.NodeSetName); ok {
			nodeSet = &ns
		}
	}
	if nodeSet != nil {
		j.Nodes = nodesOf(*nodeSet)
	}
	for _, r := range v.RequiredProjects {
		if p, ok := l.Project(r.Name); ok && !slices.Contains(j.RequiredProjects, p.Project) {
			j.RequiredProjects = append(slices.Clone(j.RequiredProjects), p.Project)
		}
	}
	j.Vars = deepMerge(j.Vars, v.Vars)
}

// depend adds an edge; of two to the same job the hard one counts.
func (j *Job) depend(d Dependency) {
	for i, other := range j.Dependencies {
		if other.Name == d.Name {
			j.Dependencies[i].Soft = other.Soft && d.Soft
			return
		}
	}
	j.Dependencies = append(j.Dependencies, d)
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// playbooks nests: pre-run from the root inwards, run of the innermost, post-run from the job outwards.
func (j *Job) playbooks(v layout.JobVariant) {
	from := func(refs []configlang.PlaybookRef) []Playbook {
		var out []Playbook
		for _, r := range refs {
			out = append(out, Playbook{Path: r.Path, Project: v.Project, Branch: v.Branch, Trusted: v.Trusted})
		}
		return out
	}
	j.PreRun = append(slices.Clone(j.PreRun), from(v.PreRun)...)
	if len(v.Run) > 0 {
		j.Run = from(v.Run)
	}
	j.PostRun = append(from(v.PostRun), j.PostRun...)
}

func nodesOf(ns configlang.NodeSet) []Node {
	out := []Node{}
	for _, n := range ns.Nodes {
		node := Node{Name: n.Name, Label: n.Label}
		for _, g := range ns.Groups {
			if slices.Contains(g.Nodes, n.Name) {
				node.Groups = append(node.Groups, g.Name)
			}
		}
		out = append(out, node)
	}
	return out
}

// deepMerge lays from over into; mappings are merged, everything else is replaced.
func deepMerge(into, from map[string]any) map[string]any {
	if len(from) == 0 {
		return into
	}
	out := maps.Clone(into)
	if out == nil {
		out = map[string]any{}
	}
	for k, v := range from {
		a, aok := out[k].(map[string]any)
		b, bok := v.(map[string]any)
		if aok && bok {
			out[k] = deepMerge(a, b)
		} else {
			out[k] = v
		}
	}
	return out
}
