package executor

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
)

// checkout is one repository of the workspace.
type checkout struct {
	project model.Project
	// branch or tag.
	branch, tag string
	commit      string
	// whole repositories have all their branches and tags, others just the branch.
	whole bool
	// area is who sees it; dir is where it lies there. In the work directory that
	// is also where it lies below the home of a node.
	area area
	dir  string
}

// area is a directory of the executor with repositories.
type area int

const (
	areaWork area = iota
	areaUntrusted
	areaTrusted
	areaPrivate // what only this process reads
)

// root of the area.
func (o Options) root(a area) string {
	return [...]string{o.WorkDir, o.UntrustedDir, o.TrustedDir, o.PrivateDir}[a]
}

// path is where a checkout, or something in it, lies here.
func (o Options) path(a area, dir string) string {
	return filepath.Join(o.root(a), filepath.FromSlash(dir))
}

// name of what is checked out, for people.
func (c checkout) name() string { return cmp.Or(c.branch, c.tag) }

// step is one playbook with its place.
type step struct {
	playbook buildspec.Playbook
	// area and repo are where the checkout is that has the playbook; a script's is
	// in the work directory, and below the home of a node. cwd is where a script runs.
	area      area
	repo, cwd string
	// roles are the directories of the repositories with roles, in the same area.
	roles []string
}

// workspace is what the nodes get and what is run there.
type workspace struct {
	checkouts          []checkout
	preRun, run, after []step
	// includes are the files of variables, in order.
	includes []include
}

// include is a file of variables with its place.
type include struct {
	buildspec.IncludeVars
	repo string
}

// planWorkspace is pure. A playbook of the change's project runs in the
// change's checkout. Any other runs in a checkout of its own project: the one
// in src/ if that is the same commit, else, and always when it is trusted, one
// that only playbooks use.
func planWorkspace(s *buildspec.Spec) (workspace, error) {
	var w workspace
	for _, c := range s.Projects {
		w.checkouts = append(w.checkouts, checkout{project: c.Project, branch: c.Branch, tag: c.Tag, commit: c.Commit, whole: true, dir: s.SrcDir(c.Project)})
	}
	for _, phase := range []struct {
		in  []buildspec.Playbook
		out *[]step
	}{{s.PreRun, &w.preRun}, {s.Run, &w.run}, {s.PostRun, &w.after}} {
		for _, p := range phase.in {
			*phase.out = append(*phase.out, w.place(p, s))
		}
	}
	for _, v := range s.IncludeVars {
		in := include{IncludeVars: v}
		in.repo = w.apart(areaPrivate, checkout{project: v.Project, branch: v.Branch, tag: v.Tag, commit: v.Commit})
		w.includes = append(w.includes, in)
	}
	return w, w.validate()
}

func (w *workspace) place(p buildspec.Playbook, s *buildspec.Spec) step {
	if p.Ansible() {
		st := step{playbook: p, area: areaUntrusted}
		if p.Trusted {
			st.area = areaTrusted
		}
		st.repo = w.apart(st.area, checkout{project: p.Project, branch: p.Branch, commit: p.Commit})
		for _, r := range p.Roles {
			st.roles = append(st.roles, w.apart(st.area, checkout{project: r.Project, branch: r.Branch, tag: r.Tag, commit: r.Commit}))
		}
		return st
	}
	st := step{playbook: p, repo: w.checkoutFor(p)}
	st.cwd = st.repo
	if changed := s.Change.Project; !p.Trusted && p.Project.Canonical() == changed.Canonical() && w.has(s.SrcDir(changed)) {
		st.cwd = s.SrcDir(changed)
	}
	return st
}

// apart is the directory of a checkout that only playbooks of Ansible use. It is
// never the one in the workspace, which jobs may change.
func (w *workspace) apart(a area, want checkout) string {
	n := 0
	for _, c := range w.checkouts {
		if c.area != a {
			continue
		}
		if c.project.Canonical() == want.project.Canonical() && c.commit == want.commit {
			return c.dir
		}
		n++
	}
	want.area, want.dir = a, fmt.Sprintf("project_%d/%s", n, want.project.Canonical())
	w.checkouts = append(w.checkouts, want)
	return want.dir
}

func (w *workspace) has(dir string) bool {
	for _, c := range w.checkouts {
		if c.dir == dir {
			return true
		}
	}
	return false
}

func (w *workspace) checkoutFor(p buildspec.Playbook) string {
	kind := "untrusted"
	if p.Trusted {
		kind = "trusted"
	}
	own := "playbooks/" + kind + "/"
	n := 0
	for _, c := range w.checkouts {
		same := c.project.Canonical() == p.Project.Canonical() && c.commit == p.Commit
		switch {
		case strings.HasPrefix(c.dir, own):
			n++
		case p.Trusted || c.area != areaWork || !strings.HasPrefix(c.dir, "src/"):
			continue
		}
		if same {
			return c.dir
		}
	}
	dir := fmt.Sprintf("%sproject_%d/%s", own, n, p.Project.Canonical())
	w.checkouts = append(w.checkouts, checkout{project: p.Project, branch: p.Branch, commit: p.Commit, dir: dir})
	return dir
}

var (
	commitRE = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
	// badBranch has what git-check-ref-format forbids.
	badBranch = regexp.MustCompile(`[\x00-\x20\x7f~^:?*\[\\]|\.\.|//|@\{|^[-/.]|/\.|\.$|/$|\.lock(/|$)`)
	control   = regexp.MustCompile(`[\x00-\x1f\x7f]`)

	errName = errors.New("not a name that can be a path")
)

func (w *workspace) validate() error {
	seen := map[string]bool{}
	for _, c := range w.checkouts {
		if err := safePath(c.project.Canonical()); err != nil {
			return fmt.Errorf("project %q: %w", c.project.Canonical(), err)
		}
		if name := c.name(); name == "" || badBranch.MatchString(name) {
			return fmt.Errorf("project %s: %q is not the name of a branch or tag", c.project, name)
		}
		if !commitRE.MatchString(c.commit) {
			return fmt.Errorf("project %s: %q is not a commit", c.project, c.commit)
		}
		at := fmt.Sprint(c.area, c.dir)
		if seen[at] {
			return fmt.Errorf("project %s has the place of another in the workspace: src holds one %s", c.project, c.dir)
		}
		seen[at] = true
	}
	for _, v := range w.includes {
		if err := safePath(v.Path); err != nil {
			return fmt.Errorf("file of variables %q of %s: %w", v.Path, v.Project, err)
		}
	}
	for _, steps := range [][]step{w.preRun, w.run, w.after} {
		for _, st := range steps {
			if err := safePath(st.playbook.Path); err != nil {
				return fmt.Errorf("playbook %q of %s: %w", st.playbook.Path, st.playbook.Project, err)
			}
			for _, r := range st.playbook.Roles {
				if err := safePath(r.Name); err != nil || strings.Contains(r.Name, "/") {
					return fmt.Errorf("role %q of %s: %w", r.Name, r.Project, errName)
				}
			}
		}
	}
	return nil
}

// safePath takes clean relative paths that stay where they are and out of .git.
func safePath(p string) error {
	if p == "." || path.Clean(p) != p || !filepath.IsLocal(p) || control.MatchString(p) {
		return errName
	}
	for part := range strings.SplitSeq(p, "/") {
		if strings.EqualFold(part, ".git") {
			return errName
		}
	}
	return nil
}

// validateNodes wants a node for scripts; playbooks of Ansible may have none.
func validateNodes(nodes []buildspec.Node, scripts bool) error {
	if len(nodes) == 0 && scripts {
		return errors.New("the build has no node to run its scripts on")
	}
	for _, n := range nodes {
		if !path.IsAbs(n.Home) || control.MatchString(n.Home) {
			return fmt.Errorf("node %s: home %q is not an absolute path", n.Name, n.Home)
		}
	}
	return nil
}

// repoURL is where a project is fetched from.
func repoURL(base, canonical string) (string, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return "", fmt.Errorf("git URL %q must be http:// or https:// without credentials", base)
	}
	return u.JoinPath(strings.Split(canonical, "/")...).String(), nil
}
