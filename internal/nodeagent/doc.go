// Package nodeagent is the role `gozer node`: the main process of a node Pod's
// container, whatever its image is, as long as it has a shell.
//
// It is an SSH server for the client key of its build, and for those that the
// build lets in with ~/.ssh/authorized_keys: commands, shells, ptys, signals,
// sftp, and TCP ports that are sent on either way, so that ssh, sftp, rsync, git
// and Ansible work on a Pod as they do on a virtual machine (Zuul: a Nodepool
// node). Every command runs as the user that the container has; the user name
// that the client gives is not looked at.
//
// # Processes
//
//	PID 1  gozer node      only waits: reaps whatever is orphaned (init.go)
//	  └─ gozer node        the SSH server; waits for its own children only
//	       └─ sh -c ...    one session: its own process group (process.go)
//
// Reaping with wait4(-1) and os/exec in one process steal exit codes from each
// other; two processes cannot. The agent is not a subreaper, so orphans go past
// it to PID 1.
//
// A session's process group is killed when its channel or its connection goes
// before the command has ended, and with its leader when the client has sent it
// TERM or KILL. What a finished command left running in the
// background stays, as with sshd: a pre-run may start a daemon for the run.
//
// It also has the four things that a node needs from nothing but this binary:
// Unpack (a workspace sent as a tar stream), Pack (files that go the other way),
// HoldSecrets (a file that is there while a script runs) and Install (the binary copied into the Pod by an init
// container).
//
// The output of a task of Ansible is followed through the subsystem
// ConsoleSubsystem + id (console.go): it needs no port that others could reach.
package nodeagent
