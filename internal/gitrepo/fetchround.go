package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// fetchRound fetches for all who wait. A want that cannot be had fails only
// those who want it.
func (m *Mirror) fetchRound(ctx context.Context, r *round[bool]) {
	var turn func(error)
	var err error
	if left, _ := m.missingOf(ctx, r.waiting()); len(left) > 0 { // else the round before brought it
		turn, err = m.store.network.turn(ctx, r.remote, true)
	}
	askers, all := m.missingOf(ctx, r.take())
	if turn == nil && err == nil && len(askers) > 0 {
		turn, err = m.store.network.turn(ctx, r.remote, true)
	}
	if turn == nil {
		tell(askers, err)
		return
	}
	if len(askers) == 0 {
		turn(errNotAsked)
		return
	}
	askers[0].answer = true // one fetch is counted once
	first := m.isEmpty()
	if first {
		m.store.roomFor(m)
	}
	err = m.fetchMissing(ctx, r.remote, all)
	m.divide(ctx, r.remote, askers, err)
	turn(err)
	if first {
		m.store.roomFor(m)
	}
}

// divide gives each asker what became of its own wants.
func (m *Mirror) divide(ctx context.Context, remote Remote, askers []*asker[bool], err error) {
	var missing *MissingError
	switch {
	case err == nil || ofHost(err) || ofMirror(err):
		tell(askers, err)
	case errors.As(err, &missing):
		for _, a := range askers {
			a.err = m.lost(ctx, a.wants)
		}
	default:
		m.fetchEach(ctx, remote, askers, err)
	}
}

// fetchEach finds out which want spoils a fetch: the others can be had.
func (m *Mirror) fetchEach(ctx context.Context, remote Remote, askers []*asker[bool], err error) {
	_, all := m.missingOf(ctx, askers)
	failed := map[string]error{}
	for _, w := range all {
		if _, known := failed[w.Commit]; known {
			continue
		}
		if len(all) > 1 {
			err = m.fetchMissing(ctx, remote, []Want{w})
		}
		var refused *InvalidError
		if errors.As(err, &refused) {
			err = invalid(fmt.Errorf("%s: commit %s (%s) is not taken: %w", m.Project.Canonical(), w.Commit, w.Ref, err))
			m.refused.Put(w.Commit, refusal{err, m.store.opts.Now().Add(refusedFor)})
		}
		failed[w.Commit] = err
	}
	for _, a := range askers {
		for _, w := range a.wants {
			if a.err == nil {
				a.err = failed[w.Commit]
			}
		}
	}
}

// refusal is a commit that was fetched in vain: it is not fetched again for a
// while, for it may be gigabytes.
type refusal struct {
	err  error
	till time.Time
}

const (
	refusedFor = 10 * time.Minute
	maxRefused = 1_000
)

func (m *Mirror) refusedOf(wants []Want) error {
	for _, w := range wants {
		if r, ok := m.refused.Get(w.Commit); ok && m.store.opts.Now().Before(r.till) {
			return r.err
		}
	}
	return nil
}

func tell[T any](askers []*asker[T], err error) {
	for _, a := range askers {
		a.err = err
	}
}

// missingOf gives the askers who miss something, and all that they miss.
func (m *Mirror) missingOf(ctx context.Context, askers []*asker[bool]) (left []*asker[bool], all []Want) {
	for _, a := range askers {
		if a.wants, a.err = m.missing(ctx, a.wants); len(a.wants) > 0 {
			left = append(left, a)
			all = append(all, a.wants...)
		}
	}
	return left, all
}

// fetchMissing fetches what is missing, in the steps of Fetch.
func (m *Mirror) fetchMissing(ctx context.Context, remote Remote, wants []Want) error {
	for _, step := range []func(context.Context, Remote, []Want) error{m.fetchRefs, m.fetchCommits} {
		if err := step(ctx, remote, wants); err != nil {
			return err
		}
		var err error
		if wants, err = m.missing(ctx, wants); err != nil || len(wants) == 0 {
			return err
		}
	}
	return m.lost(ctx, wants)
}

// lost is the error of what could not be had.
func (m *Mirror) lost(ctx context.Context, wants []Want) error {
	missing, err := m.missing(ctx, wants)
	if err != nil || len(missing) == 0 {
		return err
	}
	e := &MissingError{Project: m.Project.Canonical()}
	for _, w := range missing {
		e.What = append(e.What, w.Commit)
	}
	e.What = sorted(e.What)
	return e
}
