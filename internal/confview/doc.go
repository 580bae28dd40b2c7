// Package confview shows a tenant's configuration to people and programs: what
// is wrong with it, which jobs run where, and where each setting of a job comes
// from. It decides nothing; it words what layout and jobgraph found.
//
// ErrorRecord and JobsRecord are JSON lines with the fields that tools around
// Zuul compare: one line for each error, one for each project, pipeline and branch.
package confview
