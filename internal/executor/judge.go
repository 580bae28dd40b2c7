package executor

import (
	"fmt"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
)

// Phases, as scripts see them.
const (
	phasePre  = "pre-run"
	phaseRun  = "run"
	phasePost = "post-run"
)

// how a playbook ended.
type how int

const (
	exited how = iota
	timedOut
	lost
	stopped
	// unreachable is a node that a playbook of Ansible did not reach: the others
	// may still have something to tell.
	unreachable
)

// banner is Zuul's word for it in the console.
func (h how) banner() string {
	return [...]string{"RESULT_NORMAL", "RESULT_TIMED_OUT", "RESULT_UNREACHABLE", "RESULT_ABORTED", "RESULT_UNREACHABLE"}[h]
}

// ended is what became of one playbook.
type ended struct {
	playbook string
	node     string
	how      how
	// why it was lost, if there is more to say than that the node is gone.
	why  string
	code int
	// signal that ended it, if one did.
	signal string
	// failure is the line that tells most.
	failure string
}

// over says that nothing more can be run.
func (e ended) over() bool { return e.how == lost || e.how == stopped }

func (e ended) ok() bool { return e.how == exited && e.code == 0 && e.signal == "" }

const stoppedReason = "the executor was stopped before the build had ended"

// judge is pure: the outcome so far and how one playbook of a phase ended give
// the outcome after it.
func judge(sofar buildspec.Outcome, phase string, e ended) buildspec.Outcome {
	if e.ok() || phase == phasePost && sofar.Result != model.Success && e.how != unreachable {
		return sofar
	}
	out := buildspec.Outcome{FirstFailure: e.failure, ExitCode: e.code, Reason: e.reason(phase)}
	switch {
	case e.over() || e.how == unreachable:
		return buildspec.Outcome{Result: model.Retry, Reason: out.Reason}
	case phase == phasePre:
		out.Result = model.Retry
	case phase == phasePost:
		out.Result = model.PostFailure
	case e.how == timedOut:
		out.Result = model.TimedOut
	default:
		out.Result = model.Failure
	}
	return out
}

func (e ended) reason(phase string) string {
	switch {
	case e.why != "":
		return e.why
	case e.how == lost:
		return fmt.Sprintf("the connection to node %s broke while %s ran in %s: the node, or its container, is gone", e.node, e.playbook, phase)
	case e.how == stopped:
		return stoppedReason
	case e.how == timedOut && phase == phasePost:
		return fmt.Sprintf("%s %s took longer than the job's post-timeout", phase, e.playbook)
	case e.how == timedOut:
		return fmt.Sprintf("the job's timeout ended while %s %s ran", phase, e.playbook)
	case e.signal != "":
		return fmt.Sprintf("%s %s was killed by signal %s%s", phase, e.playbook, e.signal, hint(e.signal))
	}
	return fmt.Sprintf("%s %s failed with exit code %d", phase, e.playbook, e.code)
}

func hint(signal string) string {
	if signal == "KILL" {
		return "; the node may be out of memory"
	}
	return ""
}
