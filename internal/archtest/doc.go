// Package archtest has a test that keeps the layers apart (ARCHITECTURE.md 5):
//
//	cmd -> controllers -> I/O packages -> pure packages -> model
//
// Pure packages decide. They know no cluster, no network, no git, no process
// and no clock, so that every decision can be tested with values alone. The
// test reads the sources; a new package must be given its layer.
package archtest
