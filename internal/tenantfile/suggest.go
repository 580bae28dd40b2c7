package tenantfile

import (
	"fmt"
	"slices"
)

// didYouMean is a hint with the word that a misspelt one probably means, or the one given.
func didYouMean(word string, among []string, otherwise string) string {
	best, allowed := "", 2
	if len(word) <= 4 {
		allowed = 1
	}
	for _, a := range slices.Sorted(slices.Values(among)) {
		if d := distance(word, a); d <= allowed && d < len(word) {
			best, allowed = a, d-1
		}
	}
	if best == "" {
		return otherwise
	}
	return fmt.Sprintf("did you mean %q?", best)
}

// distance is the number of letters to add, drop, change or swap between two words.
func distance(a, b string) int {
	const longest = 40
	if len(a) > longest || len(b) > longest {
		return longest
	}
	// Three rows of the table: for the first i-2, i-1 and i letters of a.
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
