package statusview

import (
	"fmt"
	"strings"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
)

// note says in a few words what an item waits for. The first that holds is told.
func (x *index) note(q gozer.ChangeQueue, e gozer.QueueEntry, it *gozer.QueueItem, v Item) string {
	text := x.waitsFor(q, e, it, v)
	switch {
	case e.Urgent == "":
		return text
	case text == "":
		return "urgent"
	}
	return "urgent; " + text
}

func (x *index) waitsFor(q gozer.ChangeQueue, e gozer.QueueEntry, it *gozer.QueueItem, v Item) string {
	merges := q.Spec.Manager == gozer.ManagerDependent
	behind := ""
	if n := len(v.On); n > 0 && merges {
		behind = v.On[n-1]
	}
	problem := ""
	if m := it.Status.Merge; m != nil && m.Epoch == e.Epoch {
		problem = m.Problem
	}
	switch why := it.Annotations[gozer.AnnotationDequeue]; {
	case why != "":
		return "is being taken out: " + clean(why)
	case !it.Spec.Live:
		return "is here because a change behind needs it"
	case e.Halted:
		return "stopped: " + clean(e.Why)
	case v.Failing && e.Rescuer != "":
		return "is being merged: " + x.nameOf(e.Rescuer) + " rescues it"
	case v.Failing && strings.HasSuffix(it.Status.Reason, gozer.MayBeRescued):
		return gozer.MayBeRescued
	case v.Failing && behind != "":
		return reasonOf(problem, it) + "will be reported when " + behind + " is decided"
	case v.Failing && problem == "" && it.Status.State == gozer.ItemFailing:
		return reasonOf(problem, it) + "will be reported when its jobs are done"
	case v.Failing:
		return reasonOf(problem, it) + "is being reported"
	case it.Status.State == gozer.ItemReady && behind != "":
		return "waits to merge: behind " + behind
	case it.Status.State == gozer.ItemReady && merges:
		return "waits to merge: nothing ahead"
	case it.Status.State == gozer.ItemReady:
		return "is being reported"
	case !e.Active && q.Status.Window > 0:
		return fmt.Sprintf("waits: outside the window of %d", q.Status.Window)
	case v.Reset != nil:
		return "" // told with its time
	case it.Status.State == gozer.ItemPreparing:
		return "its state is being prepared"
	case len(v.Jobs) == 0 && it.Status.Reason != "":
		return clean(it.Status.Reason)
	}
	return ""
}

func (x *index) nameOf(item string) string {
	if it := x.items[item]; it != nil {
		return ChangeName(it)
	}
	return clean(item)
}

func reasonOf(problem string, it *gozer.QueueItem) string {
	switch problem {
	case "MERGE_CONFLICT":
		return "merge conflict; "
	case "CONFIG_ERROR":
		return "error in its configuration; "
	case "":
		return ""
	}
	return clean(it.Status.Reason) + "; "
}
