// Package fakegithub is a GitHub for tests: it keeps state, has real git
// repositories, sends webhooks, and is strict.
//
// Every request is checked against GitHub's own description (package spec):
// what GitHub does not have, the fake refuses, and says so to the test. Its own
// answers and webhooks are checked in the same way, so that the fake is honest.
// Only what a gate needs can be asked of it.
//
//	s := fakegithub.New(t)
//	repo := s.CreateRepo("acme/api", map[string]string{"README": "hello\n"})
//	s.Install("acme", nil)                 // the App, with all it may need
//	pr := repo.Open(fakegithub.Opening{Title: "A change", Files: map[string]string{"a": "1\n"}})
//	pr.Review("bob", "APPROVED", "")
//
// As on GitHub, an App is "gozer[bot]" in REST and webhooks, and "gozer" in GraphQL;
// a merge commit that is named before merging is a test; what is asked with the
// ETag of the last answer is free when nothing changed; webhooks come later, see
// Settle.
//
// It has no comments at lines, merge queues, teams, code owners and mutations of
// GraphQL, searches find parts of words, and git cannot push.
//
// Its API is at s.URL as on github.com, and at s.URL+"/api/v3" as of an
// Enterprise server; GraphQL at /graphql and /api/graphql; git at s.URL+"/acme/api.git".
package fakegithub
