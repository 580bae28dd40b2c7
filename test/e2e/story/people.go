package story

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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

// PasswordFile has the users' passwords, for people who log in.
func (s *Settings) PasswordFile() string { return filepath.Join(s.Dir(), "passwords.json") }

// passwords of users are made once and kept.
func (s *Settings) passwords(names ...string) (map[string]string, error) {
	out := map[string]string{}
	data, err := os.ReadFile(s.PasswordFile())
	if err == nil {
		err = json.Unmarshal(data, &out)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", s.PasswordFile(), err)
	}
	for _, name := range names {
		if out[name] == "" {
			out[name] = rand.Text()
		}
	}
	if data, err = json.MarshalIndent(out, "", "  "); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.Dir(), 0o700); err != nil {
		return nil, err
	}
	return out, os.WriteFile(s.PasswordFile(), append(data, '\n'), 0o600)
}

const webhookSecretName = "webhook secret"

// setForge makes users, the organization and its repositories.
func (st *Stage) setForge(ctx context.Context) error {
	passwords, err := st.passwords("gozer", "ann", "bob", webhookSecretName)
	if err != nil {
		return err
	}
	st.WebhookSecret = passwords[webhookSecretName]
	for user, to := range map[string]*Gitea{"gozer": &st.Bot, "ann": &st.Ann, "bob": &st.Bob} {
		if *to, err = st.Forge.EnsureUser(ctx, user, passwords[user]); err != nil {
			return err
		}
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
	for _, user := range []string{st.Bot.User, st.Bob.User} {
		if err := st.Forge.AddCollaborator(ctx, repo, user); err != nil {
			return err
		}
	}
	if err := st.seedRepo(ctx, repo, made); err != nil {
		return err
	}
	if err := st.Forge.EnsureProtection(ctx, repo, "main", st.Bot.User); err != nil {
		return err
	}
	if repo == ConfigRepo {
		return nil
	}
	return st.Ann.EnsureFork(ctx, repo)
}

func (st *Stage) seedRepo(ctx context.Context, repo string, made bool) error {
	content, err := seed(repo)
	if err != nil {
		return err
	}
	if !made {
		for path := range content {
			if !owned(path) {
				delete(content, path)
			}
		}
	}
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
	target := st.HookURL
	if target == "" {
		target = st.WebURL
	}
	for _, repo := range []string{ConfigRepo, APIRepo, WebRepo} {
		if err := st.Forge.EnsureHook(ctx, repo, target+HookPath, st.WebhookSecret); err != nil {
			return err
		}
	}
	return nil
}

// HookPath is where gozer-web takes the webhooks of the Connection gitea.
const HookPath = "/api/connection/gitea/payload"
