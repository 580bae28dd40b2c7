//go:build !race

package scenario

// orders is in how many random orders a story is played.
const orders = 200
