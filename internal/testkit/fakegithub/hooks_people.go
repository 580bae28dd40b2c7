package fakegithub

import (
	"bytes"
	"math/rand/v2"
	"slices"
)

// SetWebhook says where the App's webhooks go. Without it none are sent.
func (s *Server) SetWebhook(url, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks.app = &hook{id: s.id(), url: url, secret: secret}
}

// AddWebhook adds one for all that happens in an organization, or a repository ("acme/api"):
// without an App.
func (s *Server) AddWebhook(of, url, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks.others = append(s.hooks.others, &hook{id: s.id(), url: url, secret: secret, owner: of})
}

// DropWebhooks lets the next ones not arrive; the App's list says that they failed.
func (s *Server) DropWebhooks(n int) { s.hook(func(h *hooks) { h.drop = n }) }

// DuplicateWebhooks sends the next ones twice.
func (s *Server) DuplicateWebhooks(n int) { s.hook(func(h *hooks) { h.twice = n }) }

// HoldWebhooks keeps webhooks until ReleaseWebhooks.
func (s *Server) HoldWebhooks() { s.hook(func(h *hooks) { h.holding = true }) }

// ReleaseWebhooks sends what was held, in an order that order makes: slices.Reverse,
// for example, or Shuffle; as it was when nil.
func (s *Server) ReleaseWebhooks(order func([]*Delivery)) {
	s.hook(func(h *hooks) {
		if order != nil {
			order(h.held)
		}
		held := h.held
		h.held, h.holding = nil, false
		for _, d := range held {
			d.ID, d.DeliveredAt = s.id(), s.now()
			h.dispatch(d)
		}
	})
}

// Shuffle is an order for ReleaseWebhooks, the same for the same seed.
func Shuffle(seed uint64) func([]*Delivery) {
	return func(list []*Delivery) {
		rand.New(rand.NewPCG(seed, seed)).Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
}

// ForgeWebhook sends a webhook that GitHub did not send: its signature is wrong.
func (s *Server) ForgeWebhook(event string, payload []byte) {
	s.hook(func(h *hooks) { h.raw(event, payload, "not "+h.app.secret) })
}

// OversizeWebhook sends a webhook of that many bytes, well signed.
func (s *Server) OversizeWebhook(event string, size int) {
	s.hook(func(h *hooks) {
		payload := append([]byte(`{"action":"`), bytes.Repeat([]byte("x"), size)...)
		h.raw(event, append(payload, `"}`...), h.app.secret)
	})
}

// raw sends bytes as they are to the App; GitHub's list does not know of them.
func (h *hooks) raw(event string, payload []byte, secret string) {
	to := &hook{id: h.app.id, url: h.app.url, secret: secret}
	d := &Delivery{ID: h.s.id(), GUID: guid(), Event: event, DeliveredAt: h.s.now(), Payload: payload, hook: to}
	d.Headers = to.headers(h.s, d)
	h.queue = append(h.queue, d)
	h.wake.Broadcast()
}

// Settle waits until all webhooks are delivered that are not held.
func (s *Server) Settle() {
	s.hook(func(h *hooks) {
		for (len(h.queue) > 0 || h.busy) && !h.ended {
			h.wake.Wait()
		}
	})
}

// Deliveries of the App's webhooks, oldest first.
func (s *Server) Deliveries() []Delivery {
	var out []Delivery
	s.hook(func(h *hooks) {
		for _, d := range h.deliveries {
			own := *d
			own.Payload = slices.Clone(d.Payload)
			out = append(out, own)
		}
	})
	return out
}

func (s *Server) hook(f func(h *hooks)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s.hooks)
}

// deliveryObject as the API has it; with the request when full.
func (d *Delivery) object(full bool) Object {
	out := Object{"id": d.ID, "guid": d.GUID, "delivered_at": stamp(d.DeliveredAt), "redelivery": d.Redelivery, "duration": d.Duration.Seconds(),
		"status": d.Status, "status_code": d.StatusCode, "event": d.Event, "action": orNil(d.Action), "installation_id": orZero(d.InstallationID),
		"repository_id": orZero(d.RepositoryID), "throttled_at": nil}
	if full {
		headers := Object{}
		for k, v := range d.Headers {
			headers[k] = v
		}
		out["url"] = d.hook.url
		out["request"] = Object{"headers": headers, "payload": d.Payload}
		out["response"] = Object{"headers": Object{}, "payload": d.Answer}
	}
	return out
}

func orZero(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}
