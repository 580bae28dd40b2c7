package jobgraph

import (
	"slices"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/model"
)

// Change is a change whose jobs are wanted.
type Change struct {
	Project model.Project
	Ref     layout.Ref
	// Files that it touches; none runs everything.
	Files []string
}

// Input is an item whose jobs are wanted.
type Input struct {
	Pipeline string
	// PostReview is the pipeline's: it may run what needs a review before.
	PostReview bool
	// Changes of the item; several form a cycle. Triggering is the index of the
	// one that the event was about.
	Changes    []Change
	Triggering int
	// AllFiles leaves file matchers out: every job is in.
	AllFiles bool
	// Ahead is the layout that would be in force without the item's own
	// configuration; nil if it is the same. A job that differs runs whatever
	// files it is for.
	Ahead *layout.Layout
	// Images are those that an event of the image family is about.
	Images []string
	// Cache of the layout; nil for none.
	Cache *Cache
}

// Graph is what an item runs.
type Graph struct {
	// Jobs in the order of the projects' configuration.
	Jobs []*Job
	// Takes says whether any of the projects takes part in the pipeline at all.
	Takes    bool
	FailFast bool
	// Debug has lines that explain the choice, when a stanza asks for it.
	Debug []string
}

// Freeze decides the jobs of an item. The error says, for the author of the
// change, which rule is broken.
func Freeze(l *layout.Layout, in Input) (Graph, error) {
	if in.Cache == nil {
		in.Cache = &Cache{}
	}
	f := freezer{layout: l, in: in}
	for i, c := range in.Changes {
		if err := f.change(i, c); err != nil {
			return f.graph, err
		}
	}
	jobs := deduplicate(f.jobs, in)
	jobs, err := f.connect(jobs)
	if err != nil {
		return f.graph, err
	}
	f.graph.Jobs = jobs
	return f.graph, nil
}

// Idle says that there is nothing to do for an item. When it cannot be told,
// because its jobs are wrong, there is: somebody must hear of it.
func Idle(l *layout.Layout, in Input) bool {
	graph, err := Freeze(l, in)
	return err == nil && len(graph.Jobs) == 0
}

type freezer struct {
	layout *layout.Layout
	in     Input
	graph  Graph
	jobs   []*Job
	// ahead are the jobs as they would be without the own configuration.
	ahead     map[jobKey]*Job
	aheadDone bool
}

type jobKey struct {
	name   string
	change int
}

// part is what a project does in a pipeline, from all its stanzas and templates.
type part struct {
	names    []string
	variants map[string][]*layout.Job
	vars     map[string]any
	failFast *bool
	debug    bool
	takes    bool
}

// project puts the stanzas of a project together that are for the ref.
func project(l *layout.Layout, canonical, pipeline string, ref layout.Ref) (part, *Error) {
	p := part{variants: map[string][]*layout.Job{}}
	for _, s := range l.Stanzas(canonical) {
		if !s.Matches(ref) {
			continue
		}
		for _, name := range s.Templates {
			templates := l.Templates(name)
			if len(templates) == 0 {
				return p, errorf(kindTemplate, "Project template %s not found", name)
			}
			for _, t := range templates {
				if sp := t.In(pipeline); sp != nil && t.Matches(ref) {
					p.add(sp)
					p.vars = deepMerge(p.vars, t.Vars)
				}
			}
		}
		p.vars = deepMerge(p.vars, s.Vars)
		if sp := s.In(pipeline); sp != nil {
			p.add(sp)
		}
	}
	return p, nil
}

// add takes a job list over. The same template twice adds nothing.
func (p *part) add(sp *layout.StanzaPipeline) {
	p.takes = true
	p.debug = p.debug || sp.Debug
	if p.failFast == nil {
		p.failFast = sp.FailFast
	}
	for _, j := range sp.Jobs {
		if p.variants[j.Name] == nil {
			p.names = append(p.names, j.Name)
		}
		if len(p.variants[j.Name]) <= maxGrown/10 && !slices.Contains(p.variants[j.Name], j) {
			p.variants[j.Name] = append(p.variants[j.Name], j)
		}
	}
}

func (f *freezer) change(index int, c Change) error {
	p, err := project(f.layout, c.Project.Canonical(), f.in.Pipeline, c.Ref)
	if err != nil {
		return err
	}
	if !p.takes {
		return nil
	}
	f.graph.Takes = true
	for _, name := range p.names {
		j, err := f.job(name, p, c)
		if err != nil {
			return err
		}
		if j == nil {
			continue
		}
		if len(f.jobs) == maxGrown {
			return errorf(kindConfiguration, "Project %s has more than %d jobs in pipeline %s", c.Project.Name, maxGrown, f.in.Pipeline)
		}
		j.Change = index
		j.offFiles = !f.in.AllFiles && !matchesFiles(j, c.Files) && (!j.MatchOnConfigUpdates || !f.updates(j))
		f.jobs = append(f.jobs, j)
	}
	if p.failFast != nil {
		f.graph.FailFast = *p.failFast
	}
	if p.debug {
		f.graph.Debug = append(f.graph.Debug, explainPart(f, p, c)...)
	}
	return nil
}

// job makes one job of a change; nil if no variant of it is for the change.
func (f *freezer) job(name string, p part, c Change) (*Job, *Error) {
	var o overrides
	var own []*layout.Job
	for _, v := range p.variants[name] {
		if v.Matches(c.Ref) {
			o = o.with(v)
			own = append(own, v)
		}
	}
	base, err := f.in.Cache.base(f.layout, name, c.Ref, o)
	if base == nil || err != nil {
		return nil, err
	}
	j := *base
	j.Vars = deepMerge(p.vars, j.Vars)
	if j.AnsibleVersion == "" {
		j.AnsibleVersion = f.layout.DefaultAnsibleVersion
	}
	for _, v := range own {
		if err := j.apply(f.layout, v); err != nil {
			return nil, err
		}
		if err := f.imageAllowed(&j, v); err != nil {
			return nil, err
		}
	}
	if len(own) == 0 || j.ImageBuildName != "" && len(f.in.Images) > 0 && !slices.Contains(f.in.Images, j.ImageBuildName) {
		return nil, nil
	}
	return &j, j.resolveNodes(f.layout)
}

var noNodes = []*configlang.NodeSet{{}}

// resolveNodes lists the nodesets to try.
func (j *Job) resolveNodes(l *layout.Layout) *Error {
	if j.nodeSet == nil && j.nodeSetName == nil {
		j.NodeSets = noNodes
		return nil
	}
	name := ""
	if j.nodeSetName != nil {
		name = *j.nodeSetName
	}
	sets, err := l.NodeSets(name, j.nodeSet)
	if err != nil {
		return errorf(kindNodeset, "%v", err)
	}
	j.NodeSets = sets
	return nil
}

// imageAllowed refuses to build another project's image.
func (f *freezer) imageAllowed(j *Job, v *layout.Job) *Error {
	if j.ImageBuildName == "" {
		return nil
	}
	image := f.layout.Image(j.ImageBuildName)
	switch {
	case image == nil:
		return errorf(kindConfiguration, "The job %q references an unknown image %q", j.Name, j.ImageBuildName)
	case image.Origin.Project != v.Origin.Project:
		return errorf(kindConfiguration, "The image build job %q may not be attached to a pipeline in %s while referencing the image %q defined in %s",
			j.Name, v.Origin.Project.Canonical(), j.ImageBuildName, image.Origin.Project.Canonical())
	}
	return nil
}
