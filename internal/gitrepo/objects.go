package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"github.com/gozer-dev/gozer/internal/model"
)

const (
	objectCacheBytes = 8 << 20
	// largeObject is streamed instead of read into memory.
	largeObject = 2 << 20
	// maxCommitBytes bounds a commit that is picked.
	maxCommitBytes = 1 << 20
)

// objectReader reads a mirror's objects in-process. go-git learns of packs
// when a storage is opened, so a fetch resets it. One reader at a time.
type objectReader struct {
	dir  string
	mu   sync.Mutex
	open *filesystem.Storage
}

func (o *objectReader) reset() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.open = nil
}

func (o *objectReader) with(read func(storer.EncodedObjectStorer) error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open == nil {
		o.open = filesystem.NewStorageWithOptions(
			osfs.New(o.dir, osfs.WithBoundOS()),
			cache.NewObjectLRU(objectCacheBytes),
			filesystem.Options{LargeObjectThreshold: largeObject})
	}
	err := read(o.open)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		o.open = nil
	}
	return err
}

// notFound turns go-git's word for it into ours.
func notFound(err error, p model.Project, id string) error {
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return &MissingError{Project: p.Canonical(), What: []string{id}}
	}
	return err
}

// TreeOf gives the tree of a commit. Git is asked, since go-git would first
// read the index of every pack, and this is on the way of every merge.
func (m *Mirror) TreeOf(ctx context.Context, commit string) (string, error) {
	if err := checkCommits(commit); err != nil {
		return "", err
	}
	in := strings.NewReader(commit + "^{tree}\n")
	out, _, err := m.run(ctx, command{args: []string{"cat-file", "--batch-check=%(objectname)"}, stdin: in})
	if err != nil {
		return "", err
	}
	tree := strings.TrimSpace(string(out))
	if checkCommits(tree) != nil {
		return "", &MissingError{Project: m.Project.Canonical(), What: []string{commit}}
	}
	return tree, nil
}

// ReadCommit reads a commit with its headers as they stand in the object.
func (m *Mirror) ReadCommit(commit string) (Commit, error) {
	if err := checkCommits(commit); err != nil {
		return Commit{}, err
	}
	var raw string
	err := m.objects.with(func(s storer.EncodedObjectStorer) error {
		o, err := s.EncodedObject(plumbing.CommitObject, plumbing.NewHash(commit))
		if err != nil {
			return err
		}
		if o.Size() > maxCommitBytes {
			return invalid(fmt.Errorf("commit %s is larger than %d bytes", commit, maxCommitBytes))
		}
		raw, err = readAll(o, maxCommitBytes)
		return err
	})
	if err != nil {
		return Commit{}, notFound(err, m.Project, commit)
	}
	return parseCommit(raw), nil
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
