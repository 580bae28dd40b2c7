package scenario

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/model"
)

// Mirror is another world in which a story happens as well. It is called each
// time the story's own world has come to rest: with what people did before that,
// and with what it all came to, which the mirror is to come to as well.
type Mirror func(did Deeds, want Summary) error

// OnTheRealServer are the stories in testdata that controllers plays as well:
// with the real controllers, a real API server and real git.
var OnTheRealServer = []string{
	"002-parallel_changes",
	"006-failed_change_in_middle",
	"008-two_failed_changes_at_head",
	"010-behind_a_cycle",
	"010-needed_changes_enqueue",
	"012-project_merge_conflict",
	"013-branch_moves_outside_the_gate",
	"018-dependent_behind_dequeue",
	"019-new_patchset_dequeues_old",
	"022-abandoned_check",
	"022-abandoned_gate",
	"024-nonvoting_job",
	"028-rerun",
	"033-live_reconfiguration",
	"034-timer_while_it_runs",
	"035-queue_rate_limiting",
	"045-semaphore_abandon",
	"056-cycle_failure",
	"057-failing_cycle_behind_failing_change",
	"067-supercedent",
	"068-serial_shared",
	"069-crd_gate",
	"070-crd_check",
	"075-dequeue_reporting",
	"076-dynamic_config",
	"082-provides_requires_check",
	"082-provides_requires_gate",
}

// Mirrored says why a story cannot be played with a mirror; nil when it can.
func Mirrored(text string) error {
	_, err := parseMirrored(text)
	return err
}

func parseMirrored(text string) (*story, error) {
	s, err := parse(text)
	if err != nil {
		return nil, err
	}
	matchers := ""
	for _, b := range s.blocks {
		for _, c := range b.commands {
			if strings.Contains(c.text, "files:") {
				matchers = c.name
			}
			if c.name == "open" && c.list("files") == nil && matchers != "" {
				return nil, fmt.Errorf("line %d: jobs are asked for by files in %s, and in git a change has some", c.line, matchers)
			}
			untold := slices.Contains([]string{"crash", "nodes", "relative-priority"}, c.name)
			if untold || c.name == "result" && c.arg(1) == string(model.NodeFailure) {
				return nil, fmt.Errorf("line %d: a mirror is not told of %s", c.line, c.name)
			}
		}
	}
	return s, nil
}

// Play plays a story in the default order of turns, together with a mirror.
func Play(text string, m Mirror) error {
	s, err := parseMirrored(text)
	if err != nil {
		return err
	}
	_, _, err = s.playWith(newConfigs(), nil, &ledger{mirror: m, conflicts: s.conflicts(), steps: map[model.BranchRef]int{}, changes: map[model.ChangeKey]model.Change{}})
	return err
}

// Connections of every story: two code hosts.
func Connections() map[string]layout.Connection { return connections }

// Deeds are what people did. What was pushed is there before changes are opened,
// and the gate is told last, when all that it may look at is there.
type Deeds struct {
	// TenantFile in Zuul's form, when it changed.
	TenantFile string
	// Branches that were made: main of a new project, or a copy of main.
	Branches []model.BranchRef
	// Pushed are the steps that people pushed.
	Pushed []Step
	// Changes that were opened, have a new version, or were edited.
	Changes []ChangeDeed
	// Raced are pushes that some change conflicts with.
	Raced []Step
	// Merged are the steps of changes that people merged.
	Merged []Step
	// Refused says why the host does not merge changes, by name; empty when it does again.
	Refused map[string]string
	// Verdicts are what becomes of builds from now on.
	Verdicts Verdicts
	// Released builds may end, though they are held: as Summary.Builds has them.
	Released []string
	Dequeued []Dequeued
	// Events that the hosts sent of all this.
	Events []model.TriggerEvent
}

// ChangeDeed is a change as it is now. Its patchset and its head are names; see Rev.
type ChangeDeed struct {
	model.Change
	// Files that it writes.
	Files map[string]string
}

// Rev is how a summary names the change at its patchset.
func (c ChangeDeed) Rev() string { return rev(c.Change) }

// Step is one more commit on a branch.
type Step struct {
	At model.BranchRef
	// Name of the step in summaries; that of a change which a person merged is its Rev.
	Name string
	// Change that a person merged.
	Change model.Change
	// Files of a push; what is Deleted goes.
	Files map[string]string
}

// Deleted is the content of a file that a push takes away.
const Deleted = deleted

// Dequeued is a change that a person takes out.
type Dequeued struct{ Pipeline, Change, Why string }

// Verdicts say what becomes of builds.
type Verdicts struct {
	rules rules
	holds holds
}

// Held says whether builds of a job run on until they are released.
func (v Verdicts) Held(job string) bool { return v.holds.match(job) }

// Result of an attempt of a build for a change, on a state of all these.
func (v Verdicts) Result(job string, attempt int, own string, state []string) model.BuildResult {
	return v.rules.result(job, attempt, []string{own}, state)
}

// ledger is what a mirror was told.
type ledger struct {
	mirror    Mirror
	conflicts [][2]string

	tenantFile string
	branches   int
	// steps of each branch that the mirror knows, of people and of the gate.
	steps    map[model.BranchRef]int
	changes  map[model.ChangeKey]model.Change
	events   int
	released []string
	dequeued []Dequeued
}

// conflicts of the whole story: a change has the lines of which it is said later
// that they conflict from the beginning.
func (s *story) conflicts() [][2]string {
	var out [][2]string
	for _, b := range s.blocks {
		for _, c := range b.commands {
			if c.name == "conflict" {
				out = append(out, [2]string{c.arg(0), c.arg(1)})
			}
		}
	}
	return out
}

// deeds are what the mirror was not told yet.
func (l *ledger) deeds(w *world) Deeds {
	d := Deeds{Verdicts: Verdicts{rules: slices.Clone(w.rules), holds: slices.Clone(w.holds)}, Refused: maps.Clone(w.host.refused), Released: l.released, Dequeued: l.dequeued}
	if text := w.tenant.text(); text != l.tenantFile {
		d.TenantFile = text
	}
	d.Branches = slices.Clone(w.host.branches[l.branches:])
	for _, at := range d.Branches {
		l.steps[at] = copied(w.host, at)
	}
	for _, key := range w.host.opened {
		if c := *w.host.changes[key]; !reflect.DeepEqual(c, l.changes[key]) {
			if c.Merged {
				c.Open, c.Merged, c.MergeCommit = true, false, "" // it is a step that merges it
			}
			d.Changes = append(d.Changes, ChangeDeed{c, l.written(rev(c), w.host.files[rev(c)])})
		}
	}
	for _, at := range w.host.branches {
		for _, name := range w.host.tips[at][l.steps[at]:] {
			step := Step{At: at, Name: name, Files: l.written(name, w.host.files[name])}
			raced := slices.ContainsFunc(l.conflicts, func(pair [2]string) bool { return slices.Contains(pair[:], name) })
			switch c := w.host.mergedAs(name); {
			case c != nil:
				step.Change = *c
				d.Merged = append(d.Merged, step)
			case raced:
				d.Raced = append(d.Raced, step)
			default:
				d.Pushed = append(d.Pushed, step)
			}
		}
	}
	for _, e := range w.store.events[l.events:] {
		d.Events = append(d.Events, e.TriggerEvent)
	}
	return d
}

// copied is how many steps a new branch has of main.
func copied(h *host, at model.BranchRef) int {
	if at.Branch == "main" {
		return 0
	}
	n := 0
	for main := h.tips[model.BranchRef{Project: at.Project, Branch: "main"}]; n < min(len(main), len(h.tips[at])) && main[n] == h.tips[at][n]; {
		n++
	}
	return n
}

// mergedAs finds the change that a step merged; nil for a push.
func (h *host) mergedAs(step string) *model.Change {
	for _, c := range h.changes {
		if c.Merged && c.MergeCommit == step {
			return c
		}
	}
	return nil
}

// written are the files of a step: those of the story or else one of its own, and
// those of which the story says that it conflicts in them.
func (l *ledger) written(name string, files map[string]string) map[string]string {
	out := maps.Clone(files)
	if len(files) == 0 {
		out = map[string]string{"steps/" + name: name}
	}
	for n, pair := range l.conflicts {
		if has([]string{name}, pair[0]) || has([]string{name}, pair[1]) {
			out[fmt.Sprintf("conflict-%d", n)] = name
		}
	}
	return out
}

// told notes that the mirror knows all that is.
func (l *ledger) told(w *world) {
	l.tenantFile, l.branches, l.events = w.tenant.text(), len(w.host.branches), len(w.store.events)
	l.released, l.dequeued = nil, nil
	for at, tip := range w.host.tips {
		l.steps[at] = len(tip)
	}
	for key, c := range w.host.changes {
		l.changes[key] = *c
	}
}
