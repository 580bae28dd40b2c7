// Package repostate is where the branches and tags of a repository were at one
// moment: what jobs see of it, however long they run and however often they are
// retried (Zuul: global repo state). It says how that is written down, under
// which digest, and what a job's checkout is.
//
// The package is pure: package merger asks the code host.
package repostate
