// Package gitrepo keeps bare mirrors of projects and does to them what the
// merger needs: fetch, three-way merges without a worktree, commits with fixed
// ids, reading configuration files, refs, and serving a buildset's refs.
//
//	<root>/<connection>/<host>/<project>.git
//	    refs/gozer/fetched/...            what was fetched, for negotiation
//	    refs/gozer/state/<digest>         prepared states, kept from gc
//	    refs/gozer/frozen/<digest>        whole repositories as they were, kept from gc
//	    refs/gozer/published/<tenant>/<buildset>
//	                                      what is published, kept from gc
//	    gozer/<tenant>/<buildset>/        a repository: what one buildset's Pods may read
//	    collected                         its time is when objects were collected last
//
// A repository is data from strangers. Git runs with an environment made from
// nothing: no configuration of the host, no hooks, only http(s), bounded time
// and output, its own process group. Credentials travel in the environment of
// one process and never in an argument, a URL, a file or an error.
//
// What is asked of remotes is shared (rounds) and bounded (network, pause). A
// mirror is a cache: one that is broken is made anew (heal), one that nobody uses
// goes when its room is needed (disk), and a Mirror ends with its directory (life).
//
// The package decides nothing: package mergeplan says what to merge, package
// merger calls this one.
package gitrepo
