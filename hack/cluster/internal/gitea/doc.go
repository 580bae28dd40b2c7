// Package gitea configures the code host of the local cluster and makes its
// administrator. Gitea runs as one process in the cluster's network, so that
// its URL is the same for the machine and for Pods.
package gitea
