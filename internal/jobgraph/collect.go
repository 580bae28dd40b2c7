package jobgraph

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/gozer-dev/gozer/internal/layout"
)

// overrides are branches that stand for that of the change when variants are
// chosen: by canonical project name, "" for all projects.
type overrides map[string]string

func (o overrides) with(v *layout.Job) overrides {
	out := o
	put := func(project, branch string) {
		if len(out) == len(o) {
			if out = maps.Clone(o); out == nil {
				out = overrides{}
			}
		}
		out[project] = branch
	}
	if v.OverrideCheckout != nil && *v.OverrideCheckout != "" {
		put("", *v.OverrideCheckout)
	}
	for _, r := range v.RequiredProjects {
		if r.OverrideCheckout != "" {
			put(r.Name, r.OverrideCheckout)
		}
	}
	return out
}

// collector finds the definitions that a job is made of.
type collector struct {
	layout *layout.Layout
	ref    layout.Ref
	// path are the names that were looked at, jobs what was found, root first.
	path []string
	jobs []*layout.Job
	// endless says that there are more definitions than are possible.
	endless bool
}

// collect adds a job and its parents. It is false if no variant of the job, or
// of one of its parents, is for the ref: then the job does not run.
func (c *collector) collect(name string, o overrides) bool {
	c.path = append(c.path, name)
	if c.endless = c.endless || len(c.jobs) > maxGrown/10 || len(c.path) > maxGrown/10; c.endless {
		return false
	}
	variants := c.layout.Variants(name)
	ref := c.overridden(variants, o)
	matched := false
	for _, v := range variants {
		if !v.Matches(ref) {
			continue
		}
		parent := v.Parent
		if parent == "" && !v.Base && len(c.jobs) == 0 {
			parent = c.layout.DefaultParent
		}
		o = o.with(v)
		if parent != "" && !v.Base && !slices.Contains(c.path, parent) && !c.collect(parent, o) {
			return false
		}
		matched = true
		if len(c.jobs) > maxGrown/10 {
			c.endless = true
			return false
		}
		if !slices.Contains(c.jobs, v) {
			c.jobs = append(c.jobs, v)
		}
	}
	return matched
}

// overridden is the ref that variants are matched with.
func (c *collector) overridden(variants []*layout.Job, o overrides) layout.Ref {
	if len(o) == 0 || len(variants) == 0 || variants[0].Origin == nil {
		return c.ref
	}
	p := variants[0].Origin.Project
	branch, ok := o[p.Canonical()]
	if !ok {
		branch = o[""]
	}
	if branch == "" || !slices.ContainsFunc(p.Branches, func(b layout.Branch) bool { return b.Name == branch }) {
		return c.ref
	}
	return layout.Ref{Branch: branch}
}

// Cache keeps what jobs are made of, for one layout: most projects run the same
// jobs on the same branches. The zero value is ready; it may be used by many at once.
type Cache struct {
	mu   sync.Mutex
	made map[string]madeJob
}

type madeJob struct {
	job *Job // nil if no variant matches
	err *Error
}

// maxMade bounds the cache; it is emptied when it is full.
const maxMade = 20_000

// base is the job as its definitions make it, before the project's own variants.
func (c *Cache) base(l *layout.Layout, name string, ref layout.Ref, o overrides) (*Job, *Error) {
	key := cacheKey(name, ref, o)
	c.mu.Lock()
	made, ok := c.made[key]
	c.mu.Unlock()
	if !ok {
		made.job, made.err = assemble(l, name, ref, o)
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.made == nil || len(c.made) >= maxMade {
			c.made = map[string]madeJob{}
		}
		c.made[key] = made
	}
	return made.job, made.err
}

func cacheKey(name string, ref layout.Ref, o overrides) string {
	if len(o) == 0 && ref.Branch != "" {
		return name + "\x00" + ref.Branch
	}
	parts := append([]string{name, ref.Branch, ref.Name}, ref.Containing...)
	for _, p := range slices.Sorted(maps.Keys(o)) {
		parts = append(parts, "\x01"+p, o[p])
	}
	return strings.Join(parts, "\x00")
}

func assemble(l *layout.Layout, name string, ref layout.Ref, o overrides) (*Job, *Error) {
	c := collector{layout: l, ref: ref}
	found := c.collect(name, o)
	switch {
	case c.endless:
		return nil, errorf(kindConfiguration, "Job %s has more definitions, with those of its parents, than are possible", name)
	case !found || len(c.jobs) == 0:
		return nil, nil
	}
	j, err := begin(l, c.jobs[0])
	if err != nil {
		return nil, err
	}
	for _, v := range c.jobs[1:] {
		if err := j.apply(l, v); err != nil {
			return nil, err
		}
		j.Name = v.Name
	}
	j.Name = name
	return j, nil
}
