// Package gate decides what a change queue does next.
//
// Plan looks at a snapshot of one queue and returns named actions; it reads no
// clock, no network and no history. Apply carries the structural actions out
// on the snapshot. The changequeue controller gathers the snapshot, writes
// what Apply made of it, and performs the outside actions (Lookup, Merge,
// Report), whose results are facts of the next snapshot.
//
// The rules are Zuul's: items merge in order; each is tested on the nearest
// non-failing item ahead (NNFI); a failing item stays until nothing is ahead
// of it, and items behind it go on without it.
//
//	A ● ← B ● ← C ✖   D ●        C fails: D, and only D and what stands on it,
//	             └────┘            is reset onto B. C is reported when B is gone.
//
// Properties, each of them a test: safe (what merges was tested as it merges),
// minimal (a failure resets exactly what stood on it), live (a fixed point is
// reached), level-based (planning twice gives nothing new), linear. Package
// modelcheck holds the first four against every state of small worlds.
package gate
