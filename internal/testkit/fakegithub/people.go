package fakegithub

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

var errConflict = errors.New("it conflicts")

// CreateRepo makes a public repository of an organization, with files on its
// branch main. In each one ada is an administrator and bob may write; others may
// read, see Permission.
func (s *Server) CreateRepo(fullName string, files map[string]string) *Repo {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.createRepo(fullName, files)
	s.must(err)
	return r
}

func (s *Server) createRepo(fullName string, files map[string]string) (*Repo, error) {
	owner, name, ok := strings.Cut(fullName, "/")
	if !ok || s.find(fullName) != nil {
		return nil, fmt.Errorf("no name for a new repository: %s", fullName)
	}
	s.user(owner).kind = "Organization"
	r := s.emptyRepo(owner, name)
	if err := r.initialize(); err != nil {
		return nil, err
	}
	head, err := r.commit("ada", "first", files)
	if err != nil {
		return nil, err
	}
	return r, r.move("main", head)
}

func (s *Server) emptyRepo(owner, name string) *Repo {
	r := &Repo{s: s, id: s.id(), owner: owner, name: name, dir: filepath.Join(s.options.Dir, owner, name+".git"), defaultBranch: "main",
		methods: []string{"merge", "squash", "rebase"}, roles: map[string]string{"ada": "admin", "bob": "write"}, heads: map[string]string{},
		statuses: map[string][]*Status{}, protections: map[string]*Protection{}, labels: map[string]int64{}, createdAt: s.now(), updatedAt: s.now()}
	s.repos = append(s.repos, r)
	return r
}

// move puts a branch at a commit.
func (r *Repo) move(branch, sha string) error {
	if err := r.setRef("refs/heads/"+branch, sha); err != nil {
		return err
	}
	if sha == Zero {
		delete(r.heads, branch)
	} else {
		r.heads[branch] = sha
	}
	r.updatedAt = r.s.now()
	return nil
}

// SetPrivate hides the repository from those who have no role in it.
func (r *Repo) SetPrivate() { r.edit(func() { r.private = true }) }

// AllowMethods says how pull requests may be merged: "merge", "squash", "rebase".
func (r *Repo) AllowMethods(methods ...string) { r.edit(func() { r.methods = methods }) }

// Permission gives a user a role: "admin", "maintain", "write", "triage", "read" or "none".
func (r *Repo) Permission(login, role string) {
	r.edit(func() { r.s.user(login); r.roles[strings.ToLower(login)] = role })
}

// SetEmail is the public one of a user.
func (s *Server) SetEmail(login, email string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.user(login).email = email
}

func (r *Repo) edit(f func()) {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	f()
}

// Heads are the commits of all branches.
func (r *Repo) Heads() map[string]string {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	return maps.Clone(r.heads)
}

// Head is the commit of a branch.
func (r *Repo) Head(branch string) string { return r.Heads()[branch] }

// Git runs git in the repository, to look at it.
func (r *Repo) Git(args ...string) string {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	out, err := r.git("git", nil, args...)
	r.s.must(err)
	return out
}

// Push commits to a branch, which is made of main when it is not there.
func (r *Repo) Push(who, branch, message string, files map[string]string) string {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	before := r.heads[branch]
	parent := before
	if parent == "" {
		parent = r.heads[r.defaultBranch]
	}
	head, err := r.commit(who, message, files, parent)
	r.s.must(err)
	r.s.must(r.pushed(who, branch, head))
	return head
}

// CreateBranch makes a branch at a commit or branch.
func (r *Repo) CreateBranch(who, name, from string) {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	sha, err := r.git("git", nil, "rev-parse", "--verify", from+"^{commit}")
	r.s.must(err)
	r.s.must(r.pushed(who, name, sha))
}

// DeleteBranch deletes a branch.
func (r *Repo) DeleteBranch(who, name string) {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	r.s.must(r.pushed(who, name, Zero))
}

// pushed moves a branch, tells of it, and moves the heads of pull requests.
func (r *Repo) pushed(who, branch, sha string) error {
	before := r.heads[branch]
	if before == "" {
		before = Zero
	}
	if err := r.move(branch, sha); err != nil {
		return err
	}
	switch {
	case before == Zero:
		r.tellRef("create", who, branch)
	case sha == Zero:
		r.tellRef("delete", who, branch)
	}
	r.tellPush(who, "refs/heads/"+branch, before, sha)
	for _, base := range r.s.repos {
		for _, p := range base.pulls {
			if p.headRepo == r && p.headRef == branch && !p.closed {
				if err := p.moved(who, sha); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Opening is what a pull request is opened with. All of it may be left out.
type Opening struct {
	Title, Body string
	// Author is "ann" unless said, who has no more than read.
	Author string
	// Branch of the head; From is the commit or branch that it is made of.
	Branch, From string
	// Base branch, main unless said.
	Base string
	// Fork is the account in whose fork the branch is.
	Fork string
	// Files of the commit, and its message: the title, unless said.
	Files   map[string]string
	Message string
	Draft   bool
}

// Open opens a pull request with one commit.
func (r *Repo) Open(o Opening) *Pull {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	p, err := r.open(o)
	r.s.must(err)
	return p
}

func (r *Repo) open(o Opening) (*Pull, error) {
	r.next++
	orSo(&o.Author, "ann")
	orSo(&o.Base, r.defaultBranch)
	orSo(&o.Branch, fmt.Sprintf("topic-%d", r.next))
	orSo(&o.Title, fmt.Sprintf("Change %d", r.next))
	orSo(&o.Message, o.Title)
	orSo(&o.From, r.heads[o.Base])
	from, err := r.fork(o.Fork)
	if err != nil {
		return nil, err
	}
	head := from.heads[o.Branch]
	if head == "" || o.Files != nil {
		start := o.From
		if head != "" {
			start = head
		}
		if head, err = from.commit(o.Author, o.Message, o.Files, start); err != nil {
			return nil, err
		}
		if err := from.pushed(o.Author, o.Branch, head); err != nil {
			return nil, err
		}
	}
	now := r.s.now()
	p := &Pull{Number: r.next, Repo: r, id: r.s.id(), title: o.Title, body: o.Body, author: r.s.user(o.Author).login, draft: o.Draft,
		createdAt: now, updatedAt: now, headRepo: from, headRef: o.Branch, base: o.Base, baseCommit: r.heads[o.Base], tried: map[string]string{}}
	r.pulls = append(r.pulls, p)
	if err := p.setHead(head); err != nil {
		return nil, err
	}
	p.requestSuite()
	p.tell("pull_request", "opened", p.author, nil)
	return p, nil
}

func orSo(text *string, otherwise string) {
	if *text == "" {
		*text = otherwise
	}
}

// fork of an account, which is made when needed; without an account the repository itself.
func (r *Repo) fork(account string) (*Repo, error) {
	if account == "" {
		return r, nil
	}
	if f := r.s.find(account + "/" + r.name); f != nil {
		return f, f.fetchParent()
	}
	f := r.s.emptyRepo(account, r.name)
	f.parent = r
	if err := f.initialize(); err != nil {
		return nil, err
	}
	if _, err := f.git(account, nil, "fetch", "--quiet", r.dir, "+refs/heads/*:refs/heads/*"); err != nil {
		return nil, err
	}
	f.heads = maps.Clone(r.heads)
	return f, nil
}

// fetchParent brings a fork what its parent has by now, as whoever works on top of
// that does.
func (r *Repo) fetchParent() error {
	if r.parent == nil {
		return nil
	}
	_, err := r.git("git", nil, "fetch", "--quiet", r.parent.dir, "+refs/heads/*:refs/parent/*")
	return err
}

// setHead brings the head to the repository, and its ref there.
func (p *Pull) setHead(sha string) error {
	if p.headRepo != p.Repo {
		if _, err := p.Repo.git("git", nil, "fetch", "--quiet", p.headRepo.dir, "refs/heads/"+p.headRef); err != nil {
			return err
		}
	}
	p.head = sha
	return p.Repo.setRef(p.Ref(), sha)
}

// moved follows the branch of the head.
func (p *Pull) moved(who, sha string) error {
	if sha == Zero {
		return p.setOpen(who, false)
	}
	before := p.head
	if err := p.setHead(sha); err != nil {
		return err
	}
	p.updatedAt = p.Repo.s.now()
	p.requestSuite()
	p.tell("pull_request", "synchronize", who, Object{"before": before, "after": sha})
	if p.rules().dismissStale {
		for _, v := range slices.Clone(p.reviews) {
			if v.State == "APPROVED" {
				p.dismiss(v, "github-actions[bot]")
			}
		}
	}
	return nil
}

// Mergeability answers "unknown" so many times, as GitHub does while it works it out.
func (p *Pull) Mergeability(unknown int) { p.Repo.edit(func() { p.unknown = unknown }) }
