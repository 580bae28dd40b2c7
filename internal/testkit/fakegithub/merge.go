package fakegithub

import (
	"fmt"
	"strings"
)

// merge does what one of the three buttons does.
func (p *Pull) merge(who, method, title, message string) error {
	commit, err := p.mergeCommitOf(who, method, title, message)
	if err != nil {
		return err
	}
	s := p.Repo.s
	before := p.Repo.heads[p.base]
	p.merged, p.closed, p.mergedBy, p.mergeCommit = true, true, s.user(who).login, commit
	p.baseCommit, p.updatedAt = before, s.now()
	p.closedAt = p.updatedAt
	s.merged = append(s.merged, p.Name())
	p.tell("pull_request", "closed", who, nil)
	return p.Repo.pushed(who, p.base, commit)
}

func (p *Pull) mergeCommitOf(who, method, title, message string) (string, error) {
	tip := p.Repo.heads[p.base]
	if method == "rebase" {
		return p.Repo.replay(who, tip, p.head)
	}
	tree, ok := p.Repo.mergeTree(tip, p.head)
	if !ok {
		return "", fmt.Errorf("%s: %w", p.Name(), errConflict)
	}
	parents := []string{tip}
	if method == "merge" {
		parents = append(parents, p.head)
		orSo(&title, fmt.Sprintf("Merge pull request #%d from %s/%s", p.Number, p.headRepo.owner, p.headRef))
		orSo(&message, p.title)
	} else {
		orSo(&title, fmt.Sprintf("%s (#%d)", p.title, p.Number))
	}
	return p.Repo.commitTree(who, strings.TrimSpace(title+"\n\n"+message), tree, parents...)
}
