package fakegithub

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Fault is something that goes wrong.
type Fault struct {
	// Operation that it befalls: "PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge",
	// "POST /graphql"; all when empty.
	Operation string
	// Times that it happens; again and again when 0, until Heal.
	Times int
	// Status is answered, with Message, and nothing is done.
	Status  int
	Message string
	// Primary answers that all requests of the hour are used; Secondary that they
	// came too fast, with this status (403 or 429) and Retry-After.
	Primary    bool
	Secondary  int
	RetryAfter time.Duration
	// Cut does what is asked, and cuts the connection instead of answering.
	Cut bool
	// Slow waits before the answer, when all is done.
	Slow time.Duration
}

// BaseModified is what GitHub says when a branch moves while it merges to it.
func BaseModified(times int) Fault {
	return Fault{Operation: "PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge", Times: times,
		Status: http.StatusMethodNotAllowed, Message: "Base branch was modified. Review and try the merge again."}
}

// Fault lets something go wrong from now on, and gives what ends it.
func (s *Server) Fault(f Fault) (heal func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.routes[f.Operation]; !known && f.Operation != "" {
		s.options.Fatal("the fake has no operation " + f.Operation)
	}
	own := &f
	s.faults = append(s.faults, own)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.faults = slices.DeleteFunc(s.faults, func(g *Fault) bool { return g == own })
	}
}

// Heal ends all faults.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// fault that befalls an operation, which is used up by it.
func (s *Server) fault(operation string) *Fault {
	for i, f := range s.faults {
		if f.Operation != "" && f.Operation != operation {
			continue
		}
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				s.faults = slices.Delete(s.faults, i, i+1)
			}
		}
		return f
	}
	return nil
}

// before is what is answered in place of doing anything.
func (f *Fault) before(c *call) *reply {
	switch {
	case f.Primary:
		if who, no := c.s.authenticate(c.r); no == nil {
			c.who, c.limit = who, c.s.limitOf(who, resource(c.name))
			c.limit.used = c.limit.size
		}
		return c.exceeded()
	case f.Secondary != 0:
		if f.RetryAfter > 0 {
			c.header.Set("Retry-After", strconv.Itoa(int(f.RetryAfter.Seconds())))
		}
		return problem(f.Secondary, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.")
	case f.Status != 0:
		message := f.Message
		if message == "" {
			message = http.StatusText(f.Status)
		}
		return problem(f.Status, message)
	}
	return nil
}
