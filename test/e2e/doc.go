// Package e2e plays the story of package story on a real Kubernetes with real
// pull requests, while things go wrong: the manager is killed, webhooks come
// twice and late, a node vanishes, the forge does not answer. What becomes of
// the changes must be the same each time.
//
// `make test-e2e` runs it on a cluster of its own. Without one it fails.
package e2e
