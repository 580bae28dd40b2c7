package gitrepo

import (
	"context"
	"fmt"
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

// ListRemoteBranches asks the remote, now.
func (m *Mirror) ListRemoteBranches(ctx context.Context, remote Remote) (RemoteBranches, error) {
	if err := remote.check(m.store.opts.AllowFile); err != nil {
		return RemoteBranches{}, invalid(err)
	}
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
