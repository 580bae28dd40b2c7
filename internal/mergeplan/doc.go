// Package mergeplan decides which merges make a speculative state: for every
// branch that takes part, the chain of changes that are merged onto its frozen
// head, in queue order, and the digest under which each link is known.
//
//	base ──(change 1)──► d1 ──(change 2)──► d2 ──(change 3)──► d3
//
// A digest covers the base and everything that goes into the commits, so the
// state of item k is the state of the item ahead plus one merge, and a queue
// of n items costs n merges however often it is prepared.
//
// The package is pure: it knows no git and no network; package merger does
// what it says. It stands for the part of Zuul's merger that walks the items
// of a merge request.
package mergeplan
