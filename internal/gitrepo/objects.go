package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// maxCommitBytes bounds a commit that is read.
const maxCommitBytes = 1 << 20

// TreeOf gives the tree of a commit.
func (m *Mirror) TreeOf(ctx context.Context, commit string) (string, error) {
	c, err := m.ReadCommit(ctx, commit)
	return c.Tree, err
}

// ReadCommit reads a commit with its headers as they stand in the object.
func (m *Mirror) ReadCommit(ctx context.Context, commit string) (Commit, error) {
	if err := checkCommits(commit); err != nil {
		return Commit{}, err
	}
	kind, raw, err := m.read(ctx, commit, maxCommitBytes)
	switch {
	case errors.Is(err, errTooLarge):
		return Commit{}, invalid(err)
	case err != nil:
		return Commit{}, err
	case kind == "":
		return Commit{}, &MissingError{Project: m.Project.Canonical(), What: []string{commit}}
	case kind != "commit":
		return Commit{}, invalid(fmt.Errorf("%s is a %s, not a commit", commit, kind))
	}
	return parseCommit(string(raw)), nil
}

// read gives an object; its kind is empty when it is not there.
func (m *Mirror) read(ctx context.Context, id string, most int64) (kind string, content []byte, err error) {
	release, err := m.hold()
	if err != nil {
		return "", nil, err
	}
	kind, content, err = m.objects.read(ctx, id, most)
	release()
	return kind, content, m.judge(err)
}

// kind of an object; empty when it is not there.
func (m *Mirror) kind(ctx context.Context, id string) (string, error) {
	release, err := m.hold()
	if err != nil {
		return "", err
	}
	kind, err := m.objects.kind(ctx, id)
	release()
	return kind, m.judge(err)
}

func parseCommit(raw string) Commit {
	head, message, _ := strings.Cut(raw, "\n\n")
	c := Commit{Message: message}
	for line := range strings.SplitSeq(head, "\n") {
		key, value, _ := strings.Cut(line, " ")
		switch key {
		case "tree":
			c.Tree = value
		case "parent":
			c.Parents = append(c.Parents, value)
		case "author":
			c.Author = value
		case "committer":
			c.Committer = value
		case "encoding":
			c.Encoding = value
		}
	}
	return c
}
