package merger

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"
)

// leaveOut is how long a replica that did not answer is left out, and then how
// often it is tried.
const leaveOut = 10 * time.Second

// ring gives every project an order of replicas, by rendezvous hashing. It is
// the same order in every process that knows the same names, and without a
// replica only the projects move of which it was the first.
type ring[T any] struct {
	members []*member[T]
	now     func() time.Time
}

// member is one replica and whether it answers.
type member[T any] struct {
	name string
	to   T

	mu sync.Mutex
	// tryAt is when a replica that did not answer is tried again; zero when it does.
	tryAt time.Time
}

func (r *ring[T]) add(name string, to T) {
	r.members = append(r.members, &member[T]{name: name, to: to})
}

// weight of a replica for a project.
func weight(replica, project string) uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "gozer-replica-v1\n%d:%s\n%d:%s\n", len(replica), replica, len(project), project))
	return binary.BigEndian.Uint64(sum[:])
}

// ranked gives the replicas of a canonical project, the first choice first.
func (r *ring[T]) ranked(project string) []*member[T] {
	weights := make(map[*member[T]]uint64, len(r.members))
	for _, m := range r.members {
		weights[m] = weight(m.name, project)
	}
	return slices.SortedFunc(slices.Values(r.members), func(a, b *member[T]) int {
		return cmp.Or(cmp.Compare(weights[b], weights[a]), cmp.Compare(a.name, b.name))
	})
}

// order gives the replicas of a canonical project one after the other, those
// that are left out at the end: better late than not at all.
func (r *ring[T]) order(project string) iter.Seq[*member[T]] {
	return func(yield func(*member[T]) bool) {
		var leftOut []*member[T]
		for _, m := range r.ranked(project) {
			if !m.admit(r.now()) {
				leftOut = append(leftOut, m)
			} else if !yield(m) {
				return
			}
		}
		for _, m := range leftOut {
			if !yield(m) {
				return
			}
		}
	}
}

// admit says whether a replica is to be asked. Of those that come when it was
// left out long enough, it lets one through to try.
func (m *member[T]) admit(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.tryAt.IsZero():
		return true
	case now.Before(m.tryAt):
		return false
	}
	m.tryAt = now.Add(leaveOut)
	return true
}

// note remembers whether a replica answered.
func (m *member[T]) note(now time.Time, answered bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tryAt = time.Time{}
	if !answered {
		m.tryAt = now.Add(leaveOut)
	}
}
