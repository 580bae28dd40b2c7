package jobgraph_test

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/model"
)

var update = flag.Bool("update", false, "rewrite the expected outcome in testdata")

// TestFiles plays the cases in testdata/*.txt, which "=====" separates. A case
// is a title, repository files, commands, a line of dashes and the outcome:
//
//	-- config:acme/config@main:zuul.yaml --      a file of a config project
//	-- project:acme/api@main:.zuul.yaml --       a file of an untrusted project
//	-- proposed:acme/api@main:.zuul.yaml --      its content in a proposed change
//	-- commands --
//	tenant max-nodes=2 max-timeout=60 parent=base connections=git
//	jobs acme/api main gate changed=a.go,b.go    the frozen jobs
//	errors | new errors | queue acme/api main | merge-mode acme/api | counts
//
// Every case has the file testdata/common.yaml in its first config project.
func TestFiles(t *testing.T) {
	common, err := os.ReadFile("testdata/common.yaml")
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob("testdata/*.txt")
	if len(files) == 0 {
		t.Fatal("no cases in testdata")
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var now []string
		for c := range strings.SplitSeq(string(raw), "\n=====\n") {
			head, _, _ := strings.Cut(c, "\n-----")
			title, _, _ := strings.Cut(head, "\n")
			got := strings.TrimRight(head, "\n") + "\n-----\n" + play(t, head, string(common))
			now = append(now, got)
			t.Run(filepath.Base(file)+"/"+strings.TrimPrefix(title, "# "), func(t *testing.T) {
				if diff := gocmp.Diff(strings.TrimSpace(c), strings.TrimSpace(got)); diff != "" && !*update {
					t.Errorf("the outcome changed (-want +got); -update accepts it:\n%s", diff)
				}
			})
		}
		if *update {
			if err := os.WriteFile(file, []byte(strings.Join(now, "=====\n")), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

var section = regexp.MustCompile(`(?m)^-- (?:(config|project|proposed):([^@]+)@([^:]+):(\S+)|commands) --\n`)

// repo is one file of a case.
type repoFile struct{ kind, project, branch, path, content string }

func sections(text string) (files []repoFile, commands []string) {
	at := section.FindAllStringSubmatchIndex(text, -1)
	for i, m := range at {
		end := len(text)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		body := text[m[1]:end]
		if m[2] < 0 {
			commands = strings.Split(strings.TrimSpace(body), "\n")
			continue
		}
		files = append(files, repoFile{text[m[2]:m[3]], text[m[4]:m[5]], text[m[6]:m[7]], text[m[8]:m[9]], body})
	}
	return files, commands
}

func play(t *testing.T, text, common string) string {
	t.Helper()
	files, commands := sections(text)
	files = append([]repoFile{{"config", "acme/config", "main", "zuul.d/common.yaml", common}}, files...)
	tenant := layout.Tenant{Name: "acme", DefaultParent: "base", MaxNodesPerJob: 5, MaxJobTimeout: 10800, Connections: []string{"git"}}
	var out strings.Builder
	for _, c := range commands {
		if args, ok := strings.CutPrefix(c, "tenant "); ok {
			configure(t, &tenant, args)
		}
	}
	inForce := build(tenant, files, false)
	proposed := inForce
	if slices.ContainsFunc(files, func(f repoFile) bool { return f.kind == "proposed" }) {
		proposed = build(tenant, files, true)
	}
	for _, c := range commands {
		if strings.HasPrefix(c, "tenant ") {
			continue
		}
		out.WriteString("> " + c + "\n")
		run(t, &out, strings.Fields(c), inForce, proposed)
	}
	return out.String()
}

func configure(t *testing.T, tenant *layout.Tenant, args string) {
	t.Helper()
	for arg := range strings.FieldsSeq(args) {
		key, value, _ := strings.Cut(arg, "=")
		n, err := strconv.Atoi(value)
		switch key {
		case "max-nodes":
			tenant.MaxNodesPerJob = n
		case "max-timeout":
			tenant.MaxJobTimeout = int64(n)
		case "parent":
			tenant.DefaultParent, err = value, nil
		case "connections":
			tenant.Connections, err = strings.Split(value, ","), nil
		default:
			t.Fatalf("unknown setting %q", arg)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// projectOf reads "other.host/acme/api", or "acme/api" of the host "git".
func projectOf(name string) model.Project {
	if strings.Count(name, "/") == 2 {
		host, path, _ := strings.Cut(name, "/")
		return model.Project{Connection: host, Hostname: host, Name: path}
	}
	return model.Project{Connection: "git", Hostname: "git", Name: name}
}

func build(tenant layout.Tenant, files []repoFile, withProposed bool) *layout.Layout {
	var order []repoFile
	for _, f := range files {
		same := func(g repoFile) bool { return g.project == f.project && g.branch == f.branch && g.path == f.path }
		if i := slices.IndexFunc(order, same); f.kind != "proposed" {
			order = append(order, f)
		} else if withProposed && i >= 0 {
			order[i].content = f.content
		} else if withProposed {
			order = append(order, f)
		}
	}
	tenant.Projects = nil
	for _, f := range order {
		p := projectOf(f.project)
		i := slices.IndexFunc(tenant.Projects, func(q layout.Project) bool { return q.Project == p })
		if i < 0 {
			i = len(tenant.Projects)
			tenant.Projects = append(tenant.Projects, layout.Project{Project: p, Trusted: f.kind == "config", DefaultBranch: "main"})
		}
		q := &tenant.Projects[i]
		b := slices.IndexFunc(q.Branches, func(b layout.Branch) bool { return b.Name == f.branch })
		if b < 0 {
			b = len(q.Branches)
			q.Branches = append(q.Branches, layout.Branch{Name: f.branch})
		}
		q.Branches[b].Files = append(q.Branches[b].Files, &configlang.Source{Project: p.Canonical(), Branch: f.branch, Path: f.path, Content: f.content})
	}
	slices.SortStableFunc(tenant.Projects, func(a, b layout.Project) int { return -cmp.Compare(trust(a), trust(b)) })
	return layout.Build(tenant)
}

func trust(p layout.Project) int {
	if p.Trusted {
		return 1
	}
	return 0
}

func run(t *testing.T, out *strings.Builder, words []string, inForce, l *layout.Layout) {
	t.Helper()
	switch strings.Join(words[:1], "") {
	case "jobs":
		in := jobgraph.Input{Project: projectOf(words[1]), Branch: words[2], Pipeline: words[3]}
		if len(words) > 4 {
			in.ChangedFiles = strings.Split(strings.TrimPrefix(words[4], "changed="), ",")
		}
		jobs, err := jobgraph.Freeze(l, in)
		if err != nil {
			fmt.Fprintf(out, "refused: %v\n", err)
		}
		for _, j := range jobs {
			printJob(out, j)
		}
		if len(jobs) == 0 && err == nil {
			out.WriteString("no jobs\n")
		}
	case "errors":
		printErrors(out, l.Errors)
	case "new":
		printErrors(out, layout.NewErrors(l, inForce))
	case "queue":
		fmt.Fprintln(out, l.Queue(projectOf(words[1]), words[2]))
	case "merge-mode":
		fmt.Fprintln(out, l.MergeMode(projectOf(words[1])))
	case "in":
		fmt.Fprintln(out, l.InPipeline(projectOf(words[1]), words[2]))
	case "counts":
		projects, pipelines, jobs := l.Counts()
		fmt.Fprintf(out, "%d projects, %d pipelines, %d jobs\n", projects, pipelines, jobs)
	default:
		t.Fatalf("unknown command %q", words)
	}
}

func printErrors(out *strings.Builder, errs []configlang.Error) {
	for _, e := range errs {
		if e.Name != "" {
			fmt.Fprintf(out, "[%s] ", e.Name)
		}
		out.WriteString(e.Error() + "\n")
	}
	if len(errs) == 0 {
		out.WriteString("none\n")
	}
}

// printJob prints what differs from an ordinary job.
func printJob(out *strings.Builder, j jobgraph.Job) {
	out.WriteString(j.Name)
	if !j.Voting {
		out.WriteString(" non-voting")
	}
	if j.Attempts != 3 {
		fmt.Fprintf(out, " attempts=%d", j.Attempts)
	}
	if j.Timeout != 0 || j.PostTimeout != 0 {
		fmt.Fprintf(out, " timeout=%d/%d", j.Timeout, j.PostTimeout)
	}
	for _, d := range j.Dependencies {
		if d.Soft {
			fmt.Fprintf(out, " after?=%s", d.Name)
		} else {
			fmt.Fprintf(out, " after=%s", d.Name)
		}
	}
	out.WriteString("\n")
	playbooks := func(what string, ps []jobgraph.Playbook) {
		for _, p := range ps {
			trusted := ""
			if p.Trusted {
				trusted = " trusted"
			}
			fmt.Fprintf(out, "  %s %s from %s@%s%s\n", what, p.Path, p.Project, p.Branch, trusted)
		}
	}
	playbooks("pre", j.PreRun)
	playbooks("run", j.Run)
	playbooks("post", j.PostRun)
	for _, n := range j.Nodes {
		fmt.Fprintf(out, "  node %s: %s %s\n", n.Name, n.Label, strings.Join(n.Groups, " "))
	}
	for _, p := range j.RequiredProjects {
		fmt.Fprintf(out, "  with %s\n", p.Canonical())
	}
	if len(j.Vars) > 0 {
		raw, err := json.Marshal(j.Vars)
		if err != nil {
			raw = []byte(err.Error())
		}
		fmt.Fprintf(out, "  vars %s\n", raw)
	}
}
