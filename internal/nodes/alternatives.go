package nodes

import (
	"fmt"
	"strings"
)

// maxFailures bounds how long the reasons of all alternatives may be together.
const maxFailures = 900

// Failure words why a request failed: of several alternatives each is named with
// what it failed with.
func Failure(alternatives [][]string, failures []string) string {
	if len(alternatives) == 1 {
		return strings.Join(failures, "; ")
	}
	var out []string
	room := maxFailures / max(1, len(failures))
	for n, why := range failures {
		of := strings.Join(alternatives[n], ", ")
		if of == "" {
			of = "no nodes"
		}
		out = append(out, fmt.Sprintf("(%d) %s: %s", n+1, cut(of, room/3), cut(why, room*2/3)))
	}
	return fmt.Sprintf("none of the %d nodesets could be had: %s", len(alternatives), strings.Join(out, "; "))
}

func cut(text string, n int) string {
	if r := []rune(text); len(r) > n {
		return string(r[:n]) + "…"
	}
	return text
}

// Again words that nodes are launched again.
func Again(launch, of int32, why string) string {
	return fmt.Sprintf("launch %d of %d: %s", launch, of, why)
}

// Alternative words that another nodeset is asked for.
func Alternative(n, of int, why string) string {
	return fmt.Sprintf("alternative %d of %d: %s", n, of, why)
}
