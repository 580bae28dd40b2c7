// Package podspec says what the Pods of a build look like, and what the state
// of such a Pod means.
//
// It is pure: objects of k8s.io/api in, objects out. A node Pod runs a job's
// commands under an SSH server; an executor Pod drives them. Neither has a
// service account token, runs as root, or can write outside its own volumes.
package podspec
