package layout

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/gozer-dev/gozer/internal/configlang"
)

// Layout is the configuration in force, for a tenant or for one item.
type Layout struct {
	*scope
	chunks map[chunkKey]*chunk

	pipelines  table[*Def[configlang.BoundPipeline]]
	jobs       table[*Job]
	nodeSets   table[*Def[configlang.NodeSet]]
	secrets    table[*Def[configlang.Secret]]
	semaphores table[*Def[configlang.Semaphore]]
	queues     table[*Def[configlang.Queue]]
	images     table[*Def[configlang.Image]]
	flavors    table[*Def[configlang.Flavor]]
	labels     table[*Def[configlang.Label]]
	sections   table[*Def[configlang.Section]]
	providers  table[*Def[configlang.Provider]]
	templates  table[*Stanza]
	projects   table[*Stanza]

	errs []*Error
	// told counts errors by branch.
	told map[*chunk]int
	// inForce is the layout whose pipelines and semaphores count: proposals
	// cannot change these. It is nil for a layout that is in force itself.
	inForce *Layout
	// loops says that some job is its own ancestor.
	loops bool
	// noop is the built-in job.
	noop *Job
}

type chunkKey struct {
	project *Project
	branch  string
}

// Build puts the files of a tenant together. It never fails: what is wrong is in Errors.
func Build(t *Tenant) *Layout {
	l := empty(newScope(t))
	for _, p := range t.Projects {
		l.checkShadow(p)
		for _, b := range p.Branches {
			c := l.bind(p, b)
			l.chunks[chunkKey{p, b.Name}] = c
			l.errs = append(l.errs, c.errs...)
			l.fill(c)
		}
	}
	l.settleAll()
	l.checker().checkAll()
	return l
}

func empty(s *scope) *Layout {
	return &Layout{
		scope: s, chunks: map[chunkKey]*chunk{}, told: map[*chunk]int{}, noop: builtinNoop(),
		pipelines:  newTable(func(c *chunk) []*Def[configlang.BoundPipeline] { return c.pipelines }, settlePipelines),
		jobs:       newTable(func(c *chunk) []*Job { return c.jobs }, settleJobs),
		nodeSets:   newTable(func(c *chunk) []*Def[configlang.NodeSet] { return c.nodeSets }, settleSame[configlang.NodeSet]("Nodeset")),
		secrets:    newTable(func(c *chunk) []*Def[configlang.Secret] { return c.secrets }, settleSame[configlang.Secret]("Secret")),
		semaphores: newTable(func(c *chunk) []*Def[configlang.Semaphore] { return c.semaphores }, settleSemaphores),
		queues:     newTable(func(c *chunk) []*Def[configlang.Queue] { return c.queues }, settleSame[configlang.Queue]("Queue")),
		images:     newTable(func(c *chunk) []*Def[configlang.Image] { return c.images }, settleSame[configlang.Image]("Image")),
		flavors:    newTable(func(c *chunk) []*Def[configlang.Flavor] { return c.flavors }, settleSame[configlang.Flavor]("Flavor")),
		labels:     newTable(func(c *chunk) []*Def[configlang.Label] { return c.labels }, settleSame[configlang.Label]("Label")),
		sections:   newTable(func(c *chunk) []*Def[configlang.Section] { return c.sections }, settleSame[configlang.Section]("Section")),
		providers:  newTable(func(c *chunk) []*Def[configlang.Provider] { return c.providers }, settleSame[configlang.Provider]("Provider")),
		templates:  newTable(func(c *chunk) []*Stanza { return c.templates }, settleTemplates),
		projects:   newTable(func(c *chunk) []*Stanza { return c.projects }, settleProjects),
	}
}

func builtinNoop() *Job {
	dedup := "true"
	return &Job{Job: &configlang.Job{Name: Noop, Base: true, Deduplicate: &dedup}}
}

func (l *Layout) fill(c *chunk) {
	l.pipelines.fill(c)
	l.jobs.fill(c)
	l.nodeSets.fill(c)
	l.secrets.fill(c)
	l.semaphores.fill(c)
	l.queues.fill(c)
	l.images.fill(c)
	l.flavors.fill(c)
	l.labels.fill(c)
	l.sections.fill(c)
	l.providers.fill(c)
	l.templates.fill(c)
	l.projects.fill(c)
}

func (l *Layout) settleAll() {
	l.pipelines.settleAll(l)
	l.jobs.settleAll(l)
	l.nodeSets.settleAll(l)
	l.secrets.settleAll(l)
	l.semaphores.settleAll(l)
	l.queues.settleAll(l)
	l.images.settleAll(l)
	l.flavors.settleAll(l)
	l.labels.settleAll(l)
	l.sections.settleAll(l)
	l.providers.settleAll(l)
	l.templates.settleAll(l)
	l.projects.settleAll(l)
}

// complain records an error of an object.
func (l *Layout) complain(o *Origin, owner any, at configlang.Stanza, reference bool, name, hint, format string, args ...any) {
	e := newError(o, owner, at, name, hint, fmt.Sprintf(format, args...))
	e.reference = reference
	if o != nil && o.chunk != nil && l.tooMany(o.chunk) {
		return
	}
	l.errs = append(l.errs, e)
}

// maxErrors bounds what is told of one branch: a file could have a hundred
// thousand objects, each with an error.
const maxErrors = 2000

// tooMany counts the errors of a branch.
func (l *Layout) tooMany(c *chunk) bool {
	l.told[c]++
	return l.told[c] > maxErrors
}

// forget drops the errors of an object that is looked at again.
func (l *Layout) forget(owner any) {
	if slices.ContainsFunc(l.errs, func(e *Error) bool { return e.owner == owner }) {
		l.errs = slices.DeleteFunc(slices.Clone(l.errs), func(e *Error) bool { return e.owner == owner })
	}
}

// compare orders chunks as the tenant does.
func (l *Layout) compare(a, b *chunk) int {
	return cmp.Or(cmp.Compare(l.order[a.project], l.order[b.project]), cmp.Compare(a.order, b.order), cmp.Compare(a.branch, b.branch))
}

// Errors are all that is wrong, in the order of the tenant's files.
func (l *Layout) Errors() []*Error {
	out := slices.Clone(l.errs)
	slices.SortStableFunc(out, func(a, b *Error) int {
		if a.Origin == nil || b.Origin == nil {
			return 0
		}
		return cmp.Or(cmp.Compare(l.order[a.Origin.Project], l.order[b.Origin.Project]), cmp.Compare(a.Origin.Branch, b.Origin.Branch),
			cmp.Compare(a.Origin.Path, b.Origin.Path), cmp.Compare(a.At.Line, b.At.Line), cmp.Compare(a.At.Column, b.At.Column),
			cmp.Compare(a.Stanza.Name, b.Stanza.Name), cmp.Compare(a.Message, b.Message))
	})
	return out
}
