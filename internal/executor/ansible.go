package executor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/gozer-dev/gozer/internal/ansible"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
)

// ansibleRunners are the containers that run playbooks of Ansible, with what
// the playbooks of this build have in common.
type ansibleRunners struct {
	untrusted, trusted *runner
	keys               *keyAgent
	hosts              []ansible.Host
	// job has the variables as they were written, frozen what became of them.
	job    ansible.JobVars
	frozen map[string]ansible.Vars
	// ready are the playbooks that were prepared, by phase and index.
	ready map[string]string
	// unreachable are the nodes that a playbook did not reach.
	unreachable []string
	output      ansible.Record
	// shown is how much of the log stands in the work directory.
	shown int64
}

func (a *ansibleRunners) close() {
	if a == nil {
		return
	}
	a.keys.close()
	for _, r := range []*runner{a.untrusted, a.trusted} {
		if r != nil {
			_ = r.client.Close() // the build is over
		}
	}
}

// Names in the directory for Ansible, and in that of a runner.
const (
	pluginsDir    = "plugins"
	knownHosts    = "known_hosts"
	inventoryFile = "inventory.yaml"
	varsYAML      = "vars.yaml"
	configFile    = "ansible.cfg"
	factsDir      = "facts"
	frozenDir     = "frozen"
)

// startAnsible does what comes before the first playbook: files, the SSH agent,
// and in the untrusted container, where no template can do harm, the variables.
func (b *build) startAnsible(ctx context.Context) *problem {
	if !b.spec.Ansible() {
		return nil
	}
	a := &ansibleRunners{ready: map[string]string{}}
	b.ansible = a
	for _, do := range []func(context.Context) error{b.connectRunners, b.writeCommon, b.serveKeys} {
		if err := do(ctx); err != nil {
			return &problem{model.Retry, err}
		}
	}
	for _, phase := range b.inPhases() {
		for n, st := range phase.steps {
			if !st.playbook.Ansible() {
				continue
			}
			if err := b.prepare(phase.name, n, st); err != nil {
				return &problem{model.BuildError, err}
			}
		}
	}
	return b.freeze(ctx)
}

// writeCommon writes what all playbooks use.
func (b *build) writeCommon(context.Context) error {
	a, o := b.ansible, b.opts
	if err := os.CopyFS(filepath.Join(o.AnsibleDir, pluginsDir), ansible.Plugins()); err != nil {
		return err
	}
	var known strings.Builder
	for _, n := range b.spec.Nodes {
		a.hosts = append(a.hosts, hostOf(n))
		fmt.Fprintf(&known, "[%s]:%d %s\n", n.Address, n.Port, strings.TrimSpace(n.HostKey))
	}
	if err := os.WriteFile(filepath.Join(o.AnsibleDir, knownHosts), []byte(known.String()), 0o644); err != nil {
		return err
	}
	for _, dir := range []string{"src", logsDir, "tmp"} {
		if err := os.MkdirAll(filepath.Join(o.WorkDir, dir), 0o755); err != nil {
			return err
		}
	}
	a.job = ansible.JobVars{All: b.spec.Vars, Extra: b.spec.ExtraVars, Host: b.spec.HostVars, Group: b.spec.GroupVars}
	return b.writeInventory(filepath.Join(o.AnsibleDir, inventoryFile), ansible.Inventory{Vars: b.withZuul()})
}

// withZuul are the variables for people: the inventory that base jobs log.
func (b *build) withZuul() map[string]ansible.Vars {
	all := ansible.Squash(b.ansible.hosts, b.ansible.job)
	all[ansible.Localhost]["zuul"] = ansible.Text{Value: b.zuulVars()}
	return all
}

func (b *build) writeInventory(path string, i ansible.Inventory) error {
	i.Hosts, i.Unreachable = b.ansible.hosts, b.ansible.unreachable
	content, err := i.File()
	if err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o644)
}

// hostOf is a node as Ansible connects to it.
func hostOf(n buildspec.Node) ansible.Host {
	return ansible.Host{Name: n.Name, Groups: n.Groups, Connection: ansible.Vars{
		"ansible_host": n.Address, "ansible_port": int64(n.Port), "ansible_user": n.User, "ansible_connection": "ssh",
		"ansible_python_interpreter": cmp.Or(n.Python, "auto"),
		"nodepool": map[string]any{
			"label": n.Label, "interface_ip": n.Address, "private_ipv4": n.Address, "public_ipv4": n.Address, "public_ipv6": "",
			"provider": "kubernetes", "cloud": "kubernetes", "region": nil, "az": nil, "host_id": nil, "external_id": nil, "slot": nil,
			"node_properties": map[string]any{},
		},
	}}
}

// zuulVars is the variable zuul, as playbooks see it: everything is on the
// executor, in the work directory.
func (b *build) zuulVars() map[string]any {
	zuul := zuulVars(b.spec, b.opts.WorkDir)
	host, _ := os.Hostname()
	executor, _ := zuul["executor"].(map[string]any)
	executor["hostname"] = host
	executor["result_data_file"] = filepath.Join(b.opts.WorkDir, resultsFile)
	executor["inventory_file"] = filepath.Join(b.opts.AnsibleDir, inventoryFile)
	zuul["resources"] = map[string]any{}
	zuul["ansible_version"] = ansibleVersion
	zuul["playbook_context"] = b.playbookContext()
	return zuul
}

// ansibleVersion is what zuul.ansible_version says: that of the community's
// package, which the image has.
const ansibleVersion = "7"

// prepare writes the directory of one playbook.
func (b *build) prepare(phase string, n int, st step) error {
	dir := filepath.Join(b.opts.AnsibleDir, turnDir(phase, n))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	roles, err := b.linkRoles(dir, st)
	if err != nil {
		return err
	}
	r := b.runnerOf(st)
	cfg := r.config(b.opts, dir)
	cfg.Roles, cfg.HideArgs = roles, len(st.playbook.Secrets)+len(b.secretVars) > 0
	b.ansible.ready[turnKey(phase, n)] = dir
	return os.WriteFile(filepath.Join(dir, configFile), []byte(cfg.File()), 0o644)
}

func turnKey(phase string, n int) string { return fmt.Sprintf("%s/%d", phase, n) }

func (b *build) runnerOf(st step) *runner {
	if st.playbook.Trusted {
		return b.ansible.trusted
	}
	return b.ansible.untrusted
}

// linkRoles gives each repository with roles the name that playbooks know it
// by, and returns where Ansible is to look for roles.
func (b *build) linkRoles(dir string, st step) ([]string, error) {
	var paths []string
	for i, role := range st.playbook.Roles {
		root := filepath.Join(dir, fmt.Sprintf("role_%d", i))
		if err := os.MkdirAll(root, 0o755); err != nil {
			return nil, err
		}
		repo := b.opts.path(st.area, st.roles[i])
		link := filepath.Join(root, role.Name)
		if err := os.Symlink(repo, link); err != nil {
			return nil, err
		}
		switch {
		case isDir(repo, "tasks"): // the repository is a role
			paths = append(paths, root)
		case isDir(repo, "roles"):
			paths = append(paths, filepath.Join(link, "roles"))
		case !role.Implicit:
			return nil, fmt.Errorf("Unable to find role in %s: the repository has neither a directory `roles` nor, as a role, a directory `tasks`", role.Project.Canonical()) //nolint:staticcheck // Zuul's words
		}
	}
	return paths, nil
}

// isDir looks for a directory of a stranger's repository.
func isDir(repo, name string) bool {
	root, err := os.OpenRoot(repo)
	if err != nil {
		return false
	}
	defer root.Close()
	fi, err := root.Stat(name)
	return err == nil && fi.IsDir()
}

// runAnsible runs one playbook in its container.
func (b *build) runAnsible(ctx, limit context.Context, t turn) ended {
	if limit.Err() != nil {
		return ended{how: cutShort(ctx)}
	}
	r, dir := b.runnerOf(t.step), b.ansible.ready[turnKey(t.phase, t.index)]
	if err := b.writeTurn(dir, t); err != nil {
		return ended{how: lostOrStopped(ctx), why: fmt.Sprintf("%s could not be prepared: %v", t.playbook.Path, err)}
	}
	args := []string{"ansible-playbook", "-e", "@" + filepath.Join(dir, varsYAML)}
	if len(t.playbook.Secrets) > 0 || len(b.secretVars) > 0 && !t.playbook.Trusted {
		file, err := b.giveSecrets(limit, r.client, b.opts.RunnerBinary, t.playbook, b.secretsYAML)
		switch {
		case err != nil && limit.Err() != nil:
			return ended{how: cutShort(ctx)}
		case err != nil:
			return ended{how: lostOrStopped(ctx), why: fmt.Sprintf("the secrets of %s could not be given to it: %v", t.playbook.Path, err)}
		}
		defer b.takeBack(file, "the executor")
		args = append(args, "-e", "@"+file.path)
	}
	args = append(args, filepath.Join(b.opts.path(t.area, t.repo), filepath.FromSlash(t.playbook.Path)))
	p := b.newPlay(r)
	p.record = b.ansible.output.Begin(ansible.Playbook{
		Playbook: t.playbook.Project.Canonical() + "/" + t.playbook.Path, Branch: t.playbook.Branch, Trusted: t.playbook.Trusted,
		Phase: strings.TrimSuffix(t.phase, "-run"), Index: t.index,
	})
	if !t.playbook.Cleanup {
		p.phase = t.phase
	}
	e := p.run(ctx, limit, dir, args)
	b.shareFacts(r)
	return e
}

// writeTurn writes what is known only when it is the playbook's turn.
func (b *build) writeTurn(dir string, t turn) error {
	p := t.playbook
	vars := ansible.Vars{
		"zuul": b.zuulVars(), "zuul_execution_phase": strings.TrimSuffix(t.phase, "-run"), "zuul_execution_phase_index": int64(t.index),
		"zuul_execution_trusted": p.Trusted, "zuul_execution_canonical_name_and_path": p.Project.Canonical() + "/" + p.Path,
		"zuul_execution_branch": p.Branch,
	}
	if t.phase == phasePost {
		vars["zuul_success"], vars["zuul_will_retry"] = t.success, t.willRetry
	}
	content, err := ansible.Unsafe(vars)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, varsYAML), content, 0o644); err != nil {
		return err
	}
	var without []string
	for _, s := range p.Secrets {
		without = append(without, s.Alias)
	}
	return b.writeInventory(filepath.Join(dir, inventoryFile), ansible.Inventory{Vars: b.ansible.frozen, Frozen: true, Without: without, Trusted: p.Trusted})
}

// secretsYAML is what a playbook of Ansible gets: its secrets, none a template,
// and what parents have returned in secret, where no variable has that name. Such
// variables count more than those of the playbook itself: trusted ones get none.
func (b *build) secretsYAML(p buildspec.Playbook, all buildspec.Secrets) ([]byte, error) {
	mine := ansible.Vars{}
	if !p.Trusted {
		maps.Copy(mine, b.secretVars)
	}
	for _, vars := range ansible.Squash(b.ansible.hosts, b.ansible.job) {
		for name := range vars {
			delete(mine, name)
		}
	}
	for _, s := range p.Secrets {
		v, err := decodeJSON(all[s.Secret])
		if err != nil {
			return nil, err
		}
		mine[s.Alias] = v
	}
	return ansible.Unsafe(mine)
}

// freeze reaches all nodes and evaluates the variables of the job (Zuul: the
// setup and freeze playbooks).
func (b *build) freeze(ctx context.Context) *problem {
	a, r := b.ansible, b.ansible.untrusted
	dir := filepath.Join(b.opts.AnsibleDir, "freeze")
	original := ansible.Squash(a.hosts, a.job)
	limit, cancel := context.WithTimeoutCause(ctx, b.opts.SetupTimeout, errors.New("Ansible setup timeout")) //nolint:staticcheck // Zuul's words
	defer cancel()
	b.log.printf("Running Ansible setup")
	plays, err := ansible.FreezePlaybook(a.hosts, original, r.path(frozenDir))
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "freeze.yaml"), plays, 0o644)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, configFile), []byte(r.config(b.opts, dir).File()), 0o644)
	}
	if err == nil {
		err = b.writeTurn(dir, turn{})
	}
	if err == nil {
		err = b.writeInventory(filepath.Join(dir, inventoryFile), ansible.Inventory{Vars: withUnsafe(original)})
	}
	if err != nil {
		return &problem{model.Retry, fmt.Errorf("the variables of the job could not be written: %w", err)}
	}
	p := b.newPlay(r)
	p.quiet = true
	e := p.run(ctx, limit, dir, []string{"ansible-playbook", "-e", "@" + filepath.Join(dir, varsYAML), filepath.Join(dir, "freeze.yaml")})
	switch {
	case e.how == timedOut:
		return &problem{model.Retry, context.Cause(limit)}
	case !e.ok():
		return &problem{model.Retry, fmt.Errorf("Ansible setup failed: %s", firstOf(e.why, e.failure, e.reason("setup")))} //nolint:staticcheck // Zuul's words
	}
	if a.frozen, err = b.readFrozen(r, original); err != nil {
		return &problem{model.Retry, err}
	}
	b.shareFacts(r)
	return nil
}

// withUnsafe adds to the variables of each host what they were before any
// template was evaluated (Zuul: unsafe_vars).
func withUnsafe(vars map[string]ansible.Vars) map[string]ansible.Vars {
	out := map[string]ansible.Vars{}
	for host, v := range vars {
		out[host] = maps.Clone(v)
		out[host]["unsafe_vars"] = ansible.Text{Value: v}
	}
	return out
}

// readFrozen reads what the variables became. Who wrote it is not trusted: what
// a host is reached by stays what it was.
func (b *build) readFrozen(r *runner, original map[string]ansible.Vars) (map[string]ansible.Vars, error) {
	out := map[string]ansible.Vars{}
	hosts := append(append([]ansible.Host{}, b.ansible.hosts...), ansible.Host{Name: ansible.Localhost})
	for n, h := range hosts {
		vars, err := readObject(r.dir, fmt.Sprintf("%s/%d.json", frozenDir, n))
		if err != nil {
			return nil, fmt.Errorf("the variables of %s were not evaluated: %w", h.Name, err)
		}
		for name := range vars {
			if _, asked := original[h.Name][name]; !asked {
				delete(vars, name)
			}
		}
		for name := range h.Connection {
			vars[name] = original[h.Name][name]
		}
		vars["unsafe_vars"] = original[h.Name]
		out[h.Name] = vars
	}
	return out, nil
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
