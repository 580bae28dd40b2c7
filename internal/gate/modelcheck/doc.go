// Package modelcheck visits every state that a small world around the queue
// engine can reach, and checks in each that the gate is safe, minimal,
// level-based and live.
//
// The world has up to four items in two projects. One item may be a cycle of
// dependencies: two changes that are tested together and merged one after the
// other. What is not the gate's to decide happens in every order: arrivals,
// results of jobs, pushes by hand, changes that are closed or dequeued,
// refusals of the code host, and the death of the process between any two of
// its writes and effects.
//
// Steps are those of controllers/changequeue: a reconcile reads what is stored
// once, plans in memory until something outside is to be done, writes the items
// that changed one by one and the queue last, and only then acts outside; what
// it learns there is written with the next round. What was looked up and not
// written is lost when the process dies; effects at the code host stay.
//
//	world.go      what there is, and how often what is rare may happen
//	state.go      a state, in the one form that all equal states have
//	process.go    the process: gather, plan, flush
//	effects.go    what it does outside, with what makes a merge safe
//	environment.go  everything else that happens
//	invariants.go   what holds for each plan and each state
//	search.go set.go  the breadth-first search and the states that were seen
//	live.go       no run of fair steps is endless
//	story.go      the way to a violation, for people
//
// What is rare is bounded, so there are finitely many states. Epochs only tell
// same from other, and are numbered anew in each state.
//
// Reading what is stored is one step here, and preparing an item is another.
// Nothing sees a state that is being prepared, so taking longer about it does
// not differ from starting later.
package modelcheck
