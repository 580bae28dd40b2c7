// Package scenario plays the whole gate on one goroutine: no API server, no
// git, no cluster. Stories in testdata say what people do, and behind each
// "----" what the gate did.
//
// What decides is what decides in production: match, depends, gate, jobgraph,
// layout and report. What the controllers do around it (gather, carry out,
// store) is played here on plain values, one step at a time:
//
//	tenant         configuration of the branches' heads is put in force
//	pipeline       one event: what leaves, what enters where
//	queue <name>   one plan after the other, until nothing is left to do
//	item <name>    the speculative state, its configuration, its jobs
//	set <name>     the job graph moves on
//	semaphores     builds get theirs, and go on
//	nodes          requests are served by priority
//	build <name>   a job starts, ends, is cancelled
//
// A state of a branch is the sequence of what was merged into it, so that two
// trees are the same when the sequences are. What survives a crash is in store;
// all else is a cache.
//
// After every step the invariants of the gate are checked: what merges is what
// was tested, in the order of the queue; a failure resets what stood on it and
// nothing else; planning again gives nothing new; everything ends. A story has
// the same end in whatever order the controllers have their turns.
//
// A Mirror is told of a story what people do, and what it is to come to: that is
// how some are played with the real controllers as well.
package scenario
