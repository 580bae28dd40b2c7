// Package history keeps what became of builds after their custom resources are
// gone (Zuul: the SQL reporter, the builds and buildsets pages, the time
// database that estimates are made from).
//
// It is an embedded SQLite file that one process owns. It is not part of the
// state of the gate: what merges is not decided by it, and losing it loses only the
// past, with the artifacts that builds of changes which are not tested at the moment
// have left for those that need them. Recording is idempotent, so whoever records may do it again after a crash.
package history
