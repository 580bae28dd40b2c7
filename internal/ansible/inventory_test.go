package ansible

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

func hosts() []Host {
	return []Host{
		{Name: "web", Groups: []string{"front"}, Connection: Vars{"ansible_host": "10.0.0.1", "ansible_python_interpreter": "auto", "ansible_connection": "ssh"}},
		{Name: "db", Connection: Vars{"ansible_host": "10.0.0.2", "ansible_python_interpreter": "auto", "ansible_connection": "ssh"}},
	}
}

func TestSquash(t *testing.T) {
	got := Squash(hosts(), JobVars{
		All:   Vars{"a": "all", "b": "all", "c": "all", "d": "all", "ansible_host": "elsewhere", "ansible_python_interpreter": "/usr/bin/python3"},
		Group: map[string]Vars{"all": {"b": "group all"}, "front": {"c": "front"}},
		Host:  map[string]Vars{"web": {"d": "host"}, "localhost": {"d": "no host of the job's"}},
		Extra: Vars{"e": "extra", "ansible_connection": "local"},
	})
	common := Vars{"a": "all", "b": "group all", "e": "extra", "ansible_python_interpreter": "/usr/bin/python3"}
	with := func(more Vars) Vars {
		out := Vars{}
		for k, v := range common {
			out[k] = v
		}
		for k, v := range more {
			out[k] = v
		}
		return out
	}
	want := map[string]Vars{
		"web":       with(Vars{"c": "front", "d": "host", "ansible_host": "10.0.0.1", "ansible_connection": "ssh"}),
		"db":        with(Vars{"c": "all", "d": "all", "ansible_host": "10.0.0.2", "ansible_connection": "ssh"}),
		"localhost": with(Vars{"c": "all", "d": "all", "ansible_host": "elsewhere", "ansible_connection": "local"}),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestTrustedInventory: nothing of a job steers Ansible where secrets are.
func TestTrustedInventory(t *testing.T) {
	vars := Squash(hosts(), JobVars{All: Vars{"word": "x", "ansible_ssh_common_args": "-o ProxyCommand=evil", "ansible_python_interpreter": "/work/evil", "ansible_become_exe": "/work/evil"},
		Extra: Vars{"ansible_connection": "local"}})
	for _, trusted := range []bool{true, false} {
		raw, err := Inventory{Hosts: hosts(), Vars: vars, Frozen: true, Trusted: trusted, Without: []string{"gone"}}.File()
		if err != nil {
			t.Fatal(err)
		}
		if evil := strings.Contains(string(raw), "evil"); evil == trusted {
			t.Errorf("trusted %t:\n%s", trusted, raw)
		}
		for _, want := range []string{`"ansible_host": !unsafe "10.0.0.1"`, `"ansible_connection": !unsafe "ssh"`, `"word": !unsafe "x"`} {
			if !strings.Contains(string(raw), want) {
				t.Errorf("trusted %t: %s is missing:\n%s", trusted, want, raw)
			}
		}
	}
}

// What is no template stays none, and numbers stay what they are.
func TestUnsafe(t *testing.T) {
	raw, err := Unsafe(Vars{"t": "{{ x }}", "n": json.Number("12345678901234567890"), "f": json.Number("1e+21"), "list": []any{"{{ y }}", true, nil}, "tag": "!unsafe", "text": "1e+21"})
	if err != nil {
		t.Fatal(err)
	}
	want := "\"f\": 1.0e+21\n\"list\":\n  - !unsafe \"{{ y }}\"\n  - true\n  - null\n\"n\": 12345678901234567890\n\"t\": !unsafe \"{{ x }}\"\n\"tag\": !unsafe \"!unsafe\"\n\"text\": !unsafe \"1e+21\"\n"
	if diff := cmp.Diff(want, string(raw)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	var back yaml.Node
	if err := yaml.Unmarshal(raw, &back); err != nil {
		t.Error(err)
	}
}
