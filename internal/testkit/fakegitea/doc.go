// Package fakegitea is a Gitea for tests of what speaks to its API: pull
// requests, reviews, statuses, comments and merges, in memory, no git.
//
// It is strict: it answers only the routes that Gozer uses, refuses fields
// that Gitea 1.26 or its predecessors do not have, checks the token, and
// refuses merges with Gitea's own codes and words. A test fails when something
// else is asked of it.
package fakegitea
