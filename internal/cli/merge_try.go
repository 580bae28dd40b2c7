package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gozer-dev/gozer/internal/gitrepo"
	"github.com/gozer-dev/gozer/internal/mergeplan"
	"github.com/gozer-dev/gozer/internal/merger"
	"github.com/gozer-dev/gozer/internal/model"
)

func (e *env) mergeCommand(name string) *cobra.Command {
	c := &cobra.Command{
		Use: "merge", Short: "See how changes would merge",
		Example: fmt.Sprintf("  %s merge try --branch main topic-a topic-b", name),
		Args:    noArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(e.mergeTryCommand(name))
	return c
}

// mergeTry is what `gozerctl merge try` was asked.
type mergeTry struct {
	repo, branch, mode, token string
	refs                      []string
}

func (e *env) mergeTryCommand(name string) *cobra.Command {
	var t mergeTry
	c := &cobra.Command{
		Use:   "try --repo DIR|URL --branch B REF...",
		Short: "Say whether changes would merge, in this order",
		Long: `Say whether changes would merge into a branch, in this order, as a gate would merge them.

Nothing is changed: all is fetched into a folder that is deleted. Each REF is a ref of the repository
(refs/pull/7/head), a branch or tag of it, or the id of a commit that it gives out. One JSON line for each:
commit, tree and the files that the change touches, or the files that conflict and with which REF.

It ends with 0 when all merge, with 1 at the first that conflicts, and with 2 when it cannot be told.
A token for https is taken from the environment: GOZER_GIT_TOKEN.`,
		Example: fmt.Sprintf(`  %[1]s merge try --repo . --branch main topic-a topic-b
  %[1]s merge try --repo https://git.example/acme/api --branch main refs/pull/7/head refs/pull/9/head`, name),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("name the refs to merge, in order")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains(modeNames(), t.mode) {
				return usage("--mode %q does not exist; use one of %s", t.mode, strings.Join(modeNames(), ", "))
			}
			t.refs, t.token = args, os.Getenv("GOZER_GIT_TOKEN")
			err := e.mergeTry(c.Context(), t)
			if err != nil && !errors.Is(err, errFound) {
				return unusable(err)
			}
			return err
		},
	}
	fl := c.Flags()
	fl.StringVar(&t.repo, "repo", ".", "the repository: a folder, or an http or https URL")
	fl.StringVar(&t.branch, "branch", "main", "the branch to merge into")
	fl.StringVar(&t.mode, "mode", string(mergeplan.ModeMerge), "how: "+strings.Join(modeNames(), ", "))
	return c
}

func modeNames() []string {
	var out []string
	for _, m := range mergeplan.Modes() {
		out = append(out, string(m))
	}
	return out
}

// tried is one line of the answer.
type tried struct {
	Ref    string `json:"ref"`
	Merges bool   `json:"merges"`
	Commit string `json:"commit,omitempty"`
	Tree   string `json:"tree,omitempty"`
	// Files that the change touches.
	Files     []string `json:"files,omitempty"`
	Truncated bool     `json:"truncated,omitempty"`
	// Conflicts are the files that conflict; With those of the refs before that
	// touch them too, none when it conflicts with the branch itself.
	Conflicts []string `json:"conflicts,omitempty"`
	With      []string `json:"with,omitempty"`
	Message   string   `json:"message,omitempty"`
}

func (e *env) mergeTry(ctx context.Context, t mergeTry) error {
	root, err := os.MkdirTemp("", "gozerctl-merge-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(root) }()
	remote, err := t.remote()
	if err != nil {
		return err
	}
	store, err := gitrepo.NewStore(gitrepo.Options{Root: root, AllowFile: true})
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	project := model.Project{Connection: "try", Hostname: "repository", Name: "tried"}
	mirror, err := store.EnsureMirror(ctx, project)
	if err != nil {
		return err
	}
	heads, err := mirror.ResolveRemote(ctx, remote, t.refs)
	if err != nil {
		return err
	}
	req := mergeplan.Request{Extra: []model.BranchRef{{Project: project, Branch: t.branch}}}
	for n, h := range heads {
		req.Steps = append(req.Steps, mergeplan.Step{
			Change: model.Change{Project: project, Number: int64(n + 1), Head: h.Commit, Ref: h.Ref, Branch: t.branch, Title: t.refs[n]},
			// Commits have the time of the epoch: the same question has the same answer.
			Mode: mergeplan.Mode(t.mode), Time: time.Unix(0, 0).UTC(),
		})
	}
	result, err := merger.New(store, oneRemote{remote}).Prepare(ctx, merger.PrepareRequest{Request: req})
	if err != nil {
		return errors.New(strings.ReplaceAll(err.Error(), project.Canonical(), t.repo))
	}
	return e.printTried(t, result)
}

// remote of the repository that was named.
func (t mergeTry) remote() (gitrepo.Remote, error) {
	if strings.Contains(t.repo, "://") {
		r := gitrepo.Remote{URL: t.repo}
		if t.token != "" {
			r.Username, r.Password = "token", t.token
		}
		return r, nil
	}
	dir, err := filepath.Abs(t.repo)
	if err == nil {
		_, err = os.Stat(dir)
	}
	if err != nil {
		return gitrepo.Remote{}, fmt.Errorf("--repo: %w; give a folder with a git repository, or its http or https URL", err)
	}
	return gitrepo.Remote{URL: dir}, nil
}

// oneRemote is how every project is reached: there is one.
type oneRemote struct{ remote gitrepo.Remote }

// Remote implements merger.Remotes.
func (r oneRemote) Remote(context.Context, string, model.Project) (gitrepo.Remote, error) {
	return r.remote, nil
}

// printTried writes a line for each ref up to the first that conflicts.
func (e *env) printTried(t mergeTry, result mergeplan.Result) error {
	out := json.NewEncoder(e.Out)
	out.SetEscapeHTML(false)
	for n, step := range result.Steps {
		line := tried{Ref: t.refs[n], Merges: true, Commit: step.Commit, Tree: step.Tree, Files: step.ChangedFiles, Truncated: step.Truncated}
		if c := result.Conflict; c != nil && c.Step == n {
			line = tried{Ref: t.refs[n], Files: step.ChangedFiles, Truncated: step.Truncated, Conflicts: c.Files, Message: c.Message}
			// What comes first speaks of numbers and of a queue; then come git's words.
			if _, words, ok := strings.Cut(c.Message, "\n\n"); ok {
				line.Message = words
			}
			for _, other := range c.With {
				line.With = append(line.With, t.refs[other])
			}
		}
		if err := out.Encode(line); err != nil {
			return err
		}
	}
	if result.Conflict != nil {
		return errFound
	}
	return nil
}
