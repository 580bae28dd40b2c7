package layout

import "github.com/gozer-dev/gozer/internal/configlang"

// template binds a project-template.
func (b *binder) template(t *configlang.Project) {
	s := &Stanza{Project: t, Origin: b.origin, Branches: b.origin.implied, template: true}
	if b.variants(s, configlang.Stanza{Kind: "project-template", Name: t.Name, Pos: t.Pos}) {
		b.chunk.templates = append(b.chunk.templates, s)
	}
}

// stanza binds a project stanza, once for each project that it is for.
func (b *binder) stanza(pr *configlang.Project) {
	at := configlang.Stanza{Kind: "project", Name: pr.Name, Pos: pr.Pos}
	s := &Stanza{Project: pr, Origin: b.origin, Branches: b.origin.implied}
	var targets []*Project
	own := b.chunk.project
	if pr.NameRegex != nil {
		for _, p := range b.Projects {
			if p.named(pr.NameRegex) {
				targets = append(targets, p)
			}
		}
	} else {
		target := own
		if pr.Name != "" {
			if target = b.needs(pr.Name, at); target == nil {
				return
			}
		}
		targets = []*Project{target}
		if target == own {
			// Its own branch or all of them: pragmas are for others.
			if s.Branches = nil; !own.Trusted {
				s.Branches = []BranchMatcher{{exact: b.chunk.branch, implied: true}}
			}
		}
	}
	for _, t := range targets {
		if !own.mayConfigure(t) || pr.NameRegex != nil && t == own && !own.Trusted && !own.configures(t) {
			b.fail(at, configlang.NameProjectForbidden, "move the stanza to that project, or to a config project",
				"Within an untrusted project, the only project definition permitted is that of the project itself.")
			return
		}
	}
	if len(pr.Branches) > 0 {
		s.Branches = explicit(pr.Branches)
	}
	if !b.variants(s, at) {
		return
	}
	for _, t := range targets {
		one := *s
		one.Target = t.Canonical()
		b.chunk.projects = append(b.chunk.projects, &one)
	}
}

// configures says whether the tenant lets the project configure others by that name.
func (p *Project) configures(other *Project) bool {
	for _, re := range p.ConfigureProjects {
		if other.named(re) {
			return true
		}
	}
	return false
}

// variants binds the job lists; the error of one variant leaves the stanza out.
func (b *binder) variants(s *Stanza, at configlang.Stanza) bool {
	for i := range s.Project.Pipelines {
		pp := StanzaPipeline{ProjectPipeline: &s.Project.Pipelines[i]}
		for _, j := range pp.ProjectPipeline.Jobs {
			bound := b.job(j, at, true)
			if bound == nil {
				return false
			}
			pp.Jobs = append(pp.Jobs, bound)
		}
		s.Pipelines = append(s.Pipelines, pp)
	}
	return true
}
