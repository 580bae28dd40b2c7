// Package console measures how a line of a log gets from the executor to those
// who follow it: `make bench`, or
//
//	go test ./test/console -run '^$' -bench .
//
// Executor's uploader, manager, web role and all followers are one process here,
// and speak over loopback.
package console
