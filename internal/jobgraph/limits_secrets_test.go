package jobgraph

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/model"
)

// scriptWith is a playbook of a project, with some secrets.
func scriptWith(path string, trusted bool, secrets ...string) Playbook {
	p := &layout.Project{Project: model.Project{Hostname: "git.example", Name: "acme/x"}, Trusted: trusted}
	out := Playbook{Path: path, Origin: &layout.Origin{Project: p, Branch: "main"}}
	for _, name := range secrets {
		out.Secrets = append(out.Secrets, Secret{Alias: name, Project: p,
			Def: &layout.Def[configlang.Secret]{Value: &configlang.Secret{Name: name, Data: map[string]any{"password": configlang.Encrypted{Chunks: []string{"AAAA"}}}}}})
	}
	return out
}

// TestSecretsKept: what nobody has looked at does not run before a script that has secrets.
func TestSecretsKept(t *testing.T) {
	for name, tc := range map[string]struct {
		pre, run, post []Playbook
		want           string
	}{
		"before":          {pre: []Playbook{scriptWith("login.sh", true, "a")}, run: []Playbook{scriptWith("test.sh", false)}},
		"all trusted":     {pre: []Playbook{scriptWith("setup.sh", true)}, run: []Playbook{scriptWith("test.sh", true, "a")}, post: []Playbook{scriptWith("upload.sh", true, "b")}},
		"no secrets":      {run: []Playbook{scriptWith("test.sh", false)}, post: []Playbook{scriptWith("upload.sh", true)}},
		"after":           {run: []Playbook{scriptWith("test.sh", false)}, post: []Playbook{scriptWith("upload.sh", true, "a")}, want: "gives secrets to upload.sh, which runs after test.sh on the same node"},
		"after a pre-run": {pre: []Playbook{scriptWith("deps.sh", false)}, run: []Playbook{scriptWith("test.sh", true, "a")}, want: "gives secrets to test.sh, which runs after deps.sh on the same node"},
		"both":            {pre: []Playbook{scriptWith("login.sh", true, "a")}, run: []Playbook{scriptWith("test.sh", false)}, post: []Playbook{scriptWith("logout.sh", true, "a")}, want: "gives secrets to logout.sh, which runs after test.sh"},
	} {
		t.Run(name, func(t *testing.T) {
			err := SecretsKept([]*Job{{Name: "fine"}, {Name: "unit", PreRun: tc.pre, Run: tc.run, PostRun: tc.post}})
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.HasPrefix(err.Error(), "job unit "+tc.want)) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
}

// TestSecretsBounded: what is too much for a custom resource is refused in words, before it is one.
func TestSecretsBounded(t *testing.T) {
	many := func(n int) []string {
		var out []string
		for i := range n {
			out = append(out, fmt.Sprint("secret-", i))
		}
		return out
	}
	large := func(bytes int) Playbook {
		p := scriptWith("test.sh", true, "large")
		p.Secrets[0].Def.Value.Data["password"] = configlang.Encrypted{Chunks: []string{strings.Repeat("A", bytes)}}
		return p
	}
	for name, tc := range map[string]struct {
		run  []Playbook
		want string
	}{
		"as many as possible":       {run: []Playbook{scriptWith("a", true, many(32)...), scriptWith("b", true, many(64)[32:]...)}},
		"one more":                  {run: []Playbook{scriptWith("a", true, many(32)...), scriptWith("b", true, many(64)[32:]...), scriptWith("c", true, many(65)[64:]...)}, want: "job unit has 65 secrets; at most 64 are possible"},
		"too many for one playbook": {run: []Playbook{scriptWith("a", true, many(33)...)}, want: "job unit gives 33 secrets to a; at most 32 are possible"},
		"the same again":            {run: []Playbook{large(40 << 10), large(40 << 10), large(40 << 10)}},
		"too large":                 {run: []Playbook{large(64 << 10)}, want: "the secrets of job unit have 65564 bytes, encrypted as they are; at most 65536 are possible"},
	} {
		t.Run(name, func(t *testing.T) {
			j := &Job{Name: "unit", Attempts: 1, Run: tc.run, WorkspaceScheme: "golang", NodeSets: []*configlang.NodeSet{{Nodes: []configlang.Node{{Names: []string{"node"}}}}}}
			err := Runnable([]*Job{j})
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || err.Error() != tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
}
