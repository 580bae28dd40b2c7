// Package github speaks to GitHub and GitHub Enterprise Server: with the tokens
// of an App's installations, or with one token.
//
// A change is read by one GraphQL query, which tells its reviews, statuses and
// what GitHub has against merging it; where GraphQL is not to be had, REST tells
// the same. All requests pass one gate for each set of credentials, which knows
// what GitHub's limits leave, and serves merging before reading before polling.
package github
