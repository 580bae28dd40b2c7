package layout

import (
	"slices"
	"strings"

	"github.com/gozer-dev/gozer/internal/configlang"
)

// chunk is one branch of one project, bound to the tenant.
type chunk struct {
	project *Project
	branch  string
	// order of the branch in its project.
	order int

	pipelines  []*Def[configlang.BoundPipeline]
	jobs       []*Job
	nodeSets   []*Def[configlang.NodeSet]
	secrets    []*Def[configlang.Secret]
	semaphores []*Def[configlang.Semaphore]
	queues     []*Def[configlang.Queue]
	images     []*Def[configlang.Image]
	flavors    []*Def[configlang.Flavor]
	labels     []*Def[configlang.Label]
	sections   []*Def[configlang.Section]
	providers  []*Def[configlang.Provider]
	templates  []*Stanza
	projects   []*Stanza

	errs []*Error
}

// roots are where configuration may be; the first that is there counts.
var roots = []string{"zuul.yaml", "zuul.d", ".zuul.yaml", ".zuul.d"}

// selected is the files that count, in the order in which they are read, and
// those that are left out because another kind came first.
func selected(p *Project, files []File) (read, ignored []File) {
	byPath := make(map[string]File, len(files))
	paths := make([]string, 0, len(files))
	for _, f := range files {
		byPath[f.Path] = f
		paths = append(paths, f.Path)
	}
	slices.Sort(paths)
	below := func(root string) []File {
		var out []File
		for _, path := range paths {
			if f := byPath[path]; (path == root || strings.HasPrefix(path, root+"/")) && f.Content != "" {
				out = append(out, f)
				delete(byPath, path)
			}
		}
		return out
	}
	for _, root := range roots {
		found := below(root)
		if len(read) > 0 {
			ignored = append(ignored, found...)
		} else {
			read = found
		}
	}
	for _, folders := range []bool{false, true} {
		for _, extra := range p.ExtraConfigPaths {
			if strings.HasSuffix(extra, "/") == folders {
				read = append(read, below(strings.TrimSuffix(extra, "/"))...)
			}
		}
	}
	return read, ignored
}

// bind makes objects of the tenant out of the files of a branch.
func (s *scope) bind(p *Project, from Branch) *chunk {
	c := &chunk{project: p, branch: from.Name, order: slices.IndexFunc(p.Branches, func(b Branch) bool { return b.Name == from.Name })}
	if c.order < 0 {
		c.order = len(p.Branches)
	}
	read, ignored := selected(p, from.Files)
	b := binder{scope: s, chunk: c, origin: &Origin{Project: p, Branch: from.Name, chunk: c}}
	for _, text := range from.Unreadable {
		b.fail(configlang.Stanza{}, "", "", "%s", text)
	}
	for _, f := range ignored {
		b.ignored(f)
	}
	forbidden := false
	for _, f := range read {
		b.origin = &Origin{Project: p, Branch: from.Name, Path: f.Path, File: f.File, chunk: c}
		b.origin.implied = s.implied(b.origin)
		b.problems(f.File)
		if len(f.Pipelines) > 0 && !p.Trusted {
			if !forbidden {
				b.fail(configlang.Stanza{Kind: "pipeline", Name: f.Pipelines[0].Name, Pos: f.Pipelines[0].Pos}, configlang.NamePipelineForbidden,
					"move it to a config project", "Pipelines may not be defined in untrusted repos, they may only be defined in config repos.")
			}
			forbidden = true
		}
		b.file(f.File)
	}
	return c
}

// implied are the branches of jobs and templates that do not say theirs
// (FEATURES 2.5): the pragma of the file, else those of the project.
func (s *scope) implied(o *Origin) []BranchMatcher {
	p, pragma := o.Project, o.File.Pragma
	on := p.ImpliedBranchMatchers
	if pragma.ImpliedBranchMatchers != nil {
		on = pragma.ImpliedBranchMatchers
	}
	if on == nil {
		automatic := !p.Trusted && len(p.Branches) != 1
		on = &automatic
	}
	switch {
	case !*on:
		return nil
	case pragma.ImpliedBranches != nil:
		return explicit(pragma.ImpliedBranches)
	}
	return []BranchMatcher{{exact: o.Branch, implied: true}}
}

func explicit(list []configlang.Matcher) []BranchMatcher {
	out := make([]BranchMatcher, len(list))
	for i, m := range list {
		out[i].Matcher = m
	}
	return out
}
