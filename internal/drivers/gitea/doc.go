// Package gitea speaks to Gitea and Forgejo: REST and webhooks.
//
// The published SDK is not used: it drops the text with which the host refuses
// a merge, which is what the author of the change needs to know, and has one
// context for a whole client.
package gitea
