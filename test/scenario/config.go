package scenario

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/tenantfile"
)

// connections of every story: code hosts of the one driver that there is.
var connections = map[string]layout.Connection{
	"gitea": {Driver: "gitea", Hostname: "gitea.test"},
	"other": {Driver: "gitea", Hostname: "other.test"},
}

// configProject has the pipelines and what all projects share.
const configProject = "config"

// tenant is the Tenant's spec: what a tenant admin writes.
type tenant struct {
	// options are further lines of the tenant file.
	options  string
	projects []model.Project
}

// text is Zuul's tenant file.
func (t tenant) text() string {
	text := "- tenant:\n    name: acme\n"
	for line := range strings.Lines(t.options) {
		text += "    " + line
	}
	text += "    source:\n"
	for _, connection := range slices.Sorted(maps.Keys(connections)) {
		var names []string
		for _, p := range t.projects {
			if p.Connection == connection && p.Name != configProject {
				names = append(names, p.Name)
			}
		}
		if len(names) == 0 && connection != "gitea" {
			continue
		}
		text += "      " + connection + ":\n"
		if connection == "gitea" {
			text += "        config-projects: [" + configProject + "]\n"
		}
		if len(names) > 0 {
			text += "        untrusted-projects: [" + strings.Join(names, ", ") + "]\n"
		}
	}
	return text
}

// config is a layout with what was computed of it.
type config struct {
	*layout.Layout
	spec *tenantfile.Tenant
	key  string
	jobs jobgraph.Cache
}

// configs keeps layouts; all plays of one story share them.
type configs struct {
	parsed map[string]*configlang.File
	made   map[string]*config
}

func newConfigs() *configs {
	return &configs{parsed: map[string]*configlang.File{}, made: map[string]*config{}}
}

// overlay reads the configuration of a branch at another state.
type overlay struct {
	at       model.BranchRef
	sequence []string
	// evenTrusted is for checking a proposal only.
	evenTrusted bool
}

// configSteps are the steps of a sequence that touch configuration.
func (h *host) configSteps(sequence []string) []string {
	var out []string
	for _, step := range sequence {
		for path := range h.files[step] {
			if configlang.IsConfigPath(path, nil) {
				out = append(out, step)
				break
			}
		}
	}
	return out
}

// headsNow are the heads of all branches of the tenant, as far as configuration goes.
func (w *world) headsNow() map[model.BranchRef][]string {
	out := map[model.BranchRef][]string{}
	for at, tip := range w.host.tips {
		if slices.Contains(w.tenant.projects, at.Project) {
			out[at] = w.host.configSteps(tip)
		}
	}
	return out
}

// layout is the configuration at the heads, with overlays.
func (w *world) layout(heads map[model.BranchRef][]string, overlays []overlay) *config {
	overlays = w.effective(heads, overlays)
	key := w.store.tenantFile + keyOf(heads)
	for _, o := range overlays {
		key += fmt.Sprintf("|%s@%s=%v%v", o.at.Project.Canonical(), o.at.Branch, o.sequence, o.evenTrusted)
	}
	if c := w.configs.made[key]; c != nil {
		return c
	}
	c := &config{key: key}
	if len(overlays) == 0 {
		c.spec, c.Layout = w.build(heads)
	} else {
		base := w.layout(heads, nil)
		var changes []layout.Change
		proposal := false
		for _, o := range overlays {
			proposal = proposal || o.evenTrusted
			changes = append(changes, layout.Change{Project: o.at.Project.Canonical(), Branch: o.at.Branch, Files: w.configFiles(o.sequence)})
		}
		c.spec, c.Layout = base.spec, base.With(proposal, changes...)
	}
	w.configs.made[key] = c
	return c
}

func keyOf(heads map[model.BranchRef][]string) string {
	var out []string
	for at, steps := range heads {
		out = append(out, fmt.Sprintf("%s@%s=%v", at.Project.Canonical(), at.Branch, steps))
	}
	slices.Sort(out)
	return strings.Join(out, "|")
}

// effective are the overlays that change anything.
func (w *world) effective(heads map[model.BranchRef][]string, overlays []overlay) []overlay {
	var out []overlay
	for _, o := range overlays {
		head, known := heads[o.at]
		o.sequence = w.host.configSteps(o.sequence)
		trusted := o.at.Project.Name == configProject
		if !known || trusted && !o.evenTrusted || slices.Equal(head, o.sequence) {
			continue
		}
		o.evenTrusted = trusted
		out = append(out, o)
	}
	return out
}

func (w *world) configFiles(sequence []string) []layout.File {
	var out []layout.File
	tree := w.host.tree(sequence)
	for _, path := range slices.Sorted(maps.Keys(tree)) {
		if !configlang.IsConfigPath(path, nil) {
			continue
		}
		content := tree[path]
		if w.configs.parsed[content] == nil {
			w.configs.parsed[content] = configlang.Parse(content)
		}
		out = append(out, layout.File{Path: path, File: w.configs.parsed[content]})
	}
	return out
}

// build reads everything.
func (w *world) build(heads map[model.BranchRef][]string) (*tenantfile.Tenant, *layout.Layout) {
	file, errs := tenantfile.Parse([]byte(w.store.tenantFile))
	if len(errs) > 0 {
		w.violation("the tenant file has errors: %v", errs)
		return &tenantfile.Tenant{}, layout.Build(&layout.Tenant{})
	}
	t, err := layout.NewTenant(&file.Tenants[0], connections)
	if err != nil {
		w.violation("tenant: %v", err)
		return &file.Tenants[0], layout.Build(&layout.Tenant{})
	}
	for _, p := range t.Projects {
		for _, at := range w.host.branches {
			if steps, ok := heads[at]; ok && at.Project == p.Project {
				if len(p.Branches) == 0 {
					p.DefaultBranch = at.Branch
				}
				p.Branches = append(p.Branches, layout.Branch{Name: at.Branch, Files: w.configFiles(steps)})
			}
		}
	}
	return &file.Tenants[0], layout.Build(t)
}

// stale says whether what is in force is not what the heads have.
func (w *world) stale() bool {
	if w.read == w.host.version {
		return false
	}
	if w.store.tenantFile != w.tenant.text() || !maps.EqualFunc(w.store.heads, w.headsNow(), slices.Equal) {
		return true
	}
	w.read = w.host.version
	return false
}

// reconfigure puts the configuration of the heads in force (controllers/tenant),
// and takes out what it has no place for.
func (w *world) reconfigure() {
	w.store.tenantFile, w.store.heads, w.force = w.tenant.text(), w.headsNow(), nil
	c := w.inForce()
	w.store.pipelines = nil
	for _, p := range c.Pipelines() {
		spec, refused, _ := convert.PipelineSpec(p)
		if refused != "" {
			w.violation("pipeline %s: %s", p.Name, refused)
		}
		w.store.pipelines = append(w.store.pipelines, pipeline{p.Name, spec})
	}
	slices.SortFunc(w.store.pipelines, func(a, b pipeline) int { return strings.Compare(a.name, b.name) })
	for _, e := range c.Errors() {
		w.say("config: %s: %s", e.Where(), firstLine(e.Message))
	}
	w.wrote()
	for _, i := range w.store.itemList {
		if why := w.removed(i); i.result == "" && why != "" {
			w.dequeue(i, why)
		}
	}
	// The pipelines' windows are facts of every queue.
	for name := range w.store.queues {
		w.touch("queue " + name)
	}
}

// removed says what of an item is gone; empty if it may stay.
func (w *world) removed(i *item) string {
	if w.store.pipeline(i.pipeline) == nil {
		return fmt.Sprintf("The pipeline %s was taken out of the configuration.", i.pipeline)
	}
	for _, c := range i.changes {
		if !slices.Contains(w.tenant.projects, c.Project) {
			return fmt.Sprintf("The project %s was taken out of the tenant.", c.Project.Name)
		}
	}
	return ""
}

// inForce is the configuration of the tenant.
func (w *world) inForce() *config {
	if w.force == nil {
		w.force = w.layout(w.store.heads, nil)
	}
	return w.force
}
