package controllers_test

import (
	"context"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/controllers"
	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/testkit/fakehost"
)

// stalledHosts finds the same host for everybody.
type stalledHosts struct {
	controllers.Hosts
	host *stalledHost
}

func (s stalledHosts) Host(context.Context, string) (drivers.Host, error) { return s.host, nil }

// stalledHost does not answer who tells it of one change, until it is let go.
type stalledHost struct {
	*fakehost.Host
	number int64
	once   sync.Once
	asked  chan struct{}
	free   chan struct{}
}

func (s *stalledHost) SetStatus(ctx context.Context, c model.Change, status drivers.Status) error {
	if c.Number == s.number {
		s.once.Do(func() { close(s.asked) })
		select {
		case <-s.free:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return s.Host.SetStatus(ctx, c, status)
}

// TestStalledHostKeepsOneQueue: a queue that waits for a code host's answer keeps
// no other queue waiting.
func TestStalledHostKeepsOneQueue(t *testing.T) {
	w := newWorld(t)
	host := &stalledHost{Host: w.host, number: 1, asked: make(chan struct{}), free: make(chan struct{})}
	w.hosts = stalledHosts{w.host, host}
	w.say(success)
	w.start()
	w.loaded()
	w.opened(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
	<-host.asked
	w.opened(w.host.Open("acme/api", 2, "B", "", map[string]string{"b": "1"}))
	w.eventually("the second is through, the first is not", func() string {
		return cmp.Diff([]string{"acme/api#1", "acme/api#2 SUCCESS"}, w.itemResults("check"))
	})
	close(host.free)
	w.eventually("both are through", func() string {
		return cmp.Diff([]string{"acme/api#1 SUCCESS", "acme/api#2 SUCCESS"}, w.itemResults("check"))
	})
}
