package nodeagent

import (
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	defaultPath  = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	defaultShell = "/bin/sh"
	// unknownUser names a uid that the image does not know.
	unknownUser = "gozer"
)

// identity is who the sessions run as: always the container's own user.
type identity struct {
	name, home, shell string
	// env is the image's environment with HOME, PATH, SHELL, USER and LOGNAME.
	env []string
}

func currentIdentity(home string) identity {
	name, passwdHome := unknownUser, ""
	if u, err := user.LookupId(strconv.Itoa(os.Getuid())); err == nil {
		name, passwdHome = u.Username, u.HomeDir
	}
	self := ""
	if exe, err := os.Executable(); err == nil && filepath.Base(exe) == "gozer" {
		self = filepath.Dir(exe)
	}
	id := newIdentity(os.Environ(), name, passwdHome, home, self)
	if !isExecutable(id.shell) {
		id.shell = defaultShell
		id.env = setEnv(id.env, "SHELL", defaultShell)
	}
	return id
}

// newIdentity is pure; self is the directory of this program. Container runtimes set HOME=/ for users without an
// entry in /etc/passwd; that is no home.
func newIdentity(environ []string, name, passwdHome, home, self string) identity {
	env := append([]string(nil), environ...)
	if home == "" {
		home = firstHome(getEnv(env, "HOME"), passwdHome)
	}
	shell := getEnv(env, "SHELL")
	switch filepath.Base(shell) {
	case "nologin", "false":
		shell = ""
	}
	if !filepath.IsAbs(shell) {
		shell = defaultShell
	}
	path := getEnv(env, "PATH")
	if path == "" {
		path = defaultPath
	}
	if self != "" && !slices.Contains(filepath.SplitList(path), self) {
		path += string(filepath.ListSeparator) + self // for `gozer return`
	}
	for _, kv := range [][2]string{
		{"HOME", home}, {"PATH", path}, {"SHELL", shell}, {"USER", name}, {"LOGNAME", name},
	} {
		env = setEnv(env, kv[0], kv[1])
	}
	return identity{name: name, home: home, shell: shell, env: env}
}

func firstHome(candidates ...string) string {
	for _, h := range candidates {
		if filepath.IsAbs(h) && h != "/" && h != "/nonexistent" {
			return h
		}
	}
	return "/tmp"
}

func isExecutable(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0
}

func getEnv(env []string, name string) string {
	for i := len(env) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(env[i], name+"="); ok {
			return v
		}
	}
	return ""
}

func setEnv(env []string, name, value string) []string {
	out := make([]string, 0, len(env)+1)
	for _, kv := range env {
		if !strings.HasPrefix(kv, name+"=") {
			out = append(out, kv)
		}
	}
	return append(out, name+"="+value)
}

// validEnvName refuses what no shell could read back.
func validEnvName(name string) bool {
	for i, c := range []byte(name) {
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}
