package gitrepo

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/gozer-dev/gozer/internal/mergeplan"
)

// RemoteBranches are the branches of a remote at one moment.
type RemoteBranches struct {
	// Default is the branch that HEAD points to; empty when it does not say.
	Default string
	// Heads maps branch names to commits.
	Heads map[string]string
}

const maxBranches = 50_000

// ListRemoteBranches asks the remote, now. Those who ask while an answer is
// under way share the next one: none is older than its question.
func (m *Mirror) ListRemoteBranches(ctx context.Context, remote Remote) (RemoteBranches, error) {
	if err := remote.check(m.store.opts.AllowFile); err != nil {
		return RemoteBranches{}, invalid(err)
	}
	b, err := m.listings.ask(ctx, remote, nil)
	b.Heads = maps.Clone(b.Heads) // others have the same
	return b, err
}

func (m *Mirror) listRound(ctx context.Context, r *round[RemoteBranches]) {
	turn, err := m.store.network.turn(ctx, r.remote, false)
	askers := r.take()
	if err != nil {
		tell(askers, err)
		return
	}
	b, err := m.listBranches(ctx, r.remote)
	turn(err)
	for _, a := range askers {
		a.answer, a.err = b, err
	}
}

func (m *Mirror) listBranches(ctx context.Context, remote Remote) (RemoteBranches, error) {
	out, _, err := m.run(ctx, command{
		args:    []string{"ls-remote", "--quiet", "--symref", "--end-of-options", remote.URL, "HEAD", "refs/heads/*"},
		config:  remote.config(),
		redact:  remote.redact,
		timeout: m.store.opts.NetworkTimeout,
	})
	if err != nil {
		return RemoteBranches{}, err
	}
	return parseBranches(out)
}

func parseBranches(out []byte) (RemoteBranches, error) {
	b := RemoteBranches{Heads: map[string]string{}}
	for _, line := range splitOutput(out, '\n') {
		value, ref, ok := strings.Cut(line, "\t")
		if !ok {
			return b, fmt.Errorf("git ls-remote: strange line %q", clip(line))
		}
		if target, symbolic := strings.CutPrefix(value, "ref: refs/heads/"); symbolic && ref == "HEAD" {
			b.Default = target
		}
		branch, ok := strings.CutPrefix(ref, "refs/heads/")
		if !ok || mergeplan.CheckBranch(branch) != nil || mergeplan.CheckCommit(value) != nil {
			continue // names that would not be safe to hand on are left out
		}
		b.Heads[branch] = value
	}
	if len(b.Heads) > maxBranches {
		return b, fmt.Errorf("the repository has %d branches; %d is the most that is supported", len(b.Heads), maxBranches)
	}
	return b, nil
}

// ResolveRemote finds what names stand for on a remote: refs, branches, tags,
// or ids of commits, which are taken as they are.
func (m *Mirror) ResolveRemote(ctx context.Context, remote Remote, wanted []string) ([]Want, error) {
	if err := remote.check(m.store.opts.AllowFile); err != nil {
		return nil, invalid(err)
	}
	out, _, err := m.run(ctx, command{
		args:    []string{"ls-remote", "--quiet", "--end-of-options", remote.URL},
		config:  remote.config(),
		redact:  remote.redact,
		timeout: m.store.opts.NetworkTimeout,
	})
	if err != nil {
		return nil, err
	}
	refs := map[string]string{}
	for _, line := range splitOutput(out, '\n') {
		commit, ref, _ := strings.Cut(line, "\t")
		if peeled, ok := strings.CutSuffix(ref, "^{}"); ok {
			ref = peeled // an annotated tag comes first, the commit that it names after it
		}
		refs[ref] = commit
	}
	var found []Want
	for _, name := range wanted {
		w, ok := resolve(refs, name)
		if !ok {
			return nil, invalid(fmt.Errorf("%s has no ref, branch or tag %q, nor is that the id of a commit", remote, clip(name)))
		}
		found = append(found, w)
	}
	return found, nil
}

func resolve(refs map[string]string, name string) (Want, bool) {
	for _, ref := range []string{name, "refs/" + name, "refs/heads/" + name, "refs/tags/" + name} {
		if commit := refs[ref]; commit != "" && strings.HasPrefix(ref, "refs/") {
			return Want{Commit: commit, Ref: ref}, true
		}
	}
	return Want{Commit: name}, mergeplan.CheckCommit(name) == nil
}
