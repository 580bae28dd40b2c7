// Package logarchive keeps what attempts of builds leave behind, their logs and
// files, in a bucket of gocloud.dev/blob (Zuul: what base jobs upload to a log
// server, Swift, S3, GCS or Azure):
//
//	<namespace>/<build>/<attempt>/job-output.txt    the log, moved here when it has ended
//	<namespace>/<build>/<attempt>/<file>            what the executor sends before its Pod goes
//
// The bucket is a folder, S3 or something like it, Google Cloud Storage or Azure;
// its URL says which. Objects are written as a whole and never changed. What is
// there is all that is known: nothing else is written down, so a process may be
// killed between any two steps and another goes on.
//
// A log is first in the store of the manager (package logstore), for those who
// follow it. Keep moves it: it is uploaded, looked at, and only then deleted there.
//
// Whoever imports this package gets the clients of all clouds: roles that need
// them only, not the command line.
package logarchive
