package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/convert"
)

// Asked is the annotation with the semaphores that a playbook needs. The executor
// asks for them before it runs the playbook, the semaphore controller gives them,
// and that the attempt went on with them is noted before the executor is told: from
// then on they are held whatever the Semaphores say.
type Asked struct {
	Attempt int32    `json:"attempt"`
	Names   []string `json:"names,omitempty"`
	Held    bool     `json:"held,omitempty"`
}

// AskedBy is what an attempt of a build has asked for; empty when there is nothing.
func AskedBy(b *gozer.Build) (Asked, error) {
	var a Asked
	text := b.Annotations[gozer.AnnotationPlaybook]
	if text == "" {
		return a, nil
	}
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return a, fmt.Errorf("annotation %s: %w", gozer.AnnotationPlaybook, err)
	}
	return a, nil
}

// Errors of Ask.
var (
	ErrNoPlaybook = errors.New("no playbook of the job needs these semaphores")
	// ErrNotGivenBack says to ask again: what the playbook before has held is not
	// given back yet, and could be taken for what this one gets.
	ErrNotGivenBack = errors.New("these semaphores are still held for the playbook before; ask again")
)

// Semaphores of playbooks, for executors.
type Semaphores struct {
	Client client.Client
	// Live reads past the cache: what was true of the playbook before must not be
	// taken for what is true now.
	Live client.Reader
	// Operator is the namespace of global Semaphores.
	Operator string
}

// Ask says which semaphores an attempt needs from now on; saying it again changes
// nothing. What an earlier attempt says does not count any more.
func (s Semaphores) Ask(ctx context.Context, namespace, name string, attempt int32, names []string) error {
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		var b gozer.Build
		if err := s.Live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &b); err != nil {
			return err
		}
		now, err := AskedBy(&b)
		switch {
		case err != nil:
			return err
		case now.Attempt > attempt, b.Status.Result != "":
			return nil
		case now.Attempt == attempt && slices.Equal(now.Names, names):
			return nil
		case len(names) > 0 && convert.OfPlaybook(&b, names) == nil:
			return ErrNoPlaybook
		}
		if some, err := s.holders(ctx, &b, names); err != nil || slices.Contains(some, true) {
			return errors.Join(err, ErrNotGivenBack)
		}
		return s.note(ctx, &b, Asked{Attempt: attempt, Names: names})
	})
}

// Held says whether an attempt has all that it asked for, and may go on.
func (s Semaphores) Held(ctx context.Context, namespace, name string, attempt int32) (bool, error) {
	held := false
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		var b gozer.Build
		if err := s.Live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &b); err != nil {
			return err
		}
		asked, err := AskedBy(&b)
		if err != nil || asked.Attempt != attempt || len(asked.Names) == 0 || asked.Held {
			held = asked.Held && asked.Attempt == attempt
			return err
		}
		all, err := s.holders(ctx, &b, asked.Names)
		if err != nil || slices.Contains(all, false) {
			return err
		}
		asked.Held = true
		if err := s.note(ctx, &b, asked); err != nil {
			return err
		}
		held = true
		return nil
	})
	return held, err
}

// holders says of each of a playbook's semaphores whether the build holds it.
func (s Semaphores) holders(ctx context.Context, b *gozer.Build, names []string) ([]bool, error) {
	var out []bool
	for _, j := range convert.OfPlaybook(b, names) {
		k := convert.SemaphoreKey(b.Namespace, s.Operator, j)
		var sem gozer.Semaphore
		if err := s.Live.Get(ctx, client.ObjectKey{Namespace: k.Scope, Name: k.Name}, &sem); client.IgnoreNotFound(err) != nil {
			return nil, err
		}
		out = append(out, slices.ContainsFunc(sem.Status.Holders, func(h gozer.SemaphoreHolder) bool {
			return h.Tenant == b.Namespace && h.Build == b.Name
		}))
	}
	return out, nil
}

func (s Semaphores) note(ctx context.Context, b *gozer.Build, a Asked) error {
	raw, err := json.Marshal(a)
	if err != nil {
		return err
	}
	before := b.DeepCopy()
	if b.Annotations == nil {
		b.Annotations = map[string]string{}
	}
	b.Annotations[gozer.AnnotationPlaybook] = string(raw)
	return s.Client.Patch(ctx, b, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}
