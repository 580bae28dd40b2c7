package gitrepo

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gozer-dev/gozer/internal/gitrepo/gitrepotest"
	"github.com/gozer-dev/gozer/internal/mergeplan"
	"github.com/gozer-dev/gozer/internal/model"
)

func TestCheckProject(t *testing.T) {
	good := model.Project{Connection: "forge", Hostname: "forge.example", Name: "acme/api"}
	for name, tc := range map[string]struct {
		change func(*model.Project)
		ok     bool
	}{
		"good":                     {func(*model.Project) {}, true},
		"host with port":           {func(p *model.Project) { p.Hostname = "127.0.0.1:3000" }, true},
		"name with a leading dot":  {func(p *model.Project) { p.Name = "acme/.github" }, true},
		"deep":                     {func(p *model.Project) { p.Name = "a/b/c/d_e/~f+1" }, true},
		"letters of the world":     {func(p *model.Project) { p.Name = "größe/名" }, true},
		"parent":                   {func(p *model.Project) { p.Name = "../../etc" }, false},
		"parent inside":            {func(p *model.Project) { p.Name = "a/../b" }, false},
		"dot":                      {func(p *model.Project) { p.Name = "a/./b" }, false},
		"absolute":                 {func(p *model.Project) { p.Name = "/etc/passwd" }, false},
		"slash at the end":         {func(p *model.Project) { p.Name = "a/" }, false},
		"option":                   {func(p *model.Project) { p.Name = "--upload-pack=x" }, false},
		"option inside":            {func(p *model.Project) { p.Name = "a/-b" }, false},
		"NUL":                      {func(p *model.Project) { p.Name = "a\x00b" }, false},
		"newline":                  {func(p *model.Project) { p.Name = "a\nb" }, false},
		"backslash":                {func(p *model.Project) { p.Name = `a\..\b` }, false},
		"not UTF-8":                {func(p *model.Project) { p.Name = "a\xff" }, false},
		".git":                     {func(p *model.Project) { p.Name = "a/.git" }, false},
		".GIT inside":              {func(p *model.Project) { p.Name = "a/.GIT/hooks" }, false},
		"into another mirror":      {func(p *model.Project) { p.Name = "api.git/hooks" }, false},
		"lock":                     {func(p *model.Project) { p.Name = "a.lock" }, false},
		"empty":                    {func(p *model.Project) { p.Name = "" }, false},
		"too long":                 {func(p *model.Project) { p.Name = strings.Repeat("x", 300) }, false},
		"too many parts":           {func(p *model.Project) { p.Name = strings.Repeat("x/", 30) + "x" }, false},
		"host is parent":           {func(p *model.Project) { p.Hostname = ".." }, false},
		"host with a slash":        {func(p *model.Project) { p.Hostname = "a/b" }, false},
		"no host":                  {func(p *model.Project) { p.Hostname = "" }, false},
		"connection is parent":     {func(p *model.Project) { p.Connection = ".." }, false},
		"connection with a slash":  {func(p *model.Project) { p.Connection = "a/b" }, false},
		"connection is the lock's": {func(p *model.Project) { p.Connection = ".lock" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := good
			tc.change(&p)
			err := CheckProject(p)
			if (err == nil) != tc.ok {
				t.Fatalf("error %v, want ok = %v", err, tc.ok)
			}
			var invalid *InvalidError
			if err != nil && !errors.As(err, &invalid) {
				t.Errorf("%T is no InvalidError", err)
			}
			if tc.ok && !strings.HasPrefix(filepath.Clean(mirrorPath("/root", p)), "/root/forge/") {
				t.Errorf("leads to %s", mirrorPath("/root", p))
			}
		})
	}
}

func TestParseScope(t *testing.T) {
	for scope, ok := range map[string]bool{
		"acme/bs-1":         true,
		"acme/bs.1":         true,
		"acme":              false,
		"acme/":             false,
		"/bs":               false,
		"acme/bs/x":         false,
		"../bs":             false,
		"acme/..":           false,
		"acme/a..b":         false,
		"acme/-b":           false,
		"acme/b.lock":       false,
		"acme/refs heads":   false,
		"acme/refs\x00":     false,
		"ACME/bs":           false,
		"acme/refs/heads/x": false,
	} {
		t.Run(scope, func(t *testing.T) {
			if _, err := ParseScope(scope); (err == nil) != ok {
				t.Errorf("error %v, want ok = %v", err, ok)
			}
		})
	}
}

func TestRemoteCheck(t *testing.T) {
	for name, tc := range map[string]struct {
		remote    Remote
		allowFile bool
		ok        bool
	}{
		"https":                {Remote{URL: "https://forge.example/a"}, false, true},
		"http with password":   {Remote{URL: "http://forge.example/a", Username: "u", Password: "p"}, false, true},
		"credentials in URL":   {Remote{URL: "https://u:p@forge.example/a"}, false, false},
		"ssh":                  {Remote{URL: "ssh://forge.example/a"}, false, false},
		"ext":                  {Remote{URL: "ext::sh -c touch% /tmp/x"}, false, false},
		"option":               {Remote{URL: "--upload-pack=touch /tmp/x"}, false, false},
		"path":                 {Remote{URL: "/srv/git/a"}, false, false},
		"path in a test":       {Remote{URL: "/srv/git/a"}, true, true},
		"no host":              {Remote{URL: "https:///a"}, false, false},
		"header in a password": {Remote{URL: "https://h/a", Password: "x\r\nX: y"}, false, false},
		"not a URL":            {Remote{URL: "https://h/%zz:secret"}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			err := tc.remote.check(tc.allowFile)
			if (err == nil) != tc.ok {
				t.Errorf("error %v, want ok = %v", err, tc.ok)
			}
			if err != nil && strings.Contains(err.Error(), "u:p@") {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

// What is accepted as a ref name, git accepts too.
func TestRefNamesAreGitRefNames(t *testing.T) {
	accepted := 0
	rapid.Check(t, func(t *rapid.T) {
		ref := "refs/heads/" + rapid.StringMatching(`[-a@{}~^:?*.\\/ [ä]{1,6}(\.lock)?`).Draw(t, "branch")
		if mergeplan.CheckRef(ref) != nil {
			return
		}
		accepted++
		if out, err := gitrepotest.Try("/", "check-ref-format", ref); err != nil {
			t.Fatalf("git refuses %q: %v %s", ref, err, out)
		}
	})
	if accepted == 0 {
		t.Error("nothing was accepted: the test sees nothing")
	}
}
