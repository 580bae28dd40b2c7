package layout

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/gozer-dev/gozer/internal/configlang"
)

// binder binds the objects of one file after the other.
type binder struct {
	*scope
	chunk  *chunk
	origin *Origin
}

// fail records an error that leaves the object out.
func (b *binder) fail(at configlang.Stanza, name, hint, format string, args ...any) {
	if len(b.chunk.errs) > maxErrors {
		return
	}
	e := newError(b.origin, b.chunk, at, name, hint, fmt.Sprintf(format, args...))
	for _, a := range args {
		// What is quoted is mostly what is wrong.
		if word, ok := a.(string); ok && word != at.Name && b.origin.File != nil {
			if found, ok := b.origin.File.FindWord(at.Pos, word); ok {
				e.At = found
				break
			}
		}
	}
	b.chunk.errs = append(b.chunk.errs, e)
}

// ignored tells that a file is not read, and what is wrong with it as a whole.
func (b *binder) ignored(f File) {
	b.origin = &Origin{Project: b.chunk.project, Branch: b.chunk.branch, Path: f.Path, File: f.File, chunk: b.chunk}
	root, _, _ := strings.Cut(f.Path, "/")
	e := newError(b.origin, b.chunk, configlang.Stanza{}, configlang.NameMultipleConfig, "keep the configuration in one place",
		fmt.Sprintf("Configuration in %s ignored because project-branch is already configured.", root))
	e.Severity = configlang.SeverityWarning
	if !slices.ContainsFunc(b.chunk.errs, func(other *Error) bool { return other.Message == e.Message }) {
		b.chunk.errs = append(b.chunk.errs, e)
	}
	for _, p := range f.Problems {
		if p.Stanza.Kind == "" {
			b.chunk.errs = append(b.chunk.errs, &Error{Problem: p, Origin: b.origin, owner: b.chunk})
		}
	}
}

// problems takes over what is wrong with the file, but for classes that are not loaded.
func (b *binder) problems(f *configlang.File) {
	for _, p := range f.Problems {
		kind := p.Stanza.Kind
		if kind == "" || kind == "pragma" || b.loads(kind) {
			b.chunk.errs = append(b.chunk.errs, &Error{Problem: p, Origin: b.origin, owner: b.chunk})
		}
	}
}

// loads says whether objects of the kind are taken from the project. Pipelines
// never come from untrusted projects, whatever the tenant says.
func (b *binder) loads(kind string) bool {
	return b.chunk.project.loads(kind) && (kind != "pipeline" || b.chunk.project.Trusted)
}

// file binds the objects of a file.
func (b *binder) file(f *configlang.File) {
	if b.loads("pipeline") {
		for _, p := range f.Pipelines {
			b.pipeline(p)
		}
	}
	if b.loads("nodeset") {
		for _, ns := range f.NodeSets {
			if d := define(b.origin, "nodeset", ns.Name, ns.Pos, ns); b.labelsOf(d.stanza(), ns) {
				b.chunk.nodeSets = append(b.chunk.nodeSets, d)
			}
		}
	}
	if b.loads("job") {
		for _, j := range f.Jobs {
			if bound := b.job(j, configlang.Stanza{Kind: "job", Name: j.Name, Pos: j.Pos}, false); bound != nil {
				b.chunk.jobs = append(b.chunk.jobs, bound)
			}
		}
	}
	if b.loads("project-template") {
		for _, t := range f.Templates {
			b.template(t)
		}
	}
	if b.loads("project") {
		for _, p := range f.Projects {
			b.stanza(p)
		}
	}
	b.plain(f)
}

// plain binds the kinds that need nothing of the tenant.
func (b *binder) plain(f *configlang.File) {
	keep(b, "secret", f.Secrets, &b.chunk.secrets, func(o *configlang.Secret) (string, configlang.Pos) { return o.Name, o.Pos })
	keep(b, "semaphore", f.Semaphores, &b.chunk.semaphores, func(o *configlang.Semaphore) (string, configlang.Pos) { return o.Name, o.Pos })
	keep(b, "queue", f.Queues, &b.chunk.queues, func(o *configlang.Queue) (string, configlang.Pos) { return o.Name, o.Pos })
	keep(b, "image", f.Images, &b.chunk.images, func(o *configlang.Image) (string, configlang.Pos) { return o.Name, o.Pos })
	keep(b, "flavor", f.Flavors, &b.chunk.flavors, func(o *configlang.Flavor) (string, configlang.Pos) { return o.Name, o.Pos })
	keep(b, "label", f.Labels, &b.chunk.labels, func(o *configlang.Label) (string, configlang.Pos) { return o.Name, o.Pos })
	keep(b, "section", f.Sections, &b.chunk.sections, func(o *configlang.Section) (string, configlang.Pos) { return o.Name, o.Pos })
	keep(b, "provider", f.Providers, &b.chunk.providers, func(o *configlang.Provider) (string, configlang.Pos) { return o.Name, o.Pos })
}

func keep[T any](b *binder, kind string, list []*T, to *[]*Def[T], id func(*T) (string, configlang.Pos)) {
	if !b.loads(kind) {
		return
	}
	for _, o := range list {
		name, pos := id(o)
		*to = append(*to, define(b.origin, kind, name, pos, o))
	}
}

func define[T any](o *Origin, kind, name string, pos configlang.Pos, value *T) *Def[T] {
	return &Def[T]{Value: value, Origin: o, name: name, pos: pos, kind: kind}
}

func (b *binder) pipeline(p *configlang.Pipeline) {
	bound, problems, ok := p.Bind(b.Connections)
	for _, problem := range problems {
		b.chunk.errs = append(b.chunk.errs, &Error{Problem: problem, Origin: b.origin, owner: b.chunk})
	}
	if ok {
		b.chunk.pipelines = append(b.chunk.pipelines, define(b.origin, "pipeline", p.Name, p.Pos, bound))
	}
}

// labelsOf checks that the tenant allows the labels of a nodeset.
func (b *binder) labelsOf(at configlang.Stanza, ns *configlang.NodeSet) bool {
	for _, n := range ns.Nodes {
		if !b.labelAllowed(n.Label) {
			b.fail(at, configlang.NameLabelForbidden, "choose a label that the tenant allows", "Label named %q is not part of the allowed labels for this tenant.", n.Label)
			return false
		}
	}
	for _, a := range ns.Alternatives {
		if a.NodeSet != nil && !b.labelsOf(at, a.NodeSet) {
			return false
		}
	}
	return true
}

// job binds a definition, or a variant in a project's list; nil if it has an error.
// The order of the checks is Zuul's: the first that fails is told.
func (b *binder) job(j *configlang.Job, at configlang.Stanza, variant bool) *Job {
	out := &Job{Job: j, Origin: b.origin, PostReview: j.PostReview}
	trusted := b.chunk.project.Trusted
	if j.Base && !trusted {
		b.fail(at, "", "give it a parent, or move it to a config project", "Base jobs must be defined in config projects")
		return nil
	}
	out.IgnoreAllowedProjects = variant && trusted
	if len(j.Secrets) > 0 && !trusted {
		// Other projects could get at the secret through this job.
		out.PostReview = true
		out.AllowedProjects = []string{b.chunk.project.Name}
	}
	for _, t := range []*int64{j.Timeout, j.PostTimeout} {
		if t != nil && b.MaxJobTimeout != -1 && *t > b.MaxJobTimeout {
			b.fail(at, configlang.NameMaxTimeout, "ask for less", "The job %q exceeds tenant max-job-timeout %d.", j.Name, b.MaxJobTimeout)
			return nil
		}
	}
	if !b.roles(out, at, variant) || j.NodeSet != nil && !b.labelsOf(at, j.NodeSet) || !b.required(out, at) || !b.includeVars(out, at) || !b.allowed(out, at) {
		return nil
	}
	switch {
	case j.Given.Has(configlang.AttrBranches):
		// An empty list is for all branches too: it leaves out the implied ones.
		out.Branches = explicit(j.Branches)
	case !variant:
		out.Branches = b.origin.implied
	}
	return out
}

// rolePrefix is what a repository of one Ansible role may be named with.
var rolePrefix = regexp.MustCompile(`^(ansible[-_.+]*)*(role[-_.+]*)*`)

// roles puts the repository that defines the job before the roles that it names.
func (b *binder) roles(j *Job, at configlang.Stanza, variant bool) bool {
	var roles []Role
	if !variant {
		short := path.Base(b.chunk.project.Name)
		name := rolePrefix.ReplaceAllString(short, "")
		if name == "" {
			name = short
		}
		roles = append(roles, Role{Project: b.chunk.project, Name: name, Implicit: true})
	}
	for _, r := range j.Job.Roles {
		p, ok := b.find(r.Project, at)
		switch {
		case !ok:
			return false
		case p != nil:
			roles = append(roles, Role{Project: p, Name: r.Name})
		}
	}
	j.Roles = AddRoles(nil, roles)
	return true
}

func sameRole(a, b Role) bool { return a.Project == b.Project && a.Name == b.Name }

// AddRoles puts further roles before those that are there, each role once. An
// explicit one makes an implicit one that is there explicit.
func AddRoles(existing, further []Role) []Role {
	out := make([]Role, 0, len(existing)+len(further))
	for _, r := range existing {
		if i := slices.IndexFunc(further, func(f Role) bool { return sameRole(f, r) }); i >= 0 && !further[i].Implicit {
			r.Implicit = false
		}
		out = append(out, r)
	}
	var before []Role
	for i := len(further) - 1; i >= 0; i-- {
		is := func(o Role) bool { return sameRole(o, further[i]) }
		if !slices.ContainsFunc(out, is) && !slices.ContainsFunc(before, is) {
			before = append(before, further[i])
		}
	}
	slices.Reverse(before)
	return append(before, out...)
}

// find resolves the name of a project; ok is false when the name is ambiguous.
func (b *binder) find(name string, at configlang.Stanza) (*Project, bool) {
	p, err := b.project(name)
	if err != nil {
		b.fail(at, "", "", "%v", err)
		return nil, false
	}
	return p, true
}

// needs resolves the name of a project that must be there.
func (b *binder) needs(name string, at configlang.Stanza) *Project {
	p, ok := b.find(name, at)
	if ok && p == nil {
		b.notFound(at, name)
	}
	return p
}

func (b *binder) notFound(at configlang.Stanza, names ...string) {
	text := fmt.Sprintf("The project %q was not found.", names[0])
	if len(names) > 1 {
		text = fmt.Sprintf("The projects %q were not found.", names)
	}
	b.fail(at, configlang.NameProjectNotFound, "add it to the tenant", "%s", text)
}

func (b *binder) required(j *Job, at configlang.Stanza) bool {
	var unknown []string
	for _, r := range j.Job.RequiredProjects {
		p, ok := b.find(r.Name, at)
		if !ok {
			return false
		}
		if p == nil {
			unknown = append(unknown, r.Name)
			continue
		}
		r.Name = p.Canonical()
		// The same project twice: the later entry counts.
		if i := slices.IndexFunc(j.RequiredProjects, func(o configlang.RequiredProject) bool { return o.Name == r.Name }); i >= 0 {
			j.RequiredProjects[i] = r
			continue
		}
		j.RequiredProjects = append(j.RequiredProjects, r)
	}
	if len(unknown) > 0 {
		b.notFound(at, unknown...)
	}
	return len(unknown) == 0
}

func (b *binder) includeVars(j *Job, at configlang.Stanza) bool {
	for _, iv := range j.Job.IncludeVars {
		out := IncludeVars{Path: iv.Path, Required: iv.Required, UseRef: iv.UseRef, Project: b.chunk.project}
		switch {
		case iv.ZuulProject:
			out.Project = nil
		case iv.Project != "":
			if out.Project = b.needs(iv.Project, at); out.Project == nil {
				return false
			}
		}
		j.IncludeVars = append(j.IncludeVars, out)
	}
	return true
}

func (b *binder) allowed(j *Job, at configlang.Stanza) bool {
	if j.AllowedProjects != nil {
		return true // a secret allows only the project that has it
	}
	for _, name := range j.Job.AllowedProjects {
		p := b.needs(name, at)
		if p == nil {
			return false
		}
		j.AllowedProjects = append(j.AllowedProjects, p.Name)
	}
	slices.Sort(j.AllowedProjects)
	j.AllowedProjects = slices.Compact(j.AllowedProjects)
	return true
}
