package gitrepo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gozer-dev/gozer/internal/mergeplan"
)

// Want is a commit and, if known, a ref of the remote that it was last seen at.
type Want struct{ Commit, Ref string }

const fetchedRefs = "refs/gozer/fetched/"

// Fetch makes sure that commits and all they are made of are in the mirror.
// It does not talk to the remote when nothing is missing, and says whether it did.
//
//  1. One fetch of the refs at which the missing commits were last seen: this
//     works with every server, and a ref that only moved on still brings them.
//  2. What is missing still was taken off its ref (a force-push); it is asked
//     for by its id, which most servers allow as long as they have it.
//  3. What is missing then is gone: a MissingError.
func (m *Mirror) Fetch(ctx context.Context, remote Remote, wants []Want) (bool, error) {
	if err := checkWants(wants); err != nil {
		return false, err
	}
	missing, err := m.missing(ctx, wants)
	if err != nil || len(missing) == 0 {
		return false, err
	}
	if err := remote.check(m.store.opts.AllowFile); err != nil {
		return false, invalid(err)
	}
	if err := m.refusedOf(missing); err != nil {
		return false, err
	}
	defer m.markUsed()
	return m.fetches.ask(ctx, remote, missing)
}

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

func checkWants(wants []Want) error {
	var errs []error
	for _, w := range wants {
		errs = append(errs, mergeplan.CheckCommit(w.Commit))
		if w.Ref != "" {
			errs = append(errs, mergeplan.CheckRef(w.Ref))
		}
	}
	return invalid(errors.Join(errs...))
}

// missing says which of the wanted commits are not in the mirror.
func (m *Mirror) missing(ctx context.Context, wants []Want) ([]Want, error) {
	var missing []Want
	for _, w := range wants {
		if _, ok := m.known.commits.Get(w.Commit); ok {
			continue // should the disk have lost it, reading finds out; see WasThere
		}
		kind, err := m.kind(ctx, w.Commit)
		switch {
		case err != nil:
			return nil, err
		case kind == "":
			missing = append(missing, w)
		case kind != "commit":
			return nil, invalid(fmt.Errorf("%s is a %s, not a commit", w.Commit, kind))
		}
	}
	return missing, nil
}

var noSuchRef = regexp.MustCompile(`couldn't find remote ref (\S+)`)

// fetchRefs fetches the refs of the wants, all in one fetch. Refs that are
// gone are left out; the remote names one at a time.
func (m *Mirror) fetchRefs(ctx context.Context, remote Remote, wants []Want) error {
	var refs []string
	for _, w := range wants {
		if w.Ref != "" {
			refs = append(refs, w.Ref)
		}
	}
	refs = sorted(refs)
	for len(refs) > 0 {
		specs := make([]string, 0, len(refs))
		for _, r := range refs {
			specs = append(specs, "+"+r+":"+fetchedRef(r))
		}
		err := m.fetch(ctx, remote, specs)
		gone := said(err, noSuchRef)
		if gone == "" || !slices.Contains(refs, gone) {
			return err
		}
		refs = slices.DeleteFunc(refs, func(r string) bool { return r == gone })
	}
	return nil
}

var notOurs = regexp.MustCompile(`(?:not our ref|unadvertised object|remote did not send all necessary objects:) ([0-9a-f]{40})`)

// fetchCommits asks for commits by id, without those that the remote refuses.
func (m *Mirror) fetchCommits(ctx context.Context, remote Remote, wants []Want) error {
	var ids []string
	for _, w := range wants {
		ids = append(ids, w.Commit)
	}
	ids = sorted(ids)
	for len(ids) > 0 {
		specs := make([]string, 0, len(ids))
		for _, id := range ids {
			specs = append(specs, id+":"+fetchedRefs+"s-"+id)
		}
		err := m.fetch(ctx, remote, specs)
		gone := said(err, notOurs)
		if gone == "" || !slices.Contains(ids, gone) {
			return err
		}
		ids = slices.DeleteFunc(ids, func(id string) bool { return id == gone })
	}
	return nil
}

// said finds in a failed command's words what it failed for.
func said(err error, pattern *regexp.Regexp) string {
	var ce *CommandError
	if !errors.As(err, &ce) {
		return ""
	}
	if found := pattern.FindStringSubmatch(ce.Stderr); found != nil {
		return found[1]
	}
	return ""
}

// fetchedRef is where a fetched ref is kept. A hash, because a remote may
// rename branch "a" to "a/b" and both may be known here. Branches ("h-") are
// kept for good, since they make fetches small; changes ("c-") are swept.
func fetchedRef(ref string) string {
	kind := "c-"
	if strings.HasPrefix(ref, "refs/heads/") {
		kind = "h-"
	}
	sum := sha256.Sum256([]byte(ref))
	return fetchedRefs + kind + hex.EncodeToString(sum[:20])
}

func (m *Mirror) fetch(ctx context.Context, remote Remote, specs []string) error {
	_, _, err := m.run(ctx, command{
		args: []string{
			"fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance",
			"--no-recurse-submodules", "--force", "--negotiation-tip=" + fetchedRefs + "h-*",
			"--stdin", "--end-of-options", remote.URL,
		},
		stdin:     strings.NewReader(strings.Join(specs, "\n") + "\n"),
		config:    append(remote.config(), configPair{"core.bigFileThreshold", "32m"}), // larger files are not held in memory
		redact:    remote.redact,
		timeout:   m.store.opts.NetworkTimeout,
		fileBytes: m.store.opts.MaxFetchBytes,
	})
	if err == nil {
		return nil
	}
	return m.store.refusedBy(err, m.removeUnfinished())
}
