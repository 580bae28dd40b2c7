// Package jobgraph decides which jobs run for an item, with which settings and
// in which order (Zuul: job graph, frozen jobs), and what follows from results.
//
// Freeze walks from the stanzas of the project over the definitions of each job
// and its parents, root first, and lays one over the other by the rules of
// FEATURES 2.3 and 2.5. Advance says what may start next.
package jobgraph
