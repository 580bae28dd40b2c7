package gitrepo

import (
	"cmp"
	"context"
	"errors"
	"slices"
)

// quickMerge merges two commits directory by directory, without a process: most
// changes of a queue touch different files. It gives exactly what `git merge-tree`
// gives, or errOdd where files have to be looked into: both sides changed the same
// file, there is not exactly one merge base, or a file may have been renamed in a
// way that matters to the other side. Without renames it looks into files itself,
// and finds conflicts.
func (m *Mirror) quickMerge(ctx context.Context, mt Merge) (string, *MergeConflict, error) {
	base, err := m.mergeBase(ctx, mt.Ours, mt.Theirs)
	if mt.NoRenames && leftToGit(ctx, err) {
		base, err = m.onlyBase(ctx, mt.Ours, mt.Theirs)
	}
	if err != nil {
		return "", nil, err
	}
	if base == "" {
		return "", nil, errOdd
	}
	var trees [3]oid
	for n, id := range []string{base, mt.Ours, mt.Theirs} {
		c, err := m.commit(ctx, id)
		if err != nil {
			return "", nil, err
		}
		trees[n] = c.tree
	}
	look := &looker{Mirror: m, left: maxLooks}
	if mt.NoRenames {
		look.resolver = &resolver{}
	} else if err := look.noRenames(ctx, trees[0], trees[1], trees[2]); err != nil {
		return "", nil, err
	}
	merged, err := look.mergeTrees(ctx, trees[0], trees[1], trees[2], "", 0)
	conflict := look.resolver.conflict()
	switch {
	case err != nil:
		return "", nil, err
	case conflict != nil:
		return "", conflict, nil
	case merged == (oid{}):
		return emptyTree, nil, nil
	}
	return merged.String(), nil, nil
}

// looker reads the directories of one merge. Strangers can make few objects
// look like endless directories: the number of looks has a bound.
type looker struct {
	*Mirror
	left int
	// resolver merges what both sides changed; without one that is left to git.
	resolver *resolver
}

const maxLooks = 200_000

func (m *looker) tree(ctx context.Context, id oid) ([]treeEntry, error) {
	if m.left--; m.left < 0 || ctx.Err() != nil {
		return nil, errOdd
	}
	return m.Mirror.tree(ctx, id)
}

// noRenames is errOdd when the detection of renames might make a difference. A
// rename takes away one path and adds another; it matters to a side that adds
// (to a directory that was renamed) or takes away (the same file) something itself.
// A side that only changes files meets a rename where the file was, which is no
// quick merge anyway.
func (m *looker) noRenames(ctx context.Context, base, ours, theirs oid) error {
	var a, b pathChanges
	if err := m.compare(ctx, base, ours, &a, 0); err != nil {
		return err
	}
	if err := m.compare(ctx, base, theirs, &b, 0); err != nil {
		return err
	}
	if a.renames() && (b.adds || b.removes) || b.renames() && (a.adds || a.removes) {
		return errOdd
	}
	return nil
}

// pathChanges is what a side does to the paths that there are.
type pathChanges struct{ adds, removes bool }

func (c pathChanges) renames() bool { return c.adds && c.removes }

// compare finds out whether paths come or go between two directories.
func (m *looker) compare(ctx context.Context, before, after oid, c *pathChanges, depth int) error {
	if before == after || c.adds && c.removes {
		return nil
	}
	if depth > maxDirectories {
		return errOdd
	}
	b, a, err := m.two(ctx, before, after)
	if err != nil {
		return err
	}
	was, is := byName(b), byName(a)
	for _, e := range a {
		old, there := was[e.name]
		switch {
		case !there:
			c.adds = true
		case old.same(e):
		case old.isTree() && e.isTree():
			if err := m.compare(ctx, old.id, e.id, c, depth+1); err != nil {
				return err
			}
		case old.isTree() != e.isTree():
			c.adds, c.removes = true, true
		}
	}
	for _, e := range b {
		if _, there := is[e.name]; !there {
			c.removes = true
		}
	}
	return nil
}

func (m *looker) two(ctx context.Context, a, b oid) (x, y []treeEntry, err error) {
	if x, err = m.tree(ctx, a); err == nil {
		y, err = m.tree(ctx, b)
	}
	return x, y, err
}

// maxDirectories bounds how deep directories are.
const maxDirectories = 200

// mergeTrees merges one directory; the zero id is one that is not there.
func (m *looker) mergeTrees(ctx context.Context, base, ours, theirs oid, dir string, depth int) (oid, error) {
	switch {
	case ours == theirs, base == theirs:
		return ours, nil
	case base == ours:
		return theirs, nil
	case depth > maxDirectories:
		return oid{}, errOdd
	}
	b, err := m.tree(ctx, base)
	if err != nil {
		return oid{}, err
	}
	o, t, err := m.two(ctx, ours, theirs)
	if err != nil {
		return oid{}, err
	}
	atBase, atOurs, atTheirs := byName(b), byName(o), byName(t)
	var merged []treeEntry
	for _, name := range names(b, o, t) {
		e, err := m.mergeEntry(ctx, atBase[name], atOurs[name], atTheirs[name], dir+name, depth)
		if err != nil {
			return oid{}, err
		}
		if e.id != (oid{}) {
			merged = append(merged, e)
		}
	}
	if len(merged) == 0 {
		return oid{}, nil
	}
	slices.SortFunc(merged, compareEntries)
	return m.writeTree(merged)
}

// mergeEntry merges one line; the zero entry is one that is not there.
func (m *looker) mergeEntry(ctx context.Context, base, ours, theirs treeEntry, path string, depth int) (treeEntry, error) {
	switch {
	case ours.same(theirs), base.same(theirs):
		return ours, nil
	case base.same(ours):
		return theirs, nil
	case ours.isTree() && theirs.isTree() && (base.isTree() || base.id == oid{}):
		id, err := m.mergeTrees(ctx, base.id, ours.id, theirs.id, path+"/", depth+1)
		return treeEntry{name: ours.name, mode: modeTree, id: id}, err
	case m.resolver != nil && treeOrNone(base) && treeOrNone(ours) && treeOrNone(theirs):
		id, err := m.mergeTrees(ctx, base.id, ours.id, theirs.id, path+"/", depth+1)
		return treeEntry{name: cmp.Or(ours.name, theirs.name), mode: modeTree, id: id}, err
	case m.resolver != nil:
		return m.resolver.both(ctx, m.Mirror, path, base, ours, theirs)
	}
	return treeEntry{}, errOdd
}

// treeOrNone: a directory that one side took away is one without files.
func treeOrNone(e treeEntry) bool { return e.isTree() || e.id == oid{} }

// writeTree writes a directory that may be there already.
func (m *looker) writeTree(entries []treeEntry) (oid, error) {
	if slices.ContainsFunc(entries, func(e treeEntry) bool { return e.id.String() == emptyTree }) {
		return oid{}, errOdd
	}
	id, err := m.writeObject("tree", formatTree(entries))
	if err == nil {
		m.known.trees.Put(id, entries)
	}
	return id, err
}

// quickChanged lists the files that differ between the merge base and a head, sorted.
func (m *Mirror) quickChanged(ctx context.Context, base, head string) ([]string, error) {
	from, err := m.mergeBase(ctx, base, head)
	if err != nil {
		return nil, err
	}
	if from == "" {
		return nil, errOdd
	}
	a, err := m.commit(ctx, from)
	if err != nil {
		return nil, err
	}
	b, err := m.commit(ctx, head)
	if err != nil {
		return nil, err
	}
	l := lister{looker: looker{Mirror: m, left: maxLooks}}
	if err := l.list(ctx, a.tree, b.tree, ""); err != nil {
		return nil, err
	}
	return sorted(l.files), nil
}

// lister collects the paths that differ.
type lister struct {
	looker
	files []string
}

// maxListed bounds the paths; what differs in more is left to git, which streams.
const maxListed = 100_000

func (l *lister) list(ctx context.Context, before, after oid, dir string) error {
	if before == after {
		return nil
	}
	if len(l.files) > maxListed || len(dir) > 1<<14 {
		return errOdd
	}
	b, a, err := l.two(ctx, before, after)
	if err != nil {
		return err
	}
	was, is := byName(b), byName(a)
	for _, name := range names(b, a) {
		old, now := was[name], is[name]
		if old.same(now) {
			continue
		}
		var trees [2]oid
		for n, e := range []treeEntry{old, now} {
			switch {
			case e.isTree():
				trees[n] = e.id
			case e.id != oid{}:
				l.files = append(l.files, dir+name)
			}
		}
		if err := l.list(ctx, trees[0], trees[1], dir+name+"/"); err != nil {
			return err
		}
	}
	return nil
}

// leftToGit says whether git has to do what could not be done here. Only the
// caller's own end is no reason: whatever else went wrong, git may know better.
func leftToGit(ctx context.Context, err error) bool {
	var missing *MissingError
	return err != nil && ctx.Err() == nil && !errors.As(err, &missing) && !ofMirror(err)
}
