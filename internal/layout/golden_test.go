package layout_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/tenantfile"
)

var updateGolden = flag.Bool("update", false, "rewrite the expected outcome in testdata/golden")

// goldenStandard is the config project of cases that have no "bare" section.
const goldenStandard = `
- pipeline: {name: check, manager: independent}
- pipeline: {name: gate, manager: dependent, post-review: true}
- job: {name: base, parent: null}
`

// goldenConnections are those of every case. What is shown leaves out the host
// name of the first.
var goldenConnections = map[string]layout.Connection{
	"gerrit": {Driver: "gerrit", Hostname: "review.example.com"},
	"github": {Driver: "github", Hostname: "github.com"},
	"git":    {Driver: "git", Hostname: "git.example.com"},
	"smtp":   {Driver: "smtp"},
}

const goldenHost = "review.example.com/"

// goldenCase is one case of testdata/golden; README.md there says how it is written.
type goldenCase struct {
	file, title, text, want string

	// options of the tenant, and of its projects by name.
	options string
	project map[string]string
	// tenantFile is written out where options are not enough.
	tenantFile string
	bare       bool
	// unreadable is told of a branch that could not be read.
	unreadable map[goldenBranch]string
	// names of the projects, with their branches, in order.
	names     []string
	branches  map[string][]string
	files     map[goldenBranch]map[string]string
	changes   map[goldenBranch]map[string]string
	changed   []goldenBranch
	modes     map[string][]string
	questions []string
}

type goldenBranch struct{ project, branch string }

func goldenCases(tb testing.TB) []*goldenCase {
	paths, err := filepath.Glob("testdata/golden/*.txt")
	if err != nil || len(paths) == 0 {
		tb.Fatalf("no cases in testdata/golden: %v", err)
	}
	var out []*goldenCase
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		for text := range strings.SplitSeq(string(raw), "\n=====\n") {
			title, rest, _ := strings.Cut(text, "\n")
			input, want, _ := strings.Cut("\n"+rest+"\n", "\n-----\n")
			c := &goldenCase{file: path, title: strings.TrimPrefix(title, "# "), text: input[1:], want: strings.TrimSpace(want)}
			c.read()
			out = append(out, c)
		}
	}
	return out
}

// read takes the sections apart: each begins with a line ">>> what".
func (c *goldenCase) read() {
	c.project, c.branches, c.files = map[string]string{}, map[string][]string{}, map[goldenBranch]map[string]string{}
	c.changes, c.unreadable, c.modes = map[goldenBranch]map[string]string{}, map[goldenBranch]string{}, map[string][]string{}
	for i, section := range strings.Split("\n"+c.text, "\n>>> ") {
		if i == 0 {
			continue // remarks
		}
		head, body, _ := strings.Cut(section, "\n")
		words := strings.Fields(head)
		switch words[0] {
		case "options":
			c.options = body
		case "tenant":
			c.tenantFile = body
		case "bare":
			c.bare = true
		case "project":
			c.add(words[1])
			c.project[words[1]] = strings.Join(words[2:], " ")
		case "modes":
			c.modes[words[1]] = words[2:]
		case "ask":
			c.questions = strings.Split(strings.TrimSpace(body), "\n")
		case "empty":
			c.files[c.at(words[1])][words[2]] = ""
		case "unreadable":
			c.unreadable[c.at(words[1])] = strings.Join(words[2:], " ")
		case "change":
			at := c.at(words[1])
			if c.changes[at] == nil {
				c.changes[at] = map[string]string{}
				c.changed = append(c.changed, at)
			}
			if len(words) > 2 {
				c.changes[at][words[2]] = body + "\n"
			}
		default:
			at := c.at(words[0])
			if len(words) > 1 {
				c.files[at][words[1]] = body + "\n"
			}
		}
	}
	if !c.bare {
		c.at("acme/config@main")
		c.names = append([]string{"acme/config"}, slices.DeleteFunc(c.names, func(n string) bool { return n == "acme/config" })...)
		c.files[goldenBranch{"acme/config", c.branches["acme/config"][0]}]["zuul.d/0.yaml"] = goldenStandard
	}
}

// at is "project@branch".
func (c *goldenCase) at(text string) goldenBranch {
	project, branch, _ := strings.Cut(text, "@")
	c.add(project)
	at := goldenBranch{project, branch}
	if c.files[at] == nil {
		c.files[at] = map[string]string{}
		c.branches[project] = append(c.branches[project], branch)
	}
	return at
}

func (c *goldenCase) add(project string) {
	if !slices.Contains(c.names, project) {
		c.names = append(c.names, project)
	}
}

// tenantText is the tenant file. Projects whose name has "config" are trusted.
func (c *goldenCase) tenantText() string {
	if c.tenantFile != "" {
		return c.tenantFile
	}
	text := "- tenant:\n    name: acme\n"
	for line := range strings.Lines(c.options) {
		text += "    " + line
	}
	text = strings.TrimSuffix(text, "\n") + "\n    source:\n      gerrit:\n"
	for _, list := range []struct {
		key     string
		trusted bool
	}{{"config-projects", true}, {"untrusted-projects", false}} {
		some := slices.DeleteFunc(slices.Clone(c.names), func(name string) bool { return strings.Contains(name, "config") != list.trusted })
		if len(some) > 0 {
			text += "        " + list.key + ":\n"
		}
		for _, name := range some {
			text += fmt.Sprintf("          - %s: {%s}\n", name, c.project[name])
		}
	}
	return text
}

func (c *goldenCase) tenant() (*layout.Tenant, error) {
	file, errs := tenantfile.Parse([]byte(c.tenantText()))
	if len(errs) > 0 {
		return nil, fmt.Errorf("the tenant file has errors: %v", errs)
	}
	t, err := layout.NewTenant(&file.Tenants[0], goldenConnections)
	if err != nil {
		return nil, err
	}
	for _, p := range t.Projects {
		name := p.Name
		if c.branches[name] == nil {
			name = p.Canonical()
		}
		p.MergeModes = c.modes[name]
		for _, b := range c.branches[name] {
			at := goldenBranch{name, b}
			branch := layout.Branch{Name: b, Files: goldenFiles(c.files[at])}
			if why := c.unreadable[at]; why != "" {
				branch.Unreadable = []string{why}
			}
			p.Branches = append(p.Branches, branch)
		}
	}
	return t, nil
}

func goldenFiles(files map[string]string) (out []layout.File) {
	for _, path := range slices.Sorted(maps.Keys(files)) {
		out = append(out, layout.File{Path: path, File: configlang.Parse(files[path])})
	}
	return out
}

func TestGolden(t *testing.T) {
	now := map[string][]string{}
	for _, c := range goldenCases(t) {
		tenant, err := c.tenant()
		if err != nil {
			t.Fatalf("%s, %s: %v", c.file, c.title, err)
		}
		got := c.outcome(layout.Build(tenant))
		now[c.file] = append(now[c.file], "# "+c.title+"\n"+c.text+"\n-----\n"+got+"\n")
		if *updateGolden {
			continue
		}
		t.Run(filepath.Base(c.file)+"/"+c.title, func(t *testing.T) {
			if diff := cmp.Diff(strings.Split(c.want, "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("the outcome changed (-want +got); -update accepts it:\n%s", diff)
			}
		})
	}
	if !*updateGolden {
		return
	}
	for file, cases := range now {
		if err := os.WriteFile(file, []byte(strings.Join(cases, "=====\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// outcome is the errors of the layout, then the answers to the questions.
func (c *goldenCase) outcome(l *layout.Layout) string {
	var b strings.Builder
	for _, e := range l.Errors() {
		goldenError(&b, e)
	}
	for _, q := range c.questions {
		fmt.Fprintf(&b, "> %s\n", q)
		c.answer(&b, l, strings.Fields(q))
	}
	if b.Len() == 0 {
		return "no errors"
	}
	return strings.TrimSpace(strings.ReplaceAll(b.String(), goldenHost, ""))
}

// goldenError shows severity, project, branch, file, line of the object, its
// kind and name, the name of the error; then the message; then the place, the
// hint and how often it is met.
func goldenError(b *strings.Builder, e *layout.Error) {
	b.WriteString(string(e.Severity))
	if o := e.Origin; o != nil {
		fmt.Fprintf(b, " %s@%s %s", o.Project.Canonical(), o.Branch, o.Path)
	}
	if e.Stanza.Kind != "" {
		fmt.Fprintf(b, ":%d %s %s", e.Stanza.Pos.Line, e.Stanza.Kind, e.Stanza.Name)
	}
	if e.Name != "" {
		fmt.Fprintf(b, " [%s]", e.Name)
	}
	if e.Further {
		b.WriteString(" (further)")
	}
	fmt.Fprintf(b, "\n  %s\n", strings.ReplaceAll(e.Message, "\n", "\n  "))
	if e.At != e.Stanza.Pos {
		fmt.Fprintf(b, "  at %d:%d %q\n", e.At.Line, e.At.Column, goldenMarked(e))
	}
	if e.Hint != "" {
		fmt.Fprintf(b, "  hint: %s\n", e.Hint)
	}
	if e.Uses > 1 {
		fmt.Fprintf(b, "  met %d times\n", e.Uses)
	}
}

func goldenMarked(e *layout.Error) string {
	if e.Origin == nil || e.Origin.File == nil {
		return ""
	}
	line, _ := e.Origin.File.Line(int(e.At.Line))
	runes := []rune(line)
	from := min(max(0, int(e.At.Column)-1), len(runes))
	return string(runes[from:min(len(runes), from+int(e.At.Width))])
}

// answer answers one question; README.md lists them.
func (c *goldenCase) answer(b *strings.Builder, l *layout.Layout, words []string) {
	before := l
	if words[0] == "changed" || words[0] == "proposed" {
		l = l.With(words[0] == "proposed", c.change()...)
		words = words[1:]
	}
	project := func(i int) *layout.Project {
		p := l.ProjectNamed(words[i])
		if p == nil {
			panic("no project " + words[i])
		}
		return p
	}
	switch words[0] {
	case "jobs", "all":
		in := jobgraph.Input{Pipeline: words[1]}
		full := words[0] == "all"
		for _, w := range words[2:] {
			switch {
			case strings.HasPrefix(w, "images="):
				in.Images = strings.Split(w[len("images="):], ",")
			case strings.HasPrefix(w, "triggering="):
				in.Triggering, _ = strconv.Atoi(w[len("triggering="):])
			default:
				in.Changes = append(in.Changes, goldenChange(l, w))
			}
		}
		if l != before {
			in.Ahead = before
		}
		goldenJobs(b, l, in, full)
	case "errors":
		for _, e := range l.Errors() {
			goldenError(b, e)
		}
	case "new":
		at := c.changed[0]
		for _, e := range layout.NewErrors(l, before, l.ProjectNamed(at.project).Canonical(), at.branch) {
			goldenError(b, e)
		}
	case "queue":
		q, ok := l.Queue(project(1).Canonical())
		fmt.Fprintf(b, "  %s: per-branch %v, circular %v, topics %v, shared %v\n", l.QueueName(project(1).Project, words[2]), q.PerBranch, q.AllowCircularDependencies, q.DependenciesByTopic, ok)
	case "merge-mode":
		fmt.Fprintf(b, "  %s\n", l.MergeMode(project(1).Canonical()))
	case "default-branch":
		fmt.Fprintf(b, "  %s\n", l.DefaultBranch(project(1)))
	case "semaphore":
		fmt.Fprintf(b, "  %d\n", l.SemaphoreMax(words[1]))
	case "pipelines":
		for _, p := range l.Pipelines() {
			fmt.Fprintf(b, "  %s %s %s\n", p.Name, p.Manager, strings.Join(p.Connections, " "))
		}
	case "takes-part":
		fmt.Fprintf(b, "  %v\n", l.InPipeline(project(1).Canonical(), words[2]))
	case "variants":
		for _, v := range l.Variants(words[1]) {
			fmt.Fprintf(b, "  %s#%d %s\n", v.Origin, v.Line(), v.BranchText())
		}
	default:
		panic("nobody knows how to answer " + words[0])
	}
}

func (c *goldenCase) change() (out []layout.Change) {
	for _, at := range c.changed {
		out = append(out, layout.Change{Project: goldenHost + at.project, Branch: at.branch, Files: goldenFiles(c.changes[at])})
	}
	return out
}

// goldenChange reads "project@branch:file,file", with a ref in place of the
// branch, "refs/tags/v1~branch~branch", and the branches that contain it.
func goldenChange(l *layout.Layout, word string) jobgraph.Change {
	word, files, some := strings.Cut(word, ":")
	name, ref, _ := strings.Cut(word, "@")
	ch := jobgraph.Change{Project: l.ProjectNamed(name).Project, Ref: layout.Ref{Branch: ref}}
	if strings.HasPrefix(ref, "refs/") {
		parts := strings.Split(ref, "~")
		ch.Ref = layout.Ref{Name: parts[0], Containing: parts[1:]}
	}
	if some {
		ch.Files = strings.Split(files, ",")
	}
	return ch
}

func goldenJobs(b *strings.Builder, l *layout.Layout, in jobgraph.Input, full bool) {
	if p := l.Pipeline(in.Pipeline); p != nil {
		in.PostReview = p.PostReview
	}
	g, err := jobgraph.Freeze(l, in)
	var broken *jobgraph.Error
	switch {
	case errors.As(err, &broken):
		fmt.Fprintf(b, "  %s: %s\n", broken.Kind, broken.Message)
		return
	case err != nil:
		fmt.Fprintf(b, "  %v\n", err)
		return
	case !g.Takes:
		b.WriteString("  takes no part\n")
	}
	if g.FailFast {
		b.WriteString("  fail-fast\n")
	}
	for _, j := range g.Jobs {
		fmt.Fprintf(b, "  %s\n", j.Name)
		if len(in.Changes) > 1 {
			fmt.Fprintf(b, "    of change: %d\n", j.Change)
		}
		if len(j.Others) > 0 {
			fmt.Fprintf(b, "    and of: %v\n", j.Others)
		}
		for _, a := range goldenAttrs(j, full) {
			fmt.Fprintf(b, "    %s: %s\n", a[0], a[1])
		}
	}
	for _, line := range g.Debug {
		fmt.Fprintf(b, "  | %s\n", line)
	}
}

// goldenAttrs are the attributes of a frozen job that are not the default.
func goldenAttrs(j *jobgraph.Job, full bool) (out [][2]string) {
	put := func(name, value string) { out = append(out, [2]string{name, value}) }
	when := func(set bool, name string, value any) {
		if set {
			put(name, fmt.Sprint(value))
		}
	}
	text := func(s *string, name string) {
		if s != nil {
			put(name, strconv.Quote(*s))
		}
	}
	number := func(i *int64, name string) {
		if i != nil {
			put(name, fmt.Sprint(*i))
		}
	}
	when(!j.Voting, "voting", false)
	when(j.HoldFollowingChanges, "hold-following-changes", true)
	when(j.Final, "final", true)
	when(j.Protected, "protected", true)
	when(j.PostReview, "post-review", true)
	when(!j.MatchOnConfigUpdates, "match-on-config-updates", false)
	number(j.Timeout, "timeout")
	number(j.PostTimeout, "post-timeout")
	when(j.Attempts != 3, "attempts", j.Attempts)
	text(j.SuccessMessage, "success-message")
	text(j.FailureMessage, "failure-message")
	text(j.OverrideBranch, "override-branch")
	text(j.OverrideCheckout, "override-checkout")
	when(j.AnsibleVersion != "9", "ansible-version", j.AnsibleVersion)
	if j.AnsibleSplitStreams != nil {
		put("ansible-split-streams", fmt.Sprint(*j.AnsibleSplitStreams))
	}
	when(j.Deduplicate != "auto", "deduplicate", j.Deduplicate)
	when(j.WorkspaceScheme != "golang", "workspace-scheme", j.WorkspaceScheme)
	when(j.WorkspaceCheckout != "true", "workspace-checkout", j.WorkspaceCheckout)
	when(j.ImageBuildName != "", "image-build-name", j.ImageBuildName)
	out = append(out, goldenLists(j)...)
	for _, x := range []struct {
		name string
		vars map[string]any
	}{{"vars", j.Vars}, {"extra-vars", j.ExtraVars}, {"host-vars", j.HostVars}, {"group-vars", j.GroupVars}} {
		when(len(x.vars) > 0, x.name, goldenJSON(x.vars))
	}
	out = append(out, goldenPlaybooks(j, full)...)
	if full {
		put("path", strings.Join(j.PathText(), ", "))
		put("uses", strings.Join(j.AffectedProjects(), " "))
	}
	return out
}

func goldenLists(j *jobgraph.Job) (out [][2]string) {
	put := func(name string, list []string) {
		if len(list) > 0 {
			out = append(out, [2]string{name, strings.Join(list, " ")})
		}
	}
	for i, ns := range j.NodeSets {
		name := "nodeset"
		if len(j.NodeSets) > 1 {
			name = fmt.Sprint("nodeset ", i+1)
		}
		if text := goldenNodes(ns); text != "" {
			put(name, []string{text})
		}
	}
	var dependencies, semaphores, projects, includes []string
	for _, d := range j.Dependencies {
		dependencies = append(dependencies, goldenMark(d.Name, d.Soft, "soft"))
	}
	for _, s := range j.Semaphores {
		semaphores = append(semaphores, goldenMark(s.Name, s.ResourcesFirst, "resources-first"))
	}
	for _, r := range j.RequiredProjects {
		name := goldenMark(r.Name, r.OverrideCheckout != "", r.OverrideCheckout)
		projects = append(projects, goldenMark(name, r.OverrideBranch != "", "branch "+r.OverrideBranch))
	}
	for _, iv := range j.IncludeVars {
		name := iv.Path + " of the change"
		if iv.Project != nil {
			name = iv.Path + " of " + iv.Project.Canonical()
		}
		includes = append(includes, goldenMark(goldenMark(name, !iv.Required, "optional"), !iv.UseRef, "no ref"))
	}
	put("dependencies", dependencies)
	put("semaphores", semaphores)
	put("required-projects", projects)
	put("include-vars", includes)
	put("tags", j.Tags)
	put("provides", j.Provides)
	put("requires", j.Requires)
	put("failure-output", j.FailureOutput)
	if j.AllowedProjects != nil {
		out = append(out, [2]string{"allowed-projects", strings.Join(j.AllowedProjects, " ")})
	}
	for _, x := range []struct {
		name string
		list []configlang.Matcher
	}{{"files", j.Files}, {"irrelevant-files", j.IrrelevantFiles}} {
		var texts []string
		for _, m := range x.list {
			if m.Negate {
				texts = append(texts, "not")
			}
			texts = append(texts, m.Regex.Pattern())
		}
		if x.list != nil {
			out = append(out, [2]string{x.name, strings.Join(texts, " ")})
		}
	}
	return out
}

func goldenMark(name string, is bool, how string) string {
	if is {
		return name + " (" + how + ")"
	}
	return name
}

func goldenNodes(ns *configlang.NodeSet) string {
	var words []string
	if ns.Name != "" {
		words = append(words, ns.Name)
	}
	for _, n := range ns.Nodes {
		words = append(words, strings.Join(n.Names, "+")+"="+n.Label)
	}
	for _, g := range ns.Groups {
		words = append(words, g.Name+":"+strings.Join(g.Nodes, "+"))
	}
	return strings.Join(words, " ")
}

func goldenPlaybooks(j *jobgraph.Job, full bool) (out [][2]string) {
	for _, x := range []struct {
		name string
		list []jobgraph.Playbook
	}{{"pre-run", j.PreRun}, {"run", j.Run}, {"post-run", j.PostRun}, {"cleanup-run", j.CleanupRun}} {
		for _, p := range x.list {
			text := fmt.Sprintf("%s of %s@%s", p.Path, p.Origin.Project.Canonical(), p.Origin.Branch)
			if len(p.Secrets) > 0 {
				var names []string
				for _, s := range p.Secrets {
					names = append(names, s.Alias)
				}
				text += ", secrets " + strings.Join(names, " ")
			}
			if len(p.Semaphores) > 0 {
				text += ", semaphores " + strings.Join(p.Semaphores, " ")
			}
			if p.Cleanup {
				text += ", cleanup"
			}
			if full {
				text += goldenNesting(p)
			}
			out = append(out, [2]string{x.name, text})
		}
	}
	return out
}

func goldenNesting(p jobgraph.Playbook) string {
	text := fmt.Sprintf(", level %d, roles", p.NestingLevel)
	for _, r := range p.Roles {
		text += " " + goldenMark(r.Project.Canonical()+":"+r.Name, r.Implicit, "implicit")
	}
	if p.Origin.Project.Trusted {
		text += ", trusted"
	}
	return text
}

func goldenJSON(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(b.String())
}
