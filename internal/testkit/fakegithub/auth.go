package fakegithub

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// appKey is made once per process: it takes a while.
var appKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// KeyPEM is the private key that GitHub gave the App's owner.
func (a App) KeyPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(a.key)})
}

// token is who asks.
type token struct {
	name         string // of its limits
	login        string // of a person, or the App's bot
	app          bool   // the App itself, by its key
	installation *Installation
	scopes       []string // of a person's token
	permissions  map[string]string
	repositories []int64 // all of the installation when nil
	expires      time.Time
	revoked      bool
}

func (t *token) expired(now time.Time) bool {
	return t.revoked || t.installation != nil && t.installation.removed || !t.expires.IsZero() && !now.Before(t.expires)
}

// sees says whether a repository is there for the token.
func (t *token) sees(r *Repo) bool {
	switch {
	case t.app:
		return false
	case t.installation == nil:
		return r.role(t.login) != "none"
	case t.repositories != nil && !slices.Contains(t.repositories, r.id):
		return false
	}
	return t.installation.suspended.IsZero() && t.installation.has(r)
}

// may says whether an App's token has a permission. A person's has all.
func (t *token) may(name, level string) bool {
	if t.installation == nil || name == "metadata" && level == "read" {
		return true
	}
	has := t.permissions[name]
	return has == "write" || has == "admin" || has == level && has != ""
}

// AllPermissions are what a gate needs of an installation.
func AllPermissions() map[string]string {
	return map[string]string{"metadata": "read", "contents": "write", "pull_requests": "write", "issues": "write", "statuses": "write",
		"checks": "write", "administration": "read", "members": "read", "workflows": "write"}
}

// Install installs the App for an account, with permissions (all that a gate
// needs when nil) and repositories (all of the account when none).
func (s *Server) Install(account string, permissions map[string]string, repos ...string) *Installation {
	s.mu.Lock()
	defer s.mu.Unlock()
	if permissions == nil {
		permissions = AllPermissions()
	}
	i := &Installation{s: s, ID: s.id(), Account: account, permissions: maps.Clone(permissions), selected: repos, createdAt: s.now()}
	s.user(account).kind = "Organization"
	s.installations = append(s.installations, i)
	s.tellInstallation(i, "created")
	return i
}

// Uninstall takes the App away.
func (i *Installation) Uninstall() {
	i.change("deleted", func() { i.removed = true })
}

// Suspend stops the App, or lets it go on.
func (i *Installation) Suspend(suspended bool) {
	if !suspended {
		i.change("unsuspend", func() { i.suspended = time.Time{} })
		return
	}
	i.change("suspend", func() { i.suspended = i.s.now() })
}

// SetPermissions are new ones that the account's owner accepted.
func (i *Installation) SetPermissions(permissions map[string]string) {
	i.change("new_permissions_accepted", func() { i.permissions = maps.Clone(permissions) })
}

func (i *Installation) change(action string, f func()) {
	i.s.mu.Lock()
	defer i.s.mu.Unlock()
	f()
	i.s.tellInstallation(i, action)
}

// Select gives the App these repositories and no others.
func (i *Installation) Select(repos ...string) {
	i.s.mu.Lock()
	defer i.s.mu.Unlock()
	was := i.s.visible(i)
	i.selected = append([]string{}, repos...)
	i.s.tellRepositories(i, was)
}

// Token of a person: what GitHub calls a classic personal access token. Its scope
// is "repo" unless others are given.
func (s *Server) Token(login string, scopes ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if scopes == nil {
		scopes = []string{"repo"}
	}
	return s.newToken("ghp_", &token{name: "user " + strings.ToLower(login), login: s.user(login).login, scopes: scopes})
}

func (s *Server) newToken(prefix string, t *token) string {
	random := make([]byte, 18)
	_, err := rand.Read(random)
	s.must(err)
	text := prefix + hex.EncodeToString(random)
	s.tokens[text] = t
	return text
}

// RevokeTokens makes all tokens that were given bad.
func (s *Server) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tokens {
		t.revoked = true
	}
}

// authenticate says who asks. The lock must be held.
func (s *Server) authenticate(r *http.Request) (*token, *failure) {
	kind, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch {
	case kind == "":
		return nil, problem(http.StatusUnauthorized, "Requires authentication")
	case !strings.EqualFold(kind, "bearer") && !strings.EqualFold(kind, "token"):
		return nil, problem(http.StatusUnauthorized, "Bad credentials")
	case strings.Count(value, ".") == 2:
		if err := s.verifyJWT(value); err != nil {
			return nil, problem(http.StatusUnauthorized, err.Error())
		}
		return &token{name: "app", app: true, login: s.bot()}, nil
	}
	t := s.tokens[value]
	switch {
	case t == nil || t.expired(s.now()):
		return nil, problem(http.StatusUnauthorized, "Bad credentials")
	case t.installation != nil && !t.installation.suspended.IsZero():
		return nil, problem(http.StatusForbidden, "This installation has been suspended")
	}
	return t, nil
}

// bot is the login of the App.
func (s *Server) bot() string { return s.App.Slug + "[bot]" }

// verifyJWT checks what the App signed, in GitHub's words.
func (s *Server) verifyJWT(text string) error {
	parts := strings.Split(text, ".")
	var header struct{ Alg, Typ string }
	var claims struct {
		Iss      any
		Iat, Exp json.Number
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || part(parts[0], &header) != nil || part(parts[1], &claims) != nil || header.Alg != "RS256" {
		return errors.New("A JSON web token could not be decoded") //nolint:staticcheck // GitHub's words
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if rsa.VerifyPKCS1v15(&s.App.key.PublicKey, crypto.SHA256, sum[:], signature) != nil {
		return errors.New("A JSON web token could not be decoded") //nolint:staticcheck // GitHub's words
	}
	return s.verifyClaims(claims.Iss, claims.Iat, claims.Exp)
}

func (s *Server) verifyClaims(iss any, iatText, expText json.Number) error {
	issuer, _ := iss.(string)
	if number, ok := iss.(json.Number); ok {
		issuer = number.String()
	}
	iat, badIat := iatText.Int64()
	exp, badExp := expText.Int64()
	now := s.now().Unix()
	switch {
	case issuer != strconv.FormatInt(s.App.ID, 10) && issuer != s.clientID():
		return errors.New("'Issuer' claim ('iss') must be an Integer") //nolint:staticcheck // GitHub's words
	case badIat != nil || iat > now+5:
		return errors.New("'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued")
	case badExp != nil || exp <= now:
		return errors.New("'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires")
	case exp > now+600 || exp-iat > 600+60:
		return errors.New("'Expiration time' claim ('exp') is too far in the future")
	}
	return nil
}

func (s *Server) clientID() string { return "Iv1." + s.App.Slug }

func part(text string, out any) error {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return err
	}
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.UseNumber()
	return d.Decode(out)
}
