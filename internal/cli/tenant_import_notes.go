package cli

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"github.com/gozer-dev/gozer/internal/statusview"
)

// notes are what was not converted, in the order in which it was found. What is said
// several times is said once.
type notes struct {
	list []note
	at   map[[2]string]int
}

type note struct {
	// line of the tenant file where it is for the first time; 0 when that says nothing.
	line        int
	what, words string
	times       int
}

func (n *notes) add(line int, what, words string) {
	if n.at == nil {
		n.at = map[[2]string]int{}
	}
	key := [2]string{what, words}
	if at, there := n.at[key]; there {
		n.list[at].times++
		return
	}
	n.at[key] = len(n.list)
	n.list = append(n.list, note{line: line, what: what, words: words, times: 1})
}

// left notes what the file says beyond tenants, semaphores and connections.
func (i *imported) left() {
	for _, g := range i.file.Ignored {
		i.notes.add(g.Line, g.Key, g.Reason)
	}
	for _, t := range i.file.Tenants {
		if len(t.AdminRules)+len(t.AccessRules) > 0 {
			i.notes.add(t.Line, "admin-rules, access-rules", "kept as names, without effect: give people roles in the namespace with Kubernetes RBAC")
		}
		if t.AuthenticationRealm != "" {
			i.notes.add(t.Line, "authentication-realm", "kept, without effect: people log in to the cluster")
		}
	}
	i.undefined()
	for _, r := range i.file.AuthorizationRules {
		i.notes.add(0, "authorization-rule "+statusview.Clean(r.Name), "not converted, because Gozer uses Kubernetes RBAC; it is a comment in the files of the tenants that name it")
	}
	if i.file.APIRoot != nil {
		i.notes.add(0, "api-root", "not converted, because Gozer uses Kubernetes RBAC")
	}
}

// undefined notes rules that tenants name and the file does not have.
func (i *imported) undefined() {
	defined := map[string]bool{}
	for _, r := range i.file.AuthorizationRules {
		defined[r.Name] = true
	}
	for _, t := range i.file.Tenants {
		for _, name := range slices.Concat(t.AdminRules, t.AccessRules) {
			if !defined[name] {
				i.notes.add(t.Line, "authorization-rule "+statusview.Clean(name), "tenants name it, and the file does not define it")
			}
		}
	}
}

// summary says what was written and what was not converted.
func (i *imported) summary(w io.Writer, o importOptions) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range i.outputs {
		fmt.Fprintf(t, "%s\t%s\n", statusview.Clean(filepath.Join(o.output, f.name)), f.what)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(i.outputs) == 0 {
		fmt.Fprintf(w, "%s has no tenants; nothing was written\n", i.source)
	}
	if len(i.notes.list) > 0 {
		fmt.Fprint(w, "\nNot converted, or not as it is:\n")
	}
	for _, n := range i.notes.list {
		where := ""
		switch {
		case n.times > 1 && n.line > 0:
			where = fmt.Sprintf(" (%d times, first in line %d)", n.times, n.line)
		case n.times > 1:
			where = fmt.Sprintf(" (%d times)", n.times)
		case n.line > 0:
			where = fmt.Sprintf(" (line %d)", n.line)
		}
		if _, err := fmt.Fprintf(w, "  %s%s: %s\n", n.what, where, n.words); err != nil {
			return err
		}
	}
	return nil
}

// count of things in words.
func count(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, several)
}
