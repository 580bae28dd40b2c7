package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gozer-dev/gozer/internal/model"
)

// cmdOpen is "open CHANGE [branch=] [files=] [needs=] [draft=true] [<<EOF]".
func (p *player) cmdOpen(c command) error {
	project, text, _ := strings.Cut(c.arg(0), "#")
	at, err := p.projectNamed(project)
	if err != nil {
		return err
	}
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return err
	}
	branch := c.options["branch"]
	if branch == "" {
		branch = "main"
	}
	change := &model.Change{
		Project: at, Number: number, Patchset: "1", Ref: fmt.Sprintf("refs/pull/%d/head", number), Branch: branch,
		URL: fmt.Sprintf("https://%s/%s/pulls/%d", at.Hostname, at.Name, number), Open: true, Draft: c.options["draft"] == "true",
	}
	p.host.changes[change.Key()] = change
	p.host.opened = append(p.host.opened, change.Key())
	change.Head = rev(*change)
	p.host.files[rev(*change)] = filesOf(c)
	if err := p.describe(change, c); err != nil {
		return err
	}
	p.emit(about(change, "pull_request", "opened"))
	return nil
}

// describe writes the change's description, in which it says what it needs.
func (p *player) describe(change *model.Change, c command) error {
	if _, ok := c.options["needs"]; !ok {
		return nil
	}
	change.Message = "A change.\n\n"
	for _, name := range c.list("needs") {
		url := name
		if !strings.Contains(name, "://") {
			project, number, _ := strings.Cut(name, "#")
			at, err := p.projectNamed(project)
			if err != nil {
				return err
			}
			url = fmt.Sprintf("https://%s/%s/pulls/%s", at.Hostname, at.Name, number)
		}
		change.Message += "Depends-On: " + url + "\n"
	}
	return nil
}

// cmdPatchset pushes a new version; its files are the old ones when none are named.
func (p *player) cmdPatchset(c command) error {
	change, err := p.change(c.arg(0))
	if err != nil {
		return err
	}
	files := filesOf(c)
	if len(files) == 0 {
		files = p.host.files[rev(*change)]
	}
	n, err := strconv.Atoi(change.Patchset)
	if err != nil {
		return err
	}
	change.Patchset = strconv.Itoa(n + 1)
	change.Head, change.Approvals = rev(*change), nil
	p.host.files[rev(*change)] = files
	if err := p.describe(change, c); err != nil {
		return err
	}
	p.emit(about(change, "pull_request", "changed"))
	return nil
}

// cmdEdit changes the description: "edit CHANGE needs=...".
func (p *player) cmdEdit(c command) error {
	change, err := p.change(c.arg(0))
	if err != nil {
		return err
	}
	if branch := c.options["branch"]; branch != "" {
		change.Branch = branch
	}
	if err := p.describe(change, c); err != nil {
		return err
	}
	p.emit(about(change, "pull_request", "edited"))
	return nil
}

// cmdApprove approves changes: "approve CHANGE... [by=] [permission=] [event=no]".
// Without an event nobody tells the gate: it finds the approval when it looks.
func (p *player) cmdApprove(c command) error {
	by, permission := c.options["by"], c.options["permission"]
	if by == "" {
		by = "ann"
	}
	if permission == "" {
		permission = "write"
	}
	for _, name := range c.args {
		change, err := p.change(name)
		if err != nil {
			return err
		}
		change.Approvals = append(slices.Clone(change.Approvals), model.Approval{By: by, Type: "approved", Permission: permission})
		e := about(change, "pull_request_review", "submitted")
		e.State = "approved"
		if c.options["event"] != "no" {
			p.emit(e)
		}
	}
	return nil
}

func (p *player) cmdUnapprove(c command) error {
	change, err := p.change(c.arg(0))
	if err != nil {
		return err
	}
	change.Approvals = nil
	e := about(change, "pull_request_review", "submitted")
	e.State = "changes_requested"
	p.emit(e)
	return nil
}

func (p *player) setOpen(c command, open bool, action string) error {
	for _, name := range c.args {
		change, err := p.change(name)
		if err != nil {
			return err
		}
		change.Open = open
		p.emit(about(change, "pull_request", action))
	}
	return nil
}

func (p *player) cmdClose(c command) error  { return p.setOpen(c, false, "closed") }
func (p *player) cmdReopen(c command) error { return p.setOpen(c, true, "reopened") }

func (p *player) cmdDraft(c command) error {
	change, err := p.change(c.arg(0))
	if err == nil {
		change.Draft = true
		p.emit(about(change, "pull_request", "edited"))
	}
	return err
}

func (p *player) cmdComment(c command) error {
	change, err := p.change(c.arg(0))
	if err != nil {
		return err
	}
	e := about(change, "pull_request", "comment")
	e.Comment = strings.Join(c.args[1:], " ")
	p.emit(e)
	return nil
}

// cmdMerge is a person who merges a change.
func (p *player) cmdMerge(c command) error {
	change, err := p.change(c.arg(0))
	if err != nil {
		return err
	}
	before := p.host.tips[ownBranch(*change)]
	if refused := p.host.merge(*change); refused != "" {
		return fmt.Errorf("%s", refused)
	}
	p.emitMerge(*change, before)
	return nil
}

func (p *player) cmdConflict(c command) error {
	p.host.conflicts = append(p.host.conflicts, [2]string{c.arg(0), c.arg(1)})
	return nil
}

// cmdRefuse is "refuse CHANGE words" and "accept CHANGE".
func (p *player) cmdRefuse(c command) error {
	p.host.refused[c.arg(0)] = strings.Join(c.args[1:], " ")
	return nil
}

// cmdEnqueue is a person who wants a change in a pipeline: "enqueue PIPELINE CHANGE [urgent=1]".
func (p *player) cmdEnqueue(c command) error {
	change, err := p.change(c.arg(1))
	if err != nil {
		return err
	}
	e := about(change, "enqueue", "")
	e.Pipeline, e.Patchset, e.Urgent = c.arg(0), "", c.options["urgent"] != ""
	p.emit(e)
	return nil
}

// cmdDequeue is a person who wants it out: "dequeue PIPELINE CHANGE".
func (p *player) cmdDequeue(c command) error {
	if err := p.settle(); err != nil {
		return err
	}
	for _, i := range p.unfinished() {
		if i.pipeline == c.arg(0) && i.live && slices.ContainsFunc(i.changes, func(x model.Change) bool { return changeName(x) == c.arg(1) }) {
			i.dequeue = "Dequeued by hand."
			if p.ledger != nil {
				p.ledger.dequeued = append(p.ledger.dequeued, Dequeued{i.pipeline, c.arg(1), i.dequeue})
			}
			p.touch("queue " + i.queue)
			return nil
		}
	}
	return fmt.Errorf("%s is not in %s", c.arg(1), c.arg(0))
}
