package layout

import (
	"slices"

	"github.com/gozer-dev/gozer/internal/configlang"
)

// again reports a second definition, unless it is the copy of the first on
// another branch of its project.
func (l *Layout) again(kind, name string, first, second configlang.Pos, same bool) {
	where := configlang.Error{Pos: configlang.Pos{Source: first.Source}}.Where()
	switch {
	case first.Source.Project != second.Source.Project || first.Source.Branch == second.Source.Branch:
		l.fail(second, "", "rename one of them", "%s %q is already defined in %s", kind, name, where)
	case !same:
		l.fail(second, "", "make them equal, or rename one of them", "%s %q differs from the one on branch %s, which is in force", kind, name, first.Source.Branch)
	}
}

// sameNodeSet says whether two nodesets say the same, wherever they stand.
func sameNodeSet(a, b configlang.NodeSet) bool {
	nodes := func(x, y configlang.Node) bool { return x.Name == y.Name && x.Label == y.Label }
	groups := func(x, y configlang.NodeGroup) bool { return x.Name == y.Name && slices.Equal(x.Nodes, y.Nodes) }
	return slices.EqualFunc(a.Nodes, b.Nodes, nodes) && slices.EqualFunc(a.Groups, b.Groups, groups)
}
