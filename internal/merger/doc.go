// Package merger makes speculative states: it does what package mergeplan says
// on the mirrors of package gitrepo, publishes the result to the Pods of one
// buildset, and reads configuration files and branch heads for the manager.
//
// A merger holds no state of the gate. Everything that it keeps can be made
// again: commits are reproducible, so after a crash, or on another machine,
// the same request gives the same commits. A conflict is an answer, not an error.
//
// Service works in-process; Handler and Client put HTTP between, and package
// identity says who is there; Router makes one Merger of several. It stands for
// Zuul's merger (merge, cat, refstate and fileschanges jobs) and for the part of
// its executor that hands prepared repositories to jobs.
package merger
