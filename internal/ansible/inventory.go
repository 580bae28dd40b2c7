package ansible

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Localhost is the executor itself, as playbooks name it.
const Localhost = "localhost"

// Vars are variables by name; numbers are json.Number.
type Vars = map[string]any

// Host is a node as playbooks see it.
type Host struct {
	Name string
	// Connection are its ansible_* variables, and nodepool.
	Connection Vars
	Groups     []string
}

// JobVars are the variables of a job, by the place where they were set.
type JobVars struct {
	All         Vars
	Host, Group map[string]Vars
	Extra       Vars
}

// Squash gives each host, and localhost, the variables that it has: those of
// the job, of its groups by name, its own, and the extra ones; the later wins,
// and over all how the host is reached.
// As with Ansible's default, objects are replaced and not merged.
func Squash(hosts []Host, j JobVars) map[string]Vars {
	out := map[string]Vars{}
	for _, h := range append(slices.Clone(hosts), Host{Name: Localhost}) {
		vars := Vars{}
		maps.Copy(vars, j.All)
		maps.Copy(vars, j.Group["all"])
		for _, g := range slices.Sorted(slices.Values(h.Groups)) {
			maps.Copy(vars, j.Group[g])
		}
		if h.Name != Localhost {
			maps.Copy(vars, j.Host[h.Name])
		}
		maps.Copy(vars, j.Extra)
		for name, v := range h.Connection {
			if _, set := vars[name]; name != pythonVar || !set {
				vars[name] = v
			}
		}
		out[h.Name] = vars
	}
	return out
}

// pythonVar is the one variable of a connection that a job may set by itself.
const pythonVar = "ansible_python_interpreter"

// Inventory is the file of hosts. Its variables are templates of the job's
// author, or what came of them; the latter, and names of hosts, are text for
// Ansible whatever they look like.
type Inventory struct {
	Hosts []Host
	// Vars by host; those of localhost are for all.
	Vars map[string]Vars
	// Frozen says that the variables are no templates any more.
	Frozen bool
	// Trusted playbooks get nothing that steers Ansible but how their hosts are
	// reached: a job could have a program of its own run in place of ssh or Python.
	Trusted bool
	// Without are variables that are left out: secrets have their names.
	Without []string
	// Unreachable are the hosts that were lost.
	Unreachable []string
}

// File is the inventory in YAML.
func (i Inventory) File() ([]byte, error) {
	hosts, children := mapping(), mapping()
	groups := map[string]*yaml.Node{}
	for _, h := range i.Hosts {
		vars, err := i.of(h.Name)
		if err != nil {
			return nil, err
		}
		add(hosts, h.Name, vars)
		for _, g := range h.Groups {
			if groups[g] == nil {
				groups[g] = mapping()
			}
			add(groups[g], h.Name, null())
		}
	}
	groups["zuul_unreachable"] = mapping()
	for _, h := range i.Unreachable {
		add(groups["zuul_unreachable"], h, null())
	}
	for _, g := range slices.Sorted(maps.Keys(groups)) {
		add(children, g, object("hosts", groups[g]))
	}
	vars, err := i.of(Localhost)
	if err != nil {
		return nil, err
	}
	all := mapping()
	add(all, "hosts", hosts)
	add(all, "vars", vars)
	add(all, "children", children)
	return encode(object("all", all))
}

// of are the variables of one host. Connection variables are ours, and never templates.
func (i Inventory) of(host string) (*yaml.Node, error) {
	vars := maps.Clone(i.Vars[host])
	for _, name := range i.Without {
		delete(vars, name)
	}
	if i.Trusted {
		maps.DeleteFunc(vars, func(name string, _ any) bool { return Steers(name) && !i.connects(host, name) })
	}
	return nodeOf(vars, i.Frozen)
}

// Steers says whether Ansible itself goes by a variable.
func Steers(name string) bool { return strings.HasPrefix(name, "ansible_") }

// connects says whether a variable is how a host is reached, as we say it.
func (i Inventory) connects(host, name string) bool {
	n := slices.IndexFunc(i.Hosts, func(h Host) bool { return h.Name == host })
	if n < 0 {
		return false
	}
	ours, ok := i.Hosts[n].Connection[name]
	return ok && (name != pythonVar || i.Vars[host][name] == ours)
}

// Unsafe is a file of variables that are text, whatever they look like (Ansible: !unsafe).
func Unsafe(vars Vars) ([]byte, error) {
	n, err := nodeOf(vars, true)
	if err != nil {
		return nil, err
	}
	return encode(n)
}

// Text marks a value whose texts are no templates, inside of variables that are.
type Text struct{ Value any }

func nodeOf(v any, unsafe bool) (*yaml.Node, error) {
	switch v := v.(type) {
	case nil:
		return null(), nil
	case Text:
		return nodeOf(v.Value, true)
	case bool:
		return scalar("!!bool", strconv.FormatBool(v)), nil
	case string:
		n := scalar("!!str", v)
		n.Style = yaml.DoubleQuotedStyle
		if unsafe {
			n.Tag = "!unsafe"
		}
		return n, nil
	case json.Number:
		return number(string(v)), nil
	case int:
		return scalar("!!int", strconv.Itoa(v)), nil
	case int64:
		return scalar("!!int", strconv.FormatInt(v, 10)), nil
	case float64:
		return number(strconv.FormatFloat(v, 'g', -1, 64)), nil
	case map[string]any:
		out := mapping()
		for _, name := range slices.Sorted(maps.Keys(v)) {
			n, err := nodeOf(v[name], unsafe)
			if err != nil {
				return nil, err
			}
			add(out, name, n)
		}
		return out, nil
	case []string:
		out := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, e := range v {
			n, _ := nodeOf(e, unsafe)
			out.Content = append(out.Content, n)
		}
		return out, nil
	case []any:
		out := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, e := range v {
			n, err := nodeOf(e, unsafe)
			if err != nil {
				return nil, err
			}
			out.Content = append(out.Content, n)
		}
		return out, nil
	}
	return nil, fmt.Errorf("a variable of type %T cannot be written", v)
}

// number tells what YAML takes for an integer from what it does not.
func number(s string) *yaml.Node {
	if _, err := strconv.ParseInt(s, 10, 64); err == nil {
		return scalar("!!int", s)
	}
	if _, err := strconv.ParseUint(s, 10, 64); err == nil {
		return scalar("!!int", s)
	}
	// Without a point, Ansible's YAML takes 1e+21 for a text.
	if at := strings.IndexAny(s, "eE"); at >= 0 && !strings.Contains(s, ".") {
		s = s[:at] + ".0" + s[at:]
	}
	return scalar("!!float", s)
}

func scalar(tag, value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
}

func null() *yaml.Node { return scalar("!!null", "null") }

func mapping() *yaml.Node { return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"} }

func object(name string, value *yaml.Node) *yaml.Node {
	m := mapping()
	add(m, name, value)
	return m
}

func add(to *yaml.Node, name string, value *yaml.Node) {
	key := scalar("!!str", name)
	key.Style = yaml.DoubleQuotedStyle
	to.Content = append(to.Content, key, value)
}

func encode(n *yaml.Node) ([]byte, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(n); err != nil {
		return nil, fmt.Errorf("variables: %w", err)
	}
	return b.Bytes(), e.Close()
}
