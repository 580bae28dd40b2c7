package synthetic

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/tenantfile"
	"github.com/gozer-dev/gozer/internal/zuulregex"
)

// World is a small tenant as texts: a config project and a few others whose
// objects collide, shadow, inherit from one another, go missing and run in
// circles. It is a value: Edit gives another one.
type World struct {
	projects []worldProject
	// files has objects by project, branch and path.
	files map[Place][]string
}

type worldProject struct {
	host, name string
	trusted    bool
	branches   []string
	shadow     []string
	configures bool
	implied    *bool
	classes    []string
}

// Place is a file.
type Place struct{ Project, Branch, Path string }

// Host is where the projects of a world are, but for one of a doubled name.
const (
	Host      = "git.example"
	otherHost = "other.example"
)

// DrawWorld makes a tenant of two to five projects.
func DrawWorld(t *rapid.T) World {
	w := World{files: map[Place][]string{}}
	w.projects = append(w.projects, worldProject{host: Host, name: "acme/config", trusted: true, branches: []string{"main"}, classes: tenantfile.AllClasses()})
	if rare(t, "second config project") {
		w.projects = append(w.projects, worldProject{host: Host, name: "acme/base", trusted: true, branches: []string{"main"}, classes: tenantfile.AllClasses()})
	}
	for _, name := range []string{"acme/a", "acme/b", "acme/c"}[:rapid.IntRange(1, 3).Draw(t, "projects")] {
		p := worldProject{host: Host, name: name, classes: tenantfile.AllClasses()}
		p.branches = []string{"main", "wip", "stable"}[:rapid.IntRange(1, 3).Draw(t, "branches")]
		if rare(t, "shadow") {
			p.shadow = []string{oneOf(t, "shadowed", "acme/config", "acme/a", "acme/none")}
		}
		p.configures = rare(t, "configures")
		if rare(t, "implied") {
			p.implied = new(rapid.Bool().Draw(t, "implied"))
		}
		if rare(t, "classes") {
			p.classes = []string{"job", "project", "nodeset"}
		}
		w.projects = append(w.projects, p)
	}
	if rare(t, "doubled name") {
		w.projects = append(w.projects, worldProject{host: otherHost, name: "acme/a", branches: []string{"main"}, classes: tenantfile.AllClasses()})
	}
	for _, p := range w.projects {
		for _, b := range p.branches {
			w.write(p, b, drawFiles(t, p))
		}
	}
	return w
}

// rare is true once in a while.
func rare(t *rapid.T, what string) bool { return rapid.IntRange(0, 9).Draw(t, what) == 9 }

// some draws which of the objects are there.
func some(t *rapid.T, objects ...string) []string {
	return slices.DeleteFunc(objects, func(o string) bool { return !rapid.Bool().Draw(t, o) })
}

func oneOf(t *rapid.T, what string, from ...string) string {
	return rapid.SampledFrom(from).Draw(t, what)
}

func (w World) write(p worldProject, branch string, files map[string][]string) {
	for path, objects := range files {
		w.files[Place{p.canonical(), branch, path}] = objects
	}
}

func (p worldProject) canonical() string { return p.host + "/" + p.name }

// drawFiles is what one branch has: mostly one file, sometimes none or several.
func drawFiles(t *rapid.T, p worldProject) map[string][]string {
	paths := []string{"zuul.yaml"}
	if rare(t, "other files") {
		paths = rapid.SampledFrom([][]string{{}, {".zuul.yaml"}, {"zuul.d/a.yaml", "zuul.d/b.yaml"}, {"zuul.yaml", ".zuul.yaml"}, {"zuul.yaml", "zuul.d/a.yaml"}, {"README"}}).Draw(t, "paths")
	}
	out := map[string][]string{}
	for i, path := range paths {
		var objects []string
		if p.trusted && i == 0 && p.name == "acme/config" {
			objects = append(objects, "- pipeline: {name: check, manager: independent}\n", "- pipeline: {name: gate, manager: dependent, post-review: true}\n")
			if !rare(t, "no base") {
				objects = append(objects, "- job: {name: base, parent: null, run: base.yaml}\n")
			}
			objects = append(objects, some(t, "- project-template: {name: t1, check: {jobs: [unit]}}\n", "- nodeset: {name: one, nodes: {name: n, label: l1}}\n", "- secret: {name: s1, data: {v: one}}\n")...)
		}
		if !p.trusted && i == 0 {
			objects = append(objects, some(t, usualJobs[p.name], "- project: {check: {jobs: [unit, docs, base]}}\n", "- project: {templates: [t1]}\n")...)
		}
		for range rapid.IntRange(0, 4).Draw(t, "objects") {
			objects = append(objects, drawObject(t, p))
		}
		out[path] = objects
	}
	return out
}

// Tenant parses everything.
func (w World) Tenant() *layout.Tenant {
	regex := func(s string) *zuulregex.Regex {
		re, err := zuulregex.Compile(s)
		if err != nil {
			panic(err)
		}
		return re
	}
	t := &layout.Tenant{
		Name: "acme", DefaultParent: "base", DefaultAnsibleVersion: "9", MaxNodesPerJob: 2, MaxJobTimeout: 1000,
		Connections:      configlang.Connections{Drivers: map[string]string{"gitea": "gitea"}},
		DisallowedLabels: []*zuulregex.Regex{regex("^forbidden")}, GlobalSemaphores: []string{"global"},
	}
	for _, p := range w.projects {
		lp := &layout.Project{
			Project: model.Project{Connection: "gitea", Hostname: p.host, Name: p.name}, Trusted: p.trusted, Classes: p.classes,
			Shadow: p.shadow, ImpliedBranchMatchers: p.implied, DefaultBranch: "main", DefaultMergeMode: "merge",
		}
		if p.configures {
			lp.ConfigureProjects = []*zuulregex.Regex{regex("acme/[ab]")}
		}
		for _, b := range p.branches {
			lp.Branches = append(lp.Branches, layout.Branch{Name: b, Files: w.Files(p.canonical(), b)})
		}
		t.Projects = append(t.Projects, lp)
	}
	return t
}

// Files of a branch, parsed anew.
func (w World) Files(project, branch string) []layout.File {
	var out []layout.File
	for _, at := range w.places() {
		if at.Project == project && at.Branch == branch {
			out = append(out, layout.File{Path: at.Path, File: configlang.Parse(strings.Join(w.files[at], ""))})
		}
	}
	return out
}

func (w World) places() []Place {
	return slices.SortedFunc(maps.Keys(w.files), func(a, b Place) int {
		return strings.Compare(a.Project+" "+a.Branch+" "+a.Path, b.Project+" "+b.Branch+" "+b.Path)
	})
}

// Edit changes one branch: its files are other ones, or gone, or one object is
// added, removed or replaced. It says what With is to be told.
func (w World) Edit(t *rapid.T) (World, layout.Change) {
	p := rapid.SampledFrom(w.projects).Draw(t, "edited project")
	branch := rapid.SampledFrom(p.branches).Draw(t, "edited branch")
	out := World{projects: w.projects, files: maps.Clone(w.files)}
	var there []Place
	for _, at := range w.places() {
		if at.Project == p.canonical() && at.Branch == branch {
			there = append(there, at)
		}
	}
	switch kind := rapid.IntRange(0, 9).Draw(t, "edit"); {
	case kind < 8 && len(there) > 0:
		at := rapid.SampledFrom(there).Draw(t, "edited file")
		out.files[at] = editObjects(t, p, w.files[at])
	case kind == 8:
		for _, at := range there {
			delete(out.files, at)
		}
	default:
		for _, at := range there {
			delete(out.files, at)
		}
		out.write(p, branch, drawFiles(t, p))
	}
	return out, layout.Change{Project: p.canonical(), Branch: branch, Files: out.Files(p.canonical(), branch)}
}

func editObjects(t *rapid.T, p worldProject, objects []string) []string {
	at := 0
	if len(objects) > 0 {
		at = rapid.IntRange(0, len(objects)-1).Draw(t, "edited object")
	}
	switch kind := rapid.IntRange(0, 4).Draw(t, "edit of an object"); {
	case kind == 0 || len(objects) == 0:
		return slices.Insert(slices.Clone(objects), at, drawObject(t, p))
	case kind == 1:
		return slices.Delete(slices.Clone(objects), at, at+1)
	case kind == 2:
		out := slices.Clone(objects)
		out[at] = drawObject(t, p)
		return out
	}
	out := slices.Clone(objects)
	out[at] = tweak(t, out[at])
	return out
}

// Trusted says whether a project is a config project.
func (w World) Trusted(canonical string) bool {
	return slices.ContainsFunc(w.projects, func(p worldProject) bool { return p.canonical() == canonical && p.trusted })
}

// String prints the tenant: settings that are not usual, and all files.
func (w World) String() string {
	var b strings.Builder
	for _, p := range w.projects {
		fmt.Fprintf(&b, "# %s branches %v", p.canonical(), p.branches)
		if len(p.shadow) > 0 || p.configures || p.implied != nil || len(p.classes) < 10 {
			fmt.Fprintf(&b, " shadow %v configures acme/[ab]: %v classes %v", p.shadow, p.configures, p.classes)
			if p.implied != nil {
				fmt.Fprintf(&b, " implied %v", *p.implied)
			}
		}
		b.WriteString("\n")
	}
	for _, at := range w.places() {
		fmt.Fprintf(&b, "# %s@%s %s\n%s", at.Project, at.Branch, at.Path, strings.Join(w.files[at], ""))
	}
	return b.String()
}
