package merger

import (
	"context"
	"fmt"
	"strings"

	"github.com/gozer-dev/gozer/internal/model"
)

// try asks one replica and remembers whether it answered. That the caller gave
// up says nothing about it.
func (r *Router) try(ctx context.Context, m *member[Merger], do func(Merger) error) error {
	r.requests.WithLabelValues(m.name).Inc()
	err := do(m.to)
	if isAway(err) && ctx.Err() != nil {
		return classify(context.Cause(ctx))
	}
	m.note(r.ring.now(), !isAway(err))
	return err
}

// route asks the replicas of a project until one answers. An answer for which
// elsewhere is true stands when no other gives a better one.
func route[Out any](ctx context.Context, r *Router, p model.Project, do func(Merger) (Out, error), elsewhere func(error) bool) (Out, error) {
	var none Out
	var silent []string
	var answer error
	kind := Denied
	for m := range r.ring.order(p.Canonical()) {
		var out Out
		err := r.try(ctx, m, func(m Merger) (err error) {
			out, err = do(m)
			return err
		})
		switch {
		case isAway(err):
			r.failovers.WithLabelValues(m.name).Inc()
			silent = append(silent, m.name+": "+err.Error())
			if KindOf(err) != Denied {
				kind = Transient
			}
		case err == nil || elsewhere == nil || !elsewhere(err):
			return out, err
		case answer == nil:
			answer = err
		}
	}
	if answer != nil {
		return none, answer
	}
	return none, nobody(silent, kind)
}

func nobody(silent []string, kind Kind) error {
	return &Error{Kind: kind, Message: fmt.Sprintf("no merger answers: %s", strings.Join(silent, "; ")), away: true}
}
