package gitrepo

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/gozer-dev/gozer/internal/mergeplan"
	"github.com/gozer-dev/gozer/internal/repostate"
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

// listTogether lists for all who wait.
func listTogether[T any](ctx context.Context, m *Mirror, r *round[T], list func(context.Context, Remote) (T, error)) {
	turn, err := m.store.network.turn(ctx, r.remote, false)
	askers := r.take()
	if err != nil {
		tell(askers, err)
		return
	}
	found, err := list(ctx, r.remote)
	turn(err)
	for _, a := range askers {
		a.answer, a.err = found, err
	}
}

func (m *Mirror) listBranches(ctx context.Context, remote Remote) (RemoteBranches, error) {
	out, err := m.lsRemote(ctx, remote, "--symref", "HEAD", "refs/heads/*")
	if err != nil {
		return RemoteBranches{}, err
	}
	return parseBranches(out)
}

// ListRemoteRefs asks the remote, now, for its branches and tags, as
// ListRemoteBranches does. The result must not be changed: others have the same.
func (m *Mirror) ListRemoteRefs(ctx context.Context, remote Remote) (repostate.State, error) {
	if err := remote.check(m.store.opts.AllowFile); err != nil {
		return repostate.State{}, invalid(err)
	}
	return m.states.ask(ctx, remote, nil)
}

func (m *Mirror) listRefs(ctx context.Context, remote Remote) (repostate.State, error) {
	out, err := m.lsRemote(ctx, remote, "--symref", "HEAD", "refs/heads/*", "refs/tags/*")
	if err != nil {
		return repostate.State{}, err
	}
	branch, refs := "", make([]repostate.Ref, 0, bytes.Count(out, []byte{'\n'}))
	for _, line := range splitOutput(out, '\n') {
		value, ref, _ := strings.Cut(line, "\t")
		if target, symbolic := strings.CutPrefix(value, "ref: refs/heads/"); symbolic && ref == "HEAD" {
			branch = target
			continue
		}
		if tag, peeled := strings.CutSuffix(ref, "^{}"); peeled {
			if n := len(refs) - 1; n >= 0 && refs[n].Name == tag {
				refs[n].Peeled = value
			}
			continue
		}
		refs = append(refs, repostate.Ref{Name: ref, Object: value})
	}
	return repostate.New(m.Project, branch, refs), nil
}

// lsRemote asks the remote for refs that fit patterns; the first of them may be an option.
func (m *Mirror) lsRemote(ctx context.Context, remote Remote, patterns ...string) ([]byte, error) {
	if err := remote.check(m.store.opts.AllowFile); err != nil {
		return nil, invalid(err)
	}
	args := []string{"ls-remote", "--quiet"}
	if len(patterns) > 0 && strings.HasPrefix(patterns[0], "--") {
		args, patterns = append(args, patterns[0]), patterns[1:]
	}
	out, _, err := m.run(ctx, command{
		args:    append(append(args, "--end-of-options", remote.URL), patterns...),
		config:  remote.config(),
		redact:  remote.redact,
		timeout: m.store.opts.NetworkTimeout,
	})
	return out, err
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
	out, err := m.lsRemote(ctx, remote)
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
