package gitrepo

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gozer-dev/gozer/internal/lru"
)

const (
	// maxTreeBytes of one directory that is merged here: some 500,000 files.
	maxTreeBytes = 32 << 20
	// What is remembered of one mirror.
	cachedTrees   = 1_000
	cachedCommits = 10_000
	cachedFrozen  = 100
)

// oid is an object id; zero is none.
type oid [20]byte

func parseOID(s string) (oid, error) {
	var id oid
	if n, err := hex.Decode(id[:], []byte(s)); err != nil || n != len(id) || len(s) != 2*len(id) {
		return oid{}, fmt.Errorf("%q is not an object id", clip(s))
	}
	return id, nil
}

func (id oid) String() string { return hex.EncodeToString(id[:]) }

// treeEntry is one line of a directory.
type treeEntry struct {
	name string
	mode uint32
	id   oid
}

const (
	modeTree    = 0o040000
	modeCommit  = 0o160000
	modeFile    = 0o100644
	modeExec    = 0o100755
	modeGroup   = 0o100664 // of old histories
	modeSymlink = 0o120000
)

func (e treeEntry) isTree() bool { return e.mode == modeTree }

func (e treeEntry) same(o treeEntry) bool { return e.mode == o.mode && e.id == o.id }

// compareEntries is git's order: a directory sorts as if its name ended with a slash.
func compareEntries(a, b treeEntry) int { return cmp.Compare(sortName(a), sortName(b)) }

func sortName(e treeEntry) string {
	if e.isTree() {
		return e.name + "/"
	}
	return e.name
}

// errOdd is what is better left to git.
var errOdd = errors.New("not for here")

// parseTree reads a tree object. One that git would not have written is odd.
func parseTree(raw []byte) ([]treeEntry, error) {
	entries := make([]treeEntry, 0, len(raw)/40)
	for len(raw) > 0 {
		mode, rest, ok := bytes.Cut(raw, []byte{' '})
		name, rest, ok2 := bytes.Cut(rest, []byte{0})
		if !ok || !ok2 || len(rest) < 20 || len(name) == 0 || bytes.IndexByte(name, '/') >= 0 {
			return nil, errOdd
		}
		m, err := strconv.ParseUint(string(mode), 8, 32)
		if err != nil || mode[0] == '0' {
			return nil, errOdd
		}
		e := treeEntry{name: string(name), mode: uint32(m), id: oid(rest[:20])}
		switch e.mode {
		case modeTree, modeCommit, modeFile, modeExec, modeGroup, modeSymlink:
		default:
			return nil, errOdd
		}
		if n := len(entries); n > 0 && compareEntries(entries[n-1], e) >= 0 {
			return nil, errOdd
		}
		entries = append(entries, e)
		raw = rest[20:]
	}
	return entries, nil
}

// formatTree is what parseTree reads.
func formatTree(entries []treeEntry) []byte {
	var b bytes.Buffer
	for _, e := range entries {
		fmt.Fprintf(&b, "%o %s\x00", e.mode, e.name)
		b.Write(e.id[:])
	}
	return b.Bytes()
}

// commitInfo is what merging needs of a commit.
type commitInfo struct {
	tree    oid
	parents []string
	time    int64
}

// objectCache has what was read of a mirror: objects never change.
type objectCache struct {
	trees   *lru.Cache[oid, []treeEntry]
	commits *lru.Cache[string, commitInfo]
	// frozen has the commits that keep frozen repositories, by digest.
	frozen *lru.Cache[string, string]
}

func newObjectCache() objectCache {
	return objectCache{
		trees: lru.New[oid, []treeEntry](cachedTrees), commits: lru.New[string, commitInfo](cachedCommits), frozen: lru.New[string, string](cachedFrozen),
	}
}

// tree reads a directory; the zero id is an empty one. The result must not be changed.
func (m *Mirror) tree(ctx context.Context, id oid) ([]treeEntry, error) {
	if id == (oid{}) {
		return nil, nil
	}
	if t, ok := m.known.trees.Get(id); ok {
		return t, nil
	}
	kind, raw, err := m.read(ctx, id.String(), maxTreeBytes)
	switch {
	case errors.Is(err, errTooLarge):
		return nil, errOdd
	case err != nil:
		return nil, err
	case kind == "":
		return nil, m.absent(id.String())
	case kind != "tree":
		return nil, errOdd
	}
	t, err := parseTree(raw)
	if err == nil {
		m.known.trees.Put(id, t)
	}
	return t, err
}

// commit reads a commit.
func (m *Mirror) commit(ctx context.Context, id string) (commitInfo, error) {
	if c, ok := m.known.commits.Get(id); ok {
		return c, nil
	}
	full, err := m.ReadCommit(ctx, id)
	if err != nil {
		return commitInfo{}, err
	}
	tree, err := parseOID(full.Tree)
	if err != nil {
		return commitInfo{}, errOdd
	}
	c := commitInfo{tree: tree, parents: full.Parents, time: timeOf(full.Committer)}
	m.known.commits.Put(id, c)
	return c, nil
}

// timeOf an identity: "Name <mail> 1700000000 +0000"; 0 when it has none, as git takes it.
func timeOf(identity string) int64 {
	_, rest, _ := strings.Cut(identity[strings.LastIndexByte(identity, '>')+1:], " ")
	seconds, _, _ := strings.Cut(rest, " ")
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// names of two or three directories together, sorted.
func names(lists ...[]treeEntry) []string {
	var out []string
	for _, l := range lists {
		for _, e := range l {
			out = append(out, e.name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// byName makes entries easy to find.
func byName(entries []treeEntry) map[string]treeEntry {
	m := make(map[string]treeEntry, len(entries))
	for _, e := range entries {
		m[e.name] = e
	}
	return m
}
