package fakegithub

import "slices"

// read copies something of a pull request.
func read[T any](p *Pull, f func() T) T {
	p.Repo.s.mu.Lock()
	defer p.Repo.s.mu.Unlock()
	return f()
}

// Head is the commit that it proposes.
func (p *Pull) Head() string { return read(p, func() string { return p.head }) }

// State is "open", "closed" or "merged".
func (p *Pull) State() string {
	return read(p, func() string {
		switch {
		case p.merged:
			return "merged"
		case p.closed:
			return "closed"
		}
		return "open"
	})
}

// MergeCommit that was made when it was merged.
func (p *Pull) MergeCommit() string { return read(p, func() string { return p.mergeCommit }) }

// Labels are given in the order in which they were added.
func (p *Pull) Labels() []string { return read(p, func() []string { return slices.Clone(p.labels) }) }

// Comments are given oldest first.
func (p *Pull) Comments() []Comment { return read(p, func() []Comment { return values(p.comments) }) }

// Reviews are given oldest first.
func (p *Pull) Reviews() []Review { return read(p, func() []Review { return values(p.reviews) }) }

// Statuses of the head, in the order in which they were set.
func (p *Pull) Statuses() []Status {
	return read(p, func() []Status { return values(p.Repo.statuses[p.head]) })
}

// Checks of the head, oldest first.
func (p *Pull) Checks() []CheckRun {
	return read(p, func() []CheckRun { return values(p.Repo.checksOf(p.head)) })
}

// Pull by number.
func (r *Repo) Pull(number int) *Pull {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	return r.pull(number)
}

// Statuses of a commit, in the order in which they were set.
func (r *Repo) Statuses(sha string) []Status {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	return values(r.statuses[sha])
}

// Checks of a commit, oldest first.
func (r *Repo) Checks(sha string) []CheckRun {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	return values(r.checksOf(sha))
}

func (r *Repo) checksOf(sha string) []*CheckRun {
	var out []*CheckRun
	for _, c := range r.checks {
		if c.HeadSHA == sha {
			out = append(out, c)
		}
	}
	return out
}

func values[T any](list []*T) []T {
	out := make([]T, 0, len(list))
	for _, v := range list {
		out = append(out, *v)
	}
	return out
}
