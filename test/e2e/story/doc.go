// Package story sets the stage in a real forge and a real cluster, and plays
// the story that Gozer is for: five pull requests A to E are approved in that
// order; C breaks only together with B; D needs A by Depends-On.
//
//	Stage    users, organization, repositories, webhooks; chart; Connection,
//	         NodePool, Tenant            forge.go, stage.go, cluster.go
//	Round    five fresh pull requests    round.go, content.go
//	Outcome  what became of them, read from Kubernetes and from the forge,
//	         and what must hold of it    outcome.go, check.go
//	Numbers  what it cost                numbers.go
//
// `make demo` plays one round for people to watch, test/e2e plays many under
// faults. The package knows nothing of tests: everything returns an error that
// says what was waited for, and Dump tells how things stood.
package story
