package gitea

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"time"

	"github.com/gozer-dev/gozer/hack/cluster/internal/layout"
)

// Admin is the name of the administrator.
const Admin = "gozer-admin"

// Credentials are how to reach Gitea and do everything there.
type Credentials struct {
	URL      string `json:"url"`
	User     string `json:"user"`
	Password string `json:"password"`
	Token    string `json:"token"` // for the API and, as the password, for git over HTTP
}

// HealthURL answers 200 when Gitea is ready.
func HealthURL(l layout.Layout) string { return l.GiteaURL() + "/api/healthz" }

// WriteConfig writes the configuration. An existing one is left alone: Gitea
// has added secrets to it.
func WriteConfig(l layout.Layout) error {
	if _, err := os.Stat(filepath.Join(shareDir(l), "templates")); err != nil {
		return fmt.Errorf("%w: build Gitea first (make gitea-up does)", err)
	}
	if err := os.MkdirAll(workDir(l), 0o700); err != nil {
		return err
	}
	if _, err := os.Stat(configFile(l)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	current, err := user.Current()
	if err != nil {
		return err
	}
	return os.WriteFile(configFile(l), Config(l, current.Username), 0o600)
}

// EnsureAdmin makes the administrator and its token, when there is none yet,
// and keeps both in files that only their owner may read. Gitea must be ready.
func EnsureAdmin(ctx context.Context, l layout.Layout) error {
	if _, err := os.Stat(CredentialsFile(l)); err == nil {
		return nil
	}
	c := Credentials{URL: l.GiteaURL(), User: Admin, Password: rand.Text()}
	if err := createUser(ctx, l, c); err != nil {
		return err
	}
	var err error
	if c.Token, err = createToken(ctx, c); err != nil {
		return err
	}
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(TokenFile(l), []byte(c.Token+"\n"), 0o600); err != nil {
		return err
	}
	return os.WriteFile(CredentialsFile(l), append(data, '\n'), 0o600)
}

// createUser has no API for the first user: Gitea's own command makes it.
func createUser(ctx context.Context, l layout.Layout, c Credentials) error {
	cmd := exec.CommandContext(ctx, filepath.Join(l.Bin, "gitea"), //nolint:gosec // built by this project
		"admin", "user", "create", "--config", configFile(l), "--work-path", workDir(l),
		"--admin", "--username", c.User, "--password", c.Password, "--email", c.User+"@gozer.invalid",
		"--must-change-password=false")
	cmd.Env = append(environment(l), "PATH="+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make Gitea's administrator: %w\n%s", err, out)
	}
	return nil
}

// createToken asks the API for a token that may do everything.
func createToken(ctx context.Context, c Credentials) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	body, err := json.Marshal(map[string]any{"name": "gozer", "scopes": []string{"all"}})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+"/api/v1/users/"+c.User+"/tokens", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.SetBasicAuth(c.User, c.Password)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusCreated {
		return "", fmt.Errorf("gitea refuses a token: %s: %s", resp.Status, data)
	}
	var token struct {
		SHA1 string `json:"sha1"`
	}
	if err := json.Unmarshal(data, &token); err != nil || token.SHA1 == "" {
		return "", fmt.Errorf("no token in Gitea's answer %q (%w)", data, err)
	}
	return token.SHA1, nil
}

// Remove deletes all data of Gitea.
func Remove(l layout.Layout) error {
	return errors.Join(os.RemoveAll(workDir(l)), os.RemoveAll(CredentialsFile(l)), os.RemoveAll(TokenFile(l)))
}
