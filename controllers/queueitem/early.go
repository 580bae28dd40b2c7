package queueitem

import (
	"context"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/source"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
)

// early holds states that are made and whose objects are still being written:
// whoever stands on one need not wait for that. It makes a deep queue take one
// merge after the other, not one set of writes after the other.
//
// A process that dies in between may leave a buildset behind whose item ahead is
// prepared anew, perhaps on another head of the branch. What was tested then is
// not what is ahead: the trees tell when it is to merge, and it is tested again.
type early struct {
	mu   sync.Mutex
	made map[types.NamespacedName]*earlyState
	// next are items that can go on.
	next chan event.GenericEvent
}

// earlyState of an item's epoch.
type earlyState struct {
	epoch    int32
	prepared *prepared
	// pipeline as it was when the jobs were frozen.
	pipeline gozer.Pipeline
	steps    []gozer.MergeStep
}

func (e *early) get(key types.NamespacedName, epoch int32) *earlyState {
	e.mu.Lock()
	defer e.mu.Unlock()
	if st := e.made[key]; st != nil && st.epoch == epoch {
		return st
	}
	return nil
}

func (e *early) put(key types.NamespacedName, st *earlyState) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.made == nil {
		e.made = map[types.NamespacedName]*earlyState{}
	}
	e.made[key] = st
}

// done forgets what everybody can see now, or what nobody needs any more.
func (e *early) done(key types.NamespacedName) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.made, key)
}

// source lets the controller see the items that can go on.
func (e *early) source() source.Source {
	e.next = make(chan event.GenericEvent, 100)
	return source.Channel(e.next, handlerOfItem)
}

// tellBehind tells those behind an item that its state is made.
func (r *Reconciler) tellBehind(ctx context.Context, s *scope, p *prepared) {
	key := client.ObjectKeyFromObject(s.item)
	r.early.put(key, &earlyState{epoch: s.entry.Epoch, prepared: p, pipeline: s.pipeline, steps: s.steps()})
	for _, e := range s.entries {
		if e.Ahead != s.item.Name || e.AheadEpoch != s.entry.Epoch || !e.Active || e.Halted {
			continue
		}
		behind := &gozer.QueueItem{}
		behind.Namespace, behind.Name = s.item.Namespace, e.Item
		r.early.tell(ctx, event.GenericEvent{Object: behind})
	}
}

func (e *early) tell(ctx context.Context, item event.GenericEvent) {
	select {
	case e.next <- item:
	case <-ctx.Done():
	}
}

// earlyAhead gives an item ahead whose state is made, if its status does not show it yet.
func (r *Reconciler) earlyAhead(a *gozer.QueueItem, epoch int32) ([]gozer.MergeStep, bool) {
	st := r.early.get(client.ObjectKeyFromObject(a), epoch)
	if st == nil {
		return nil, false
	}
	a.Status.Merge = st.prepared.merge.DeepCopy()
	return slices.Clone(st.steps), true
}
