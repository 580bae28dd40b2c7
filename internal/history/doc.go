// Package history keeps what became of builds after their custom resources are
// gone (Zuul: the SQL reporter, the builds and buildsets pages, the time
// database that estimates are made from).
//
// It is an embedded SQLite file that one process owns. It is not part of the
// state of the gate: nothing is decided by it, and losing it loses only the
// past. Recording is idempotent, so whoever records may do it again after a crash.
package history
