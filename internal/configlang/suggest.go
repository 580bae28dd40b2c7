package configlang

import "fmt"

// didYouMean is a hint with the name that a misspelt one probably means.
func didYouMean(word string, among []string) string {
	if c := closest(word, among); c != "" {
		return fmt.Sprintf("did you mean %q?", c)
	}
	return ""
}

// closest finds the name that a misspelt one probably means.
func closest(word string, among []string) string {
	allowed := 2
	if len(word) <= 4 {
		allowed = 1
	}
	best := ""
	for _, a := range among {
		if d := distance(word, a); d <= allowed && d < len(word) {
			best, allowed = a, d-1
		}
	}
	return best
}

// distance is the number of letters to add, drop, change or swap between two words.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	// rows[i][j] is the distance between the first i letters of a and j of b.
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}
