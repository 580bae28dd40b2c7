// Package jobgraph decides which jobs a change runs and in which order.
//
// Freeze applies inheritance and variants of a layout to a change: the result
// holds everything that a build needs and nothing that can change later (Zuul:
// job graph, frozen job). Advance looks at the jobs of a buildset and says
// which may start, which are skipped and what the result is.
package jobgraph
