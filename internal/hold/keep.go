package hold

import (
	"fmt"
	"slices"
	"time"
)

// Kept are the nodes of a build.
type Kept struct {
	Build       string
	Since, Till time.Time
	Nodes       []string
}

// Held is a request with what it keeps.
type Held struct {
	Count int
	Until time.Time
	// Wrong says why it is for no build at all.
	Wrong string
	Made  time.Time
	Kept  []Kept
	// There are the nodes that exist, and whether they leave.
	There map[string]bool
}

// Standing is what a request has come to.
type Standing string

// Standings, as they are told.
const (
	Waiting Standing = "Waiting"
	Done    Standing = "Done"
	Expired Standing = "Expired"
	Invalid Standing = "Invalid"
)

// Plan is what to do about a request.
type Plan struct {
	// Nodes of each build that exist, in the order of Kept.
	Nodes [][]string
	// Drop are nodes whose time is over.
	Drop []string
	// Standing, and Message in words.
	Standing Standing
	Message  string
	// Remove the request: it is done, and so is everything that it kept.
	Remove bool
	// Next is when something is due; zero for never.
	Next time.Time
}

const (
	// grace in which a node may not be seen yet that was just noted.
	grace = time.Minute
	// memory of a request that is done.
	memory = 24 * time.Hour
)

// Tend decides what becomes of a request and of what it keeps.
func Tend(h Held, now time.Time) Plan {
	p := Plan{Standing: Waiting}
	due := func(at time.Time) bool {
		if !now.Before(at) {
			return true
		}
		if p.Next.IsZero() || at.Before(p.Next) {
			p.Next = at
		}
		return false
	}
	last, kept := h.Made, 0
	for _, k := range h.Kept {
		over, fresh := due(k.Till), !due(k.Since.Add(grace))
		var nodes []string
		for _, n := range k.Nodes {
			leaves, there := h.There[n]
			if over && there && !leaves {
				p.Drop = append(p.Drop, n)
			}
			if there || fresh {
				nodes = append(nodes, n)
			}
		}
		kept += len(nodes)
		p.Nodes = append(p.Nodes, nodes)
		if k.Till.After(last) {
			last = k.Till
		}
	}
	switch {
	case h.Wrong != "":
		p.Standing, p.Message = Invalid, h.Wrong
	case len(h.Kept) >= h.Count:
		p.Standing, p.Message = Done, fmt.Sprintf("it has all the builds that it is for: %d", len(h.Kept))
	case !h.Until.IsZero() && due(h.Until):
		p.Standing, p.Message = Expired, "its own time is over: no further builds count"
		if h.Until.After(last) {
			last = h.Until
		}
	}
	if slices.Contains([]Standing{Done, Expired}, p.Standing) && kept == 0 {
		p.Remove = due(last.Add(memory))
	}
	return p
}
