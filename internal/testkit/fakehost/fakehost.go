// Package fakehost is a code host for tests: changes in memory, repositories
// in real git on disk. It merges as a real host does, with its own commits.
package fakehost

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/gitrepo"
	"github.com/gozer-dev/gozer/internal/gitrepo/gitrepotest"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/model"
)

// Connection and Hostname of the fake.
const (
	Connection = "fake"
	Hostname   = "git.example"
)

// Host implements drivers.Host.
type Host struct {
	connection, hostname string

	mu      sync.Mutex
	repos   map[string]*gitrepotest.Repo
	changes map[string]*model.Change
	// opened are the changes in the order in which they were opened.
	opened []string
	// Merged lists what was merged, in order: "acme/api#1".
	merged   []string
	comments map[string][]string
	statuses map[string][]drivers.Status
	onCall   func(call string) error
	onMerge  func(c model.Change, before string)
	// refused says why changes are not merged.
	refused map[string]string
	marks   marks
}

var _ drivers.Host = (*Host)(nil)

// New makes an empty host.
func New() *Host { return At(Connection, Hostname) }

// At makes an empty host of a connection.
func At(connection, hostname string) *Host {
	return &Host{connection: connection, hostname: hostname,
		repos: map[string]*gitrepotest.Repo{}, changes: map[string]*model.Change{}, comments: map[string][]string{},
		statuses: map[string][]drivers.Status{}, refused: map[string]string{}, marks: newMarks()}
}

// Host implements the controllers' Hosts: there is one connection.
func (h *Host) Host(context.Context, string) (drivers.Host, error) { return h, nil }

// Connections implements the controllers' Hosts.
func (h *Host) Connections(context.Context, string) (map[string]layout.Connection, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return map[string]layout.Connection{h.connection: {Driver: cmp.Or(h.marks.driver, "gitea"), Hostname: h.hostname}}, nil
}

// Project of the host that New makes.
func Project(name string) model.Project { return New().project(name) }

func (h *Host) project(name string) model.Project {
	return model.Project{Connection: h.connection, Hostname: h.hostname, Name: name}
}

// Repo makes a repository with files on main.
func (h *Host) Repo(t testing.TB, name string, files map[string]string) *gitrepotest.Repo {
	t.Helper()
	r := gitrepotest.New(t)
	r.Commit("first", files)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.repos[name] = r
	return r
}

// Branch makes a branch of main.
func (h *Host) Branch(repo, name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.repos[repo].Git("branch", name, "main")
}

// Push commits to main, as a person who goes around the gate.
func (h *Host) Push(repo, message string, files map[string]string) string {
	return h.PushTo(repo, "main", message, files)
}

// PushTo commits to a branch.
func (h *Host) PushTo(repo, branch, message string, files map[string]string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if branch == "main" { // which is checked out
		return h.repos[repo].Commit(message, files)
	}
	return h.repos[repo].Change("refs/heads/"+branch, branch, message, files)
}

// Open opens a change that adds or replaces files on main.
func (h *Host) Open(repo string, number int64, title, body string, files map[string]string) model.Change {
	return h.OpenOn(repo, "main", number, title, body, files)
}

// OpenOn opens a change to a branch, or gives it a new version.
func (h *Host) OpenOn(repo, branch string, number int64, title, body string, files map[string]string) model.Change {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.repos[repo]
	ref := fmt.Sprintf("refs/pull/%d/head", number)
	head := r.Change(ref, branch, title, files)
	c := &model.Change{Project: h.project(repo), Number: number, Patchset: head, Head: head, Ref: ref, Branch: branch,
		URL: h.url(repo, number), Title: title, Message: body, Author: "ann", Open: true}
	if h.changes[key(repo, number)] == nil {
		h.opened = append(h.opened, key(repo, number))
	}
	h.changes[key(repo, number)] = c
	return *c
}

// Edit changes a change, for example its approvals or whether it is open.
func (h *Host) Edit(repo string, number int64, edit func(*model.Change)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	edit(h.changes[key(repo, number)])
}

// Approve gives a change a review.
func (h *Host) Approve(repo string, number int64) {
	h.Edit(repo, number, func(c *model.Change) {
		c.Approvals = []model.Approval{{By: "bob", Type: "approved", Permission: "write"}}
	})
}

// OnCall is asked before every call that writes; its error is the call's.
func (h *Host) OnCall(f func(call string) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.onCall = f
}

// OnMerge is told of every change that was merged, and where its branch was before.
func (h *Host) OnMerge(f func(c model.Change, before string)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.onMerge = f
}

// Refuse to merge a change; without words, do it again.
func (h *Host) Refuse(repo string, number int64, words string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refused[key(repo, number)] = words
}

func (h *Host) refuse(call string) error {
	if h.onCall == nil {
		return nil
	}
	return h.onCall(call)
}

// MergedOrder lists what was merged.
func (h *Host) MergedOrder() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.merged)
}

// Comments on a change.
func (h *Host) Comments(repo string, number int64) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.comments[key(repo, number)])
}

// AllComments by change: "acme/api#1".
func (h *Host) AllComments() map[string][]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := map[string][]string{}
	for k, list := range h.comments {
		out[k] = slices.Clone(list)
	}
	return out
}

// Statuses of a change, in the order in which they were set.
func (h *Host) Statuses(repo string, number int64) []drivers.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.statuses[key(repo, number)])
}

func key(repo string, number int64) string { return fmt.Sprintf("%s#%d", repo, number) }

// URL of a change of the host that New makes.
func URL(repo string, number int64) string { return New().url(repo, number) }

func (h *Host) url(repo string, number int64) string {
	return fmt.Sprintf("https://%s/%s/pulls/%d", h.hostname, repo, number)
}

var changeURL = regexp.MustCompile(`^https://([^/]+)/(.+)/pulls/(\d+)$`)

// ParseURL implements drivers.Changes.
func (h *Host) ParseURL(url string) (string, int64, bool) {
	m := changeURL.FindStringSubmatch(url)
	if len(m) < 4 || m[1] != h.hostname {
		return "", 0, false
	}
	n, err := strconv.ParseInt(m[3], 10, 64)
	return m[2], n, err == nil
}

// Change implements drivers.Changes.
func (h *Host) Change(_ context.Context, p model.Project, number int64) (model.Change, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.refuse("Change"); err != nil {
		return model.Change{}, err
	}
	c := h.changes[key(p.Name, number)]
	if c == nil {
		return model.Change{}, drivers.ErrNotFound
	}
	return h.marked(*c), nil
}

// Needing implements drivers.Changes: it gives all open changes of the projects.
func (h *Host) Needing(_ context.Context, _ model.Change, among []model.Project, _ time.Time) ([]model.Change, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.refuse("Needing"); err != nil {
		return nil, err
	}
	var out []model.Change
	for _, k := range h.opened {
		if c := h.changes[k]; c.Open && slices.Contains(among, c.Project) {
			out = append(out, model.Change{Project: c.Project, Number: c.Number, URL: c.URL, Message: c.Message, Open: true})
		}
	}
	return out, nil
}

// SetStatus implements drivers.Reporter.
func (h *Host) SetStatus(_ context.Context, c model.Change, s drivers.Status) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.refuse("SetStatus"); err != nil {
		return err
	}
	k := key(c.Project.Name, c.Number)
	h.statuses[k] = append(h.statuses[k], s)
	return nil
}

// Comment implements drivers.Reporter.
func (h *Host) Comment(_ context.Context, c model.Change, marker, body string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.refuse("Comment"); err != nil {
		return err
	}
	k := key(c.Project.Name, c.Number)
	for _, existing := range h.comments[k] {
		if strings.Contains(existing, marker) {
			return nil
		}
	}
	h.comments[k] = append(h.comments[k], body)
	return nil
}

// Merge implements drivers.Merger: a merge commit of its own on the branch.
func (h *Host) Merge(_ context.Context, c model.Change, _, message string) error {
	merged, before, tell, err := h.merge(c, message)
	if err == nil && tell != nil {
		tell(merged, before)
	}
	return err
}

func (h *Host) merge(c model.Change, message string) (merged model.Change, before string, tell func(model.Change, string), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.refuse("Merge"); err != nil {
		return merged, "", nil, err
	}
	k := key(c.Project.Name, c.Number)
	now := h.changes[k]
	switch {
	case now == nil:
		return merged, "", nil, drivers.ErrNotFound
	case h.refused[k] != "":
		return merged, "", nil, &drivers.RefusedError{Reason: h.refused[k]}
	case now.Head != c.Head:
		return merged, "", nil, drivers.ErrHeadMoved
	case now.Merged || !now.Open:
		return merged, "", nil, &drivers.RefusedError{Reason: "it is not open"}
	}
	if missing := h.missing(h.marked(*now)); len(missing) > 0 {
		return merged, "", nil, &drivers.RefusedError{Reason: "required: " + strings.Join(missing, ", ")}
	}
	dir := h.repos[c.Project.Name].Dir
	if before, err = gitrepotest.Try(dir, "rev-parse", now.Branch); err != nil {
		return merged, "", nil, err
	}
	tree, err := gitrepotest.Try(dir, "merge-tree", "--write-tree", now.Branch, now.Head)
	if err != nil {
		return merged, "", nil, &drivers.RefusedError{Reason: "it conflicts with " + now.Branch}
	}
	commit, err := gitrepotest.Try(dir, "commit-tree", tree, "-p", now.Branch, "-p", now.Head, "-m", "Merge "+k+"\n\n"+message)
	if err != nil {
		return merged, "", nil, err
	}
	for _, args := range [][]string{{"update-ref", "refs/heads/" + now.Branch, commit}, {"reset", "--quiet", "--hard"}} {
		if _, err := gitrepotest.Try(dir, args...); err != nil {
			return merged, "", nil, err
		}
	}
	now.Open, now.Merged, now.MergeCommit = false, true, commit
	h.merged = append(h.merged, k)
	return *now, before, h.onMerge, nil
}

// Commit is one of a branch: what it is called, and what it merged.
type Commit struct{ ID, Subject, Merged string }

// Commits of a branch, oldest first, without those that were merged into it.
func (h *Host) Commits(repo, branch string) ([]Commit, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	text, err := gitrepotest.Try(h.repos[repo].Dir, "log", "--first-parent", "--reverse", "--format=%H%x00%s%x00%P", branch)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, text)
	}
	var out []Commit
	for line := range strings.Lines(text) {
		fields := strings.Split(strings.TrimSpace(line), "\x00")
		c := Commit{ID: fields[0], Subject: fields[1]}
		if _, merged, ok := strings.Cut(fields[2], " "); ok {
			c.Merged = merged
		}
		out = append(out, c)
	}
	return out, nil
}

// Remote implements drivers.Host; git stores must allow file remotes.
func (h *Host) Remote(_ context.Context, p model.Project) (gitrepo.Remote, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.repos[p.Name]; r != nil {
		return gitrepo.Remote{URL: r.Dir}, nil
	}
	return gitrepo.Remote{URL: "/nonexistent/" + p.Name}, nil
}

// Whoami implements drivers.Host.
func (h *Host) Whoami(context.Context) (string, string, error) { return "gozer", "fake", nil }
