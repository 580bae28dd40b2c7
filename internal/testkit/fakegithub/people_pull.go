package fakegithub

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Push adds a commit to the head.
func (p *Pull) Push(message string, files map[string]string) string {
	return p.push(message, files, func() string { return p.head })
}

// ForcePush replaces the commits of the head by one on top of the base branch.
func (p *Pull) ForcePush(message string, files map[string]string) string {
	return p.push(message, files, func() string { return p.Repo.heads[p.base] })
}

func (p *Pull) push(message string, files map[string]string, parent func() string) (head string) {
	p.Repo.edit(func() {
		p.Repo.s.must(p.headRepo.fetchParent())
		var err error
		head, err = p.headRepo.commit(p.author, message, files, parent())
		if errors.Is(err, errConflict) {
			err = fmt.Errorf("%s: %w", p.Name(), err)
		}
		p.Repo.s.must(err)
		p.Repo.s.must(p.headRepo.pushed(p.author, p.headRef, head))
	})
	return head
}

// Review reviews the head: "APPROVED", "CHANGES_REQUESTED" or "COMMENTED".
func (p *Pull) Review(who, state, body string) *Review {
	p.Repo.s.mu.Lock()
	defer p.Repo.s.mu.Unlock()
	return p.review(who, state, body, p.head)
}

func (p *Pull) review(who, state, body, commit string) *Review {
	s := p.Repo.s
	v := &Review{ID: s.id(), User: s.user(who).login, State: state, Body: body, Commit: commit, SubmittedAt: s.now()}
	p.reviews = append(p.reviews, v)
	p.updatedAt = s.now()
	if state != "PENDING" {
		p.tell("pull_request_review", "submitted", who, Object{"review": p.reviewObject(v, true)})
	}
	return v
}

// Dismiss takes a review's weight.
func (p *Pull) Dismiss(who string, v *Review) { p.Repo.edit(func() { p.dismiss(v, who) }) }

func (p *Pull) dismiss(v *Review, who string) {
	for _, own := range p.reviews {
		if own.ID == v.ID {
			own.State = "DISMISSED"
			p.tell("pull_request_review", "dismissed", who, Object{"review": p.reviewObject(own, true)})
		}
	}
}

// Comment comments.
func (p *Pull) Comment(who, body string) *Comment {
	p.Repo.s.mu.Lock()
	defer p.Repo.s.mu.Unlock()
	return p.comment(who, body)
}

func (p *Pull) comment(who, body string) *Comment {
	s := p.Repo.s
	c := &Comment{ID: s.id(), User: s.user(who).login, Body: body, CreatedAt: s.now(), UpdatedAt: s.now()}
	p.comments = append(p.comments, c)
	p.updatedAt = s.now()
	p.tell("issue_comment", "created", who, Object{"comment": p.commentObject(c), "issue": p.issueObject()})
	return c
}

// Thread opens a conversation about lines, resolved or not, and gives its number.
func (p *Pull) Thread(resolved bool) int {
	p.Repo.s.mu.Lock()
	defer p.Repo.s.mu.Unlock()
	p.threads = append(p.threads, resolved)
	return len(p.threads) - 1
}

// Resolve resolves a conversation.
func (p *Pull) Resolve(thread int) { p.Repo.edit(func() { p.threads[thread] = true }) }

// Label adds labels.
func (p *Pull) Label(who string, names ...string) {
	p.Repo.edit(func() { p.label(who, names...) })
}

func (p *Pull) label(who string, names ...string) {
	for _, name := range names {
		if slices.Contains(p.labels, name) {
			continue
		}
		p.labels = append(p.labels, name)
		p.updatedAt = p.Repo.s.now()
		p.tell("pull_request", "labeled", who, Object{"label": p.Repo.labelObject(name)})
	}
}

// Unlabel takes labels away.
func (p *Pull) Unlabel(who string, names ...string) {
	p.Repo.edit(func() {
		for _, name := range names {
			p.unlabel(who, name)
		}
	})
}

func (p *Pull) unlabel(who, name string) bool {
	i := slices.Index(p.labels, name)
	if i < 0 {
		return false
	}
	p.labels = slices.Delete(p.labels, i, i+1)
	p.updatedAt = p.Repo.s.now()
	p.tell("pull_request", "unlabeled", who, Object{"label": p.Repo.labelObject(name)})
	return true
}

// Edit changes the text.
func (p *Pull) Edit(who, title, body string) {
	p.Repo.edit(func() {
		changes := Object{}
		if title != p.title {
			changes["title"] = Object{"from": p.title}
		}
		if body != p.body {
			changes["body"] = Object{"from": p.body}
		}
		p.title, p.body, p.updatedAt = title, body, p.Repo.s.now()
		p.tell("pull_request", "edited", who, Object{"changes": changes})
	})
}

// Retarget makes it a pull request to another branch.
func (p *Pull) Retarget(who, base string) {
	p.Repo.edit(func() {
		was := Object{"ref": Object{"from": p.base}, "sha": Object{"from": p.baseCommit}}
		p.base, p.baseCommit, p.updatedAt = base, p.Repo.heads[base], p.Repo.s.now()
		p.tell("pull_request", "edited", who, Object{"changes": Object{"base": was}})
	})
}

// Close closes without merging.
func (p *Pull) Close(who string) {
	p.Repo.edit(func() { p.Repo.s.must(p.setOpen(who, false)) })
}

// Reopen opens it again.
func (p *Pull) Reopen(who string) {
	p.Repo.edit(func() { p.Repo.s.must(p.setOpen(who, true)) })
}

func (p *Pull) setOpen(who string, open bool) error {
	if p.merged || p.closed != open {
		return fmt.Errorf("%s is not as it must be to be closed or opened", p.Name())
	}
	p.closed, p.updatedAt, p.closedAt = !open, p.Repo.s.now(), time.Time{}
	if open {
		p.tell("pull_request", "reopened", who, nil)
		return nil
	}
	p.closedAt = p.updatedAt
	p.tell("pull_request", "closed", who, nil)
	return nil
}

// SetDraft makes it a draft, or ready for review.
func (p *Pull) SetDraft(who string, draft bool) {
	p.Repo.edit(func() {
		p.draft, p.updatedAt = draft, p.Repo.s.now()
		if draft {
			p.tell("pull_request", "converted_to_draft", who, nil)
			return
		}
		p.tell("pull_request", "ready_for_review", who, nil)
	})
}

// Merge merges by hand, whatever the rules say: "merge", "squash" or "rebase".
func (p *Pull) Merge(who, method string) (commit string) {
	p.Repo.edit(func() {
		p.Repo.s.must(p.merge(who, method, "", ""))
		commit = p.mergeCommit
	})
	return commit
}

// Status sets a status of the head.
func (p *Pull) Status(who, context, state string) *Status {
	p.Repo.s.mu.Lock()
	defer p.Repo.s.mu.Unlock()
	return p.Repo.setStatus(p.head, Status{Context: context, State: state, Creator: who})
}

// Check sets a check of the head: a conclusion, or a status while there is none.
func (p *Pull) Check(app, name, conclusion string) *CheckRun {
	p.Repo.s.mu.Lock()
	defer p.Repo.s.mu.Unlock()
	c := CheckRun{Name: name, HeadSHA: p.head, App: app, Status: conclusion}
	if !slices.Contains([]string{"queued", "in_progress", "waiting", "requested", "pending"}, conclusion) {
		c.Status, c.Conclusion = "completed", conclusion
	}
	return p.Repo.setCheck(c)
}
