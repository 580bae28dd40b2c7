package story

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
)

// People are the forge's users, and the secret of its webhooks.
type People struct {
	// Bot is Gozer's own account: it may write, and it alone may merge.
	Bot Gitea
	// Ann proposes changes from her forks. Bob may write, so that his approval counts.
	Ann, Bob Gitea
	// WebhookSecret is what webhooks are signed with.
	WebhookSecret string
}

// secrets are made once and kept.
type secrets struct {
	Passwords     map[string]string `json:"passwords"`
	Tokens        map[string]string `json:"tokens"`
	WebhookSecret string            `json:"webhookSecret"`
}

// PasswordFile has the users' passwords, for people who log in, and their tokens.
func (s *Settings) PasswordFile() string { return filepath.Join(s.Dir(), "passwords.json") }

func (s *Settings) readSecrets() (secrets, error) {
	out := secrets{Passwords: map[string]string{}, Tokens: map[string]string{}, WebhookSecret: rand.Text()}
	data, err := os.ReadFile(s.PasswordFile())
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &out)
	}
	if err != nil {
		return out, fmt.Errorf("%s: %w", s.PasswordFile(), err)
	}
	return out, nil
}

func (s *Settings) writeSecrets(x secrets) error {
	data, err := json.MarshalIndent(x, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.Dir(), 0o700); err != nil {
		return err
	}
	return os.WriteFile(s.PasswordFile(), append(data, '\n'), 0o600)
}

// ensureUser makes a user with a token. One that works is kept: Gozer would
// learn of another only after a while.
func (st *Stage) ensureUser(ctx context.Context, name string, x secrets) (Gitea, error) {
	as := Gitea{URL: st.Forge.URL, User: name, Token: x.Tokens[name]}
	if as.Works(ctx) {
		return as, nil
	}
	if x.Passwords[name] == "" {
		x.Passwords[name] = rand.Text()
	}
	if err := st.Forge.EnsureUser(ctx, name, x.Passwords[name]); err != nil {
		return as, err
	}
	token, err := st.Forge.NewToken(ctx, name, x.Passwords[name])
	as.Token, x.Tokens[name] = token, token
	return as, err
}

// setForge makes users, the organization and its repositories.
func (st *Stage) setForge(ctx context.Context) error {
	x, err := st.readSecrets()
	if err != nil {
		return err
	}
	st.WebhookSecret = x.WebhookSecret
	for user, to := range map[string]*Gitea{"gozer": &st.Bot, "ann": &st.Ann, "bob": &st.Bob} {
		if *to, err = st.ensureUser(ctx, user, x); err != nil {
			return err
		}
	}
	if err := st.writeSecrets(x); err != nil {
		return err
	}
	if err := st.Forge.EnsureOrg(ctx, Tenant); err != nil {
		return err
	}
	for _, repo := range []string{ConfigRepo, APIRepo, WebRepo} {
		if err := st.setRepo(ctx, repo); err != nil {
			return fmt.Errorf("%s: %w", repo, err)
		}
	}
	return nil
}

// setRepo makes a repository, and brings its fixed files up to date.
func (st *Stage) setRepo(ctx context.Context, repo string) error {
	made, err := st.Forge.EnsureRepo(ctx, Tenant, shortName(repo))
	if err != nil {
		return err
	}
	content, err := seed(repo)
	if err != nil {
		return err
	}
	if !made {
		maps.DeleteFunc(content, func(path, _ string) bool { return !owned(path) })
	}
	if err := st.furnish(ctx, repo, content); err != nil || repo == ConfigRepo {
		return err
	}
	return st.Ann.EnsureFork(ctx, repo)
}

// AddRepo makes a repository beside those of the story, which is used as they are.
func (st *Stage) AddRepo(ctx context.Context, repo string, content map[string]string) error {
	org, name, _ := strings.Cut(repo, "/")
	if err := st.Forge.EnsureOrg(ctx, org); err != nil {
		return err
	}
	if _, err := st.Forge.EnsureRepo(ctx, org, name); err != nil {
		return err
	}
	if err := st.furnish(ctx, repo, content); err != nil {
		return err
	}
	if err := st.Ann.EnsureFork(ctx, repo); err != nil {
		return err
	}
	return st.setHook(ctx, repo)
}

// furnish has a repository have files: Bob's approval counts there, and Gozer alone may merge.
func (st *Stage) furnish(ctx context.Context, repo string, content map[string]string) error {
	for _, user := range []string{st.Bot.User, st.Bob.User} {
		if err := st.Forge.AddCollaborator(ctx, repo, user); err != nil {
			return err
		}
	}
	if err := st.fillRepo(ctx, repo, content); err != nil {
		return err
	}
	return st.Forge.EnsureProtection(ctx, repo, "main", st.Bot.User)
}

// Mirror makes a repository whose main branch is what a local one has at its HEAD.
func (st *Stage) Mirror(ctx context.Context, repo, dir string) error {
	if _, err := st.Forge.EnsureRepo(ctx, Tenant, shortName(repo)); err != nil {
		return err
	}
	if err := st.Forge.AddCollaborator(ctx, repo, st.Bot.User); err != nil {
		return err
	}
	w := &worktree{dir: dir, repo: repo, as: st.Bot}
	return w.push(ctx, repo, "HEAD:refs/heads/main")
}

// fillRepo has the main branch of a repository have these files.
func (st *Stage) fillRepo(ctx context.Context, repo string, content map[string]string) error {
	w, err := clone(ctx, st.Bot, repo)
	if err != nil {
		return err
	}
	defer w.remove()
	changed, err := w.write(ctx, content)
	if err != nil || !changed {
		return err
	}
	if err := w.commit(ctx, "main", "Set the stage", nil); err != nil {
		return err
	}
	return w.push(ctx, repo, "main")
}

// setHooks points the webhooks of all repositories to Gozer.
func (st *Stage) setHooks(ctx context.Context) error {
	for _, repo := range []string{ConfigRepo, APIRepo, WebRepo} {
		if err := st.setHook(ctx, repo); err != nil {
			return err
		}
	}
	return nil
}

func (st *Stage) setHook(ctx context.Context, repo string) error {
	return st.Forge.EnsureHook(ctx, repo, cmp.Or(st.HookURL, st.WebURL)+HookPath, st.WebhookSecret)
}

// HookPath is where gozer-web takes the webhooks of the Connection gitea.
const HookPath = "/api/connection/gitea/payload"
