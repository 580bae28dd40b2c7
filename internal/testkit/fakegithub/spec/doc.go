// Package spec is what GitHub itself says of its interfaces: the OpenAPI
// description of its REST API, the schema of its GraphQL API, and the JSON
// schemas of its webhooks. A fake that is checked against them cannot drift
// away from GitHub, and neither can who speaks to it.
//
// It finds operations by method and path, checks requests and answers, and
// completes objects: a builder says what matters, and what GitHub requires
// besides gets the emptiest value that the description allows.
//
// The files come from `make github-descriptions`.
package spec
