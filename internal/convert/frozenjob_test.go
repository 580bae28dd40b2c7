package convert_test

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/secretcrypt"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// project of a tenant.
func project(name string, trusted bool) *layout.Project {
	return &layout.Project{Project: model.Project{Connection: "forge", Hostname: "forge.example", Name: name}, Trusted: trusted}
}

func secretDef(p *layout.Project, name string, data map[string]any) *layout.Def[configlang.Secret] {
	return &layout.Def[configlang.Secret]{Value: &configlang.Secret{Name: name, Data: data}, Origin: &layout.Origin{Project: p, Branch: "main"}}
}

// data is nested, and has all kinds of values.
func data() map[string]any {
	return map[string]any{
		"user": "robot", "port": int64(9007199254740993), "on": true, "none": nil, "ratio": 0.5,
		"password": configlang.Encrypted{Chunks: []string{"AAAA", "BBBB"}},
		"hosts":    []any{map[string]any{"name": "a", "key": configlang.Encrypted{Chunks: []string{"CCCC"}}}},
		"empty":    configlang.Encrypted{},
		"similar":  map[string]any{"pkcs1-oaep": "no list"},
	}
}

// job has secrets of two projects: one given to several playbooks, one under two names.
func job() *jobgraph.Job {
	config, web := project("acme/config", true), project("acme/web", false)
	registry := jobgraph.Secret{Alias: "login", Def: secretDef(config, "registry", data()), Project: config}
	token := secretDef(web, "token", map[string]any{"value": configlang.Encrypted{Chunks: []string{"DDDD"}}})
	playbook := func(path string, p *layout.Project, secrets ...jobgraph.Secret) jobgraph.Playbook {
		return jobgraph.Playbook{Path: path, Origin: &layout.Origin{Project: p, Branch: "main"}, Secrets: secrets}
	}
	timeout := int64(300)
	return &jobgraph.Job{
		Name: "deploy", Voting: true, Attempts: 3, Timeout: &timeout, Vars: map[string]any{"flavour": "small"},
		NodeSets: []*configlang.NodeSet{{Nodes: []configlang.Node{{Names: []string{"node"}, Label: "debian"}}}},
		PreRun:   []jobgraph.Playbook{playbook("login.sh", config, registry), playbook("prepare.sh", config)},
		Run: []jobgraph.Playbook{playbook("ci/deploy.sh", web,
			jobgraph.Secret{Alias: "token", Def: token, Project: web}, jobgraph.Secret{Alias: "same", Def: token, Project: web})},
		PostRun:    []jobgraph.Playbook{playbook("logout.sh", config, registry), playbook("playbooks/report.yaml", web)},
		CleanupRun: []jobgraph.Playbook{playbook("playbooks/tidy.yaml", config)},
		ExtraVars:  map[string]any{"extra": 1}, HostVars: map[string]any{"node": map[string]any{"a": "b"}}, GroupVars: map[string]any{"web": map[string]any{"c": "d"}},
		Tags: []string{"all", "fast"},
	}
}

func roles(p jobgraph.Playbook) []gozer.PlaybookRole {
	return []gozer.PlaybookRole{{Project: convert.ProjectRef(p.Origin.Project.Project), Branch: "main", Commit: "roles-of-" + p.Path, Name: "roles", Implicit: true}}
}

func TestFrozenJob(t *testing.T) {
	f, err := convert.FrozenJob(job(), convert.Freezing{CommitOf: func(p jobgraph.Playbook) string { return "commit-of-" + p.Path }, RolesOf: roles, Required: []model.Project{project("acme/lib", false).Project},
		Checkouts: []gozer.Checkout{{Project: convert.ProjectRef(project("acme/web", false).Project), Branch: "main"}, {Project: convert.ProjectRef(project("acme/lib", false).Project), Tag: "v1", Commit: "abc"}}, PostReview: true})
	if err != nil {
		t.Fatal(err)
	}
	got, err := yaml.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	const file = "testdata/frozenjob.yaml"
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("-want +got (-update accepts it):\n%s", diff)
	}
}

// What is decrypted is what stood in the file, through the custom resource.
func TestSecretData(t *testing.T) {
	f, err := convert.FrozenJob(job(), convert.Freezing{CommitOf: func(jobgraph.Playbook) string { return "" }, RolesOf: roles})
	if err != nil {
		t.Fatal(err)
	}
	got, err := convert.SecretData(f.Secrets[0])
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"user": "robot", "port": json.Number("9007199254740993"), "on": true, "none": nil, "ratio": json.Number("0.5"),
		"password": secretcrypt.Encrypted{Chunks: []string{"AAAA", "BBBB"}},
		"hosts":    []any{map[string]any{"name": "a", "key": secretcrypt.Encrypted{Chunks: []string{"CCCC"}}}},
		"empty":    secretcrypt.Encrypted{Chunks: []string{}},
		"similar":  map[string]any{"pkcs1-oaep": "no list"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Only what has the form of ciphertext is decrypted, and errors have nothing of the data.
func TestSecretDataOfAnyForm(t *testing.T) {
	for name, tc := range map[string]struct {
		raw  string
		want any
		err  string
	}{
		"ciphertext":     {raw: `{"a":{"pkcs1-oaep":["x"]}}`, want: map[string]any{"a": secretcrypt.Encrypted{Chunks: []string{"x"}}}},
		"beside another": {raw: `{"a":{"pkcs1-oaep":[],"b":1}}`, want: map[string]any{"a": map[string]any{"pkcs1-oaep": []any{}, "b": json.Number("1")}}},
		"not of texts":   {raw: `{"a":{"pkcs1-oaep":[1]}}`, want: map[string]any{"a": map[string]any{"pkcs1-oaep": []any{json.Number("1")}}}},
		"no JSON":        {raw: `{"a":hunter2`, err: "the data of secret s is not JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := convert.SecretData(gozer.FrozenSecret{Name: "s", Data: apiextensionsv1.JSON{Raw: []byte(tc.raw)}})
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if tc.err != "" && (err == nil || err.Error() != tc.err) || tc.err == "" && err != nil {
				t.Errorf("%v, want %q", err, tc.err)
			}
		})
	}
}

// A value that JSON does not have is no reason to say what it is.
func TestSecretThatCannotBeStored(t *testing.T) {
	j := job()
	j.PreRun[0].Secrets[0].Def.Value.Data["user"] = func() {}
	_, err := convert.FrozenJob(j, convert.Freezing{CommitOf: func(jobgraph.Playbook) string { return "" }, RolesOf: roles})
	if err == nil || !strings.HasPrefix(err.Error(), "the secret registry cannot be stored") {
		t.Errorf("%v", err)
	}
}
