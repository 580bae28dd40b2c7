package scenario

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gozer-dev/gozer/internal/model"
)

// player carries out the commands of a story.
type player struct {
	*world
	// running says that the gate was started: what happens from then on makes events.
	running  bool
	declared bool
	shown    []string
	// ledger of a mirror; nil when there is none.
	ledger *ledger
}

// defaults of stories that do not say otherwise.
const (
	defaultPipelines = `
- pipeline:
    name: check
    manager: independent
    trigger:
      gitea: &new
        - {event: pull_request, action: [opened, changed, reopened]}
        - {event: pull_request, action: comment, comment: "(?i)^\\s*recheck"}
      other: *new
    success: &comment {gitea: {comment: true}, other: {comment: true}}
    failure: *comment
- pipeline:
    name: gate
    manager: dependent
    post-review: true
    supercedes: check
    trigger:
      gitea: &approved {event: pull_request_review, action: submitted, state: approved}
      other: *approved
    require:
      gitea: &reviewed {open: true, current-patchset: true, review: [{type: approved, permission: write}]}
      other: *reviewed
    success: {gitea: {comment: true, merge: true}, other: {comment: true, merge: true}}
    failure: *comment
`
	defaultJobs = `
- nodeset: {name: one, nodes: [{name: node, label: debian}]}
- job: {name: base, parent: null, nodeset: one}
- job: {name: unit, run: ci/unit.sh}
- job: {name: lint, run: ci/lint.sh}
- job: {name: deploy, run: ci/deploy.sh}
`
	// Projects of the gate alone, two of which share a queue, and two that are checked as well.
	defaultProjects = `
- queue: {name: integrated}
- project: {name: api, queue: integrated, gate: {jobs: [unit]}}
- project: {name: web, queue: integrated, gate: {jobs: [unit]}}
- project: {name: lib, gate: {jobs: [unit]}}
- project: {name: app, check: {jobs: [unit]}, gate: {jobs: [unit]}}
- project: {name: doc, check: {jobs: [unit]}, gate: {jobs: [unit]}}
`
)

// begin sets up what a story finds.
func (p *player) begin() {
	config := p.declare(configProject, []string{"main"})
	p.host.push(model.BranchRef{Project: config, Branch: "main"}, map[string]string{
		"zuul.d/1.yaml": defaultPipelines, "zuul.d/2.yaml": defaultJobs, "zuul.d/3.yaml": defaultProjects,
	})
	for _, name := range []string{"api", "web", "lib", "app", "doc"} {
		p.declare(name, []string{"main"})
	}
}

// declare adds a project with its branches.
func (p *player) declare(name string, branches []string) model.Project {
	connection, path, ok := strings.Cut(name, ":")
	if !ok {
		connection, path = "gitea", name
	}
	project := model.Project{Connection: connection, Hostname: connections[connection].Hostname, Name: path}
	p.tenant.projects = append(p.tenant.projects, project)
	p.host.version++
	for _, branch := range branches {
		p.newBranch(model.BranchRef{Project: project, Branch: branch}, nil)
	}
	return project
}

func (p *player) newBranch(at model.BranchRef, tip []string) {
	p.host.version++
	p.host.branches = append(p.host.branches, at)
	p.host.tips[at] = slices.Clone(tip)
}

func (p *player) projectNamed(name string) (model.Project, error) {
	_, path, ok := strings.Cut(name, ":")
	if !ok {
		path = name
	}
	for _, at := range p.host.branches {
		if at.Project.Name == path {
			return at.Project, nil
		}
	}
	return model.Project{}, fmt.Errorf("no project %s", name)
}

// change finds "api#1".
func (p *player) change(name string) (*model.Change, error) {
	project, text, _ := strings.Cut(name, "#")
	at, err := p.projectNamed(project)
	if err != nil {
		return nil, err
	}
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%q is no change, as in api#1", name)
	}
	c := p.host.changes[model.ChangeKey{Project: at.Canonical(), Number: number}]
	if c == nil {
		return nil, fmt.Errorf("no change %s", name)
	}
	return c, nil
}

// do carries out one command.
func (p *player) do(c command) error {
	run := map[string]func(command) error{
		"project": p.cmdProject, "remove": p.cmdRemove, "tenant": p.cmdTenant,
		"pipelines": p.cmdConfig, "jobs": p.cmdConfig, "config": p.cmdConfig, "file": p.cmdFile,
		"push": p.cmdPush, "branch": p.cmdBranch,
		"open": p.cmdOpen, "push-patchset": p.cmdPatchset, "edit": p.cmdEdit,
		"approve": p.cmdApprove, "unapprove": p.cmdUnapprove, "close": p.cmdClose, "reopen": p.cmdReopen,
		"comment": p.cmdComment, "draft": p.cmdDraft, "merge": p.cmdMerge, "conflict": p.cmdConflict,
		"refuse": p.cmdRefuse, "accept": p.cmdRefuse, "enqueue": p.cmdEnqueue, "dequeue": p.cmdDequeue, "tick": p.cmdTick,
		"result": p.cmdResult, "fail": p.cmdResult, "retry": p.cmdResult, "flaky": p.cmdResult, "pass": p.cmdResult,
		"hold": p.cmdHold, "release": p.cmdRelease, "unhold": p.cmdUnhold, "nodes": p.cmdNodes, "relative-priority": p.cmdRelative,
		"settle": p.cmdSettle, "crash": p.cmdCrash, "show": p.cmdShow,
	}[c.name]
	if run == nil {
		return fmt.Errorf("no such command")
	}
	err := run(c)
	if c.options["maybe"] != "" {
		return nil // a random story does not know what is possible
	}
	return err
}

// settle lets everything come to rest, in the mirror as well.
func (p *player) settle() error {
	p.running = true
	if p.ledger == nil {
		p.world.settle()
		return nil
	}
	did := p.ledger.deeds(p.world)
	p.world.settle()
	p.ledger.told(p.world)
	return p.ledger.mirror(did, p.summary())
}

func (p *player) cmdSettle(command) error { return p.settle() }

func (p *player) cmdShow(c command) error {
	p.shown = append(p.shown, c.args...)
	return p.settle()
}

func (p *player) cmdCrash(c command) error {
	if after := c.options["after"]; after != "" {
		n, err := strconv.Atoi(after)
		p.dieAfter = n
		return err
	}
	p.crash()
	return nil
}

func (p *player) cmdNodes(c command) error {
	n, err := strconv.Atoi(c.arg(0))
	p.capacity = n
	return err
}

func (p *player) cmdRelative(command) error { p.relativePriority = true; return nil }

func (p *player) cmdHold(c command) error {
	pattern := c.arg(0)
	if pattern == "" {
		pattern = ".*"
	}
	re, err := regexp.Compile("^(?:" + pattern + ")$")
	p.holds = append(p.holds, re)
	return err
}

func (p *player) cmdUnhold(command) error { p.holds = nil; return nil }

// cmdRelease lets builds end that run and are held: all, those of a job, those for changes.
func (p *player) cmdRelease(c command) error {
	if err := p.settle(); err != nil {
		return err
	}
	re, err := regexp.Compile("^(?:" + c.arg(0) + ")$")
	if err != nil {
		return err
	}
	found := false
	for _, b := range p.store.builds {
		mine := len(c.args) < 2 || slices.ContainsFunc(c.args[1:], func(name string) bool { return has(b.own, name) })
		if b.running() && (c.arg(0) == "" || re.MatchString(b.job)) && mine {
			p.freed[b.name], found = true, true
			if p.ledger != nil {
				p.ledger.released = append(p.ledger.released, p.buildLine(b))
			}
		}
	}
	if !found {
		return fmt.Errorf("no build runs that is %v", c.args)
	}
	return nil
}

// cmdResult is "fail JOB [on CHANGE...] [with CHANGE...]", "result JOB RESULT ...",
// "retry JOB times=N ...", "flaky JOB times=N ..." and "pass JOB ...".
func (p *player) cmdResult(c command) error {
	re, err := regexp.Compile("^(?:" + c.arg(0) + ")$")
	if err != nil {
		return err
	}
	r := rule{job: re, result: model.Failure}
	rest := c.args[1:]
	switch c.name {
	case "result":
		r.result, rest = model.BuildResult(c.arg(1)), c.args[2:]
	case "pass":
		r.result = model.Success
	case "retry", "flaky":
		times, err := strconv.Atoi(c.options["times"])
		if err != nil {
			return err
		}
		if r.until = times + 1; c.name == "retry" {
			r.result = model.Retry
		}
	}
	to := &r.on
	for _, word := range rest {
		switch word {
		case "on":
			to = &r.on
		case "with":
			to = &r.with
		default:
			*to = append(*to, word)
		}
	}
	p.rules = append(p.rules, r)
	return nil
}
