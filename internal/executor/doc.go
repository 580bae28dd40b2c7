// Package executor is the role `gozer executor`: it runs one attempt of one
// build and ends (Zuul: the executor, one Pod per build instead of a daemon).
//
//	spec, keys, tokens  ->  Run  ->  outcome (the Pod's termination message)
//	                         |
//	   1 fetch    the prepared state of every project     git.go, plan.go
//	   2 connect  to every node by SSH, host keys pinned  node.go
//	   3 send     the workspace as a tar stream           send.go
//	   4 run      pre-run, run, post-run on the first node  phases.go
//	   5 tell     log to the end, then the outcome        upload.go, outcome.go
//
// It decides nothing about the change but the result of this attempt: RETRY
// when the attempt says nothing about the change, and the manager counts those.
//
// The nodes are hostile: all that comes from them is output, bounded and made
// safe (lines.go), and an exit code. The tokens stay in this process, the
// credentials of git in the environment of git. The only secrets that go to a
// node are those of a playbook that is to have them: to the first node, into a
// file that is there while the playbook runs (secrets.go). What of them comes
// back in the log is taken out (hide.go).
package executor
