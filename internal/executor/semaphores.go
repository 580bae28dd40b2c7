package executor

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/gozer-dev/gozer/internal/buildspec"
)

// takeSemaphores waits until the build holds those of a playbook; nil when it does.
// The wait counts against the playbook's time.
func (b *build) takeSemaphores(ctx, limit context.Context, p buildspec.Playbook) *ended {
	if len(p.Semaphores) == 0 || b.spec.SemaphoresURL == "" {
		return nil
	}
	b.log.printf("Waiting for semaphores: %s", strings.Join(p.Semaphores, ", "))
	err := b.askSemaphores(limit, p.Semaphores)
	if err == nil {
		err = b.heldSemaphores(limit)
	}
	switch {
	case err == nil:
		b.log.printf("Holding semaphores: %s", strings.Join(p.Semaphores, ", "))
		return nil
	case limit.Err() != nil:
		return &ended{how: cutShort(ctx)}
	}
	return &ended{how: lostOrStopped(ctx), why: "the semaphores of " + p.Path + " could not be had: " + err.Error()}
}

// giveSemaphoresBack does so when the playbook has ended. Without it, they are
// given back when the next playbook asks for others, or when the build ends.
func (b *build) giveSemaphoresBack(ctx context.Context, p buildspec.Playbook) {
	if len(p.Semaphores) == 0 || b.spec.SemaphoresURL == "" {
		return
	}
	limit, cancel := context.WithTimeout(ctx, b.opts.LogGiveUp)
	defer cancel()
	if err := b.askSemaphores(limit, []string{}); err != nil && ctx.Err() == nil {
		b.log.printf("The semaphores of %s were not given back: %v", p.Path, err)
	}
}

func (b *build) askSemaphores(ctx context.Context, names []string) error {
	raw, err := json.Marshal(buildspec.SemaphoreAsk{Names: names})
	if err != nil {
		return err
	}
	return b.deliver(ctx, b.spec.SemaphoresURL, raw)
}

// heldSemaphores returns when the build has what it asked for.
func (b *build) heldSemaphores(ctx context.Context) error {
	return until(ctx, b, b.spec.SemaphoresURL, func(answer buildspec.SemaphoreAnswer) bool { return answer.Held })
}
