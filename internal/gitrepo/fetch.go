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

	"github.com/gozer-dev/gozer/internal/mergeplan"
)

// Want is a commit and, if known, a ref of the remote that it was last seen at.
type Want struct {
	Commit, Ref string
	// Any kind of object will do: tags name others, too.
	Any bool
}

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

// Missing gives the wanted objects that are not in the mirror.
func (m *Mirror) Missing(ctx context.Context, wants []Want) ([]string, error) {
	missing, err := m.missing(ctx, wants)
	var out []string
	for _, w := range missing {
		out = append(out, w.Commit)
	}
	return sorted(out), err
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
		case kind != "commit" && !w.Any:
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
// kept for good, since they make fetches small, and so are tags ("t-"), which
// seldom move; changes ("c-") are swept.
func fetchedRef(ref string) string {
	kind := "c-"
	switch {
	case strings.HasPrefix(ref, "refs/heads/"):
		kind = "h-"
	case strings.HasPrefix(ref, "refs/tags/"):
		kind = "t-"
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
