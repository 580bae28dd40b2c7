package scenario

import (
	"cmp"
	"slices"
	"strings"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/artifacts"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/model"
)

// itemsAhead are those on which an item stands, the nearest first (controllers/queueitem).
func (w *world) itemsAhead(i *item) []gozer.ItemAhead {
	var out []gozer.ItemAhead
	q := w.store.queues[i.queue]
	for e := q.entry(i.name); e.Ahead != "" && e.Epoch > 0; e = q.entry(e.Ahead) {
		out = append(out, gozer.ItemAhead{Item: e.Ahead, Epoch: int32(e.AheadEpoch)}) //nolint:gosec // it counts resets
	}
	return out
}

// require finds out how it stands with what jobs require (controllers/buildset).
func (w *world) require(b *buildSet, states []jobgraph.JobState) {
	for n := range states {
		build := w.store.builds[b.jobs[n].build]
		if st := &states[n]; !st.Started && st.Result == "" && len(build.requires) > 0 {
			needed := artifacts.Require(build.job, build.requires, w.ahead(b))
			st.Waits, st.Fails, st.Providers = needed.Waits, needed.Fails, needed.Providers
		}
	}
}

// given notes for those that start whose artifacts they get.
func (w *world) given(b *buildSet) {
	for n, st := range b.states {
		if build := w.store.builds[b.jobs[n].build]; st.Started && len(build.requires) > 0 && build.has == nil {
			build.has = st.Providers
		}
	}
}

// ahead are the items that a buildset stands on.
func (w *world) ahead(b *buildSet) []artifacts.Item {
	var out []artifacts.Item
	for _, a := range b.ahead {
		i := w.store.items[a.Item]
		found := artifacts.Item{Title: i.title()}
		switch {
		case i.changes[0].Number == 0:
		case i.live:
			found = w.itemBuilds(found, i, int(a.Epoch))
		default:
			if twin := w.twin(i); twin != nil {
				found = w.itemBuilds(found, twin, w.store.queues[twin.queue].entry(twin.name).Epoch)
			} else {
				found.Builds = w.pastBuilds(i)
			}
		}
		out = append(out, found)
	}
	return out
}

func (w *world) itemBuilds(to artifacts.Item, i *item, epoch int) artifacts.Item {
	set := w.store.sets[setName(i.name, epoch)]
	switch {
	case set == nil:
		to.Unknown = i.result == "" && (i.merge == nil || i.merge.epoch != epoch || i.merge.set != "")
	case set.canceled && i.result == "":
		to.Unknown = true
	default:
		to.Builds = w.buildsOf(set)
	}
	return to
}

func (w *world) buildsOf(set *buildSet) []artifacts.Build {
	var out []artifacts.Build
	for n, j := range set.jobs {
		b := w.store.builds[j.build]
		c := w.store.items[set.item].changes[b.change]
		out = append(out, artifacts.Build{Name: b.name, Job: b.job, Provides: b.provides, Result: cmp.Or(b.result, set.states[n].Result),
			Project: c.Project.Name, Change: c.Number})
	}
	return out
}

// twin is the item of the pipeline that tests the changes of one that is not live.
func (w *world) twin(of *item) *item {
	for _, i := range w.store.itemList {
		if i.live && i.result == "" && i.pipeline == of.pipeline && sameChanges(i, of) {
			return i
		}
	}
	return nil
}

func sameChanges(a, b *item) bool {
	revs := func(i *item) []string {
		var out []string
		for _, c := range i.changes {
			out = append(out, rev(c))
		}
		slices.Sort(out)
		return out
	}
	return slices.Equal(revs(a), revs(b))
}

// pastBuilds are those of the latest buildset of the same changes in the pipeline.
func (w *world) pastBuilds(of *item) []artifacts.Build {
	for _, set := range slices.Backward(w.store.setList) {
		if i := w.store.items[set.item]; i.live && i.pipeline == of.pipeline && sameChanges(i, of) {
			return slices.DeleteFunc(w.buildsOf(set), func(b artifacts.Build) bool { return b.Result == model.Undetermined })
		}
	}
	return nil
}

// tellRequiring lets those look that may wait for what others provide.
func (w *world) tellRequiring() {
	for _, set := range w.store.setList {
		if set.result == "" && set.ahead != nil {
			w.touch("set " + set.name)
		}
	}
}

// withArtifacts tells whose artifacts a build gets.
func (w *world) withArtifacts(b *build) string {
	var from []string
	for _, name := range b.has {
		from = append(from, title(w.store.builds[name]))
	}
	if from == nil {
		return ""
	}
	return ", with artifacts of " + strings.Join(from, ", ")
}
