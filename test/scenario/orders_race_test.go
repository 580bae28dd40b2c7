//go:build race

package scenario

// orders is fewer under the race detector: there is one goroutine, and the
// detector has nothing to find, but takes ten times as long.
const orders = 10

// randomStories is how many are made up; -rapid.checks asks for more.
const randomStories = "100"
