//go:build !race

package scenario

// orders is in how many random orders a story is played.
const orders = 200

// randomStories is how many are made up; -rapid.checks asks for more.
const randomStories = "500"
