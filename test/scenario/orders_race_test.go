//go:build race

package scenario

// orders is fewer under the race detector: there is one goroutine, and the
// detector has nothing to find, but takes ten times as long.
const orders = 10
