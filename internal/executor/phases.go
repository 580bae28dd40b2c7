package executor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
)

// afterKill is how long a killed playbook may take to be reported as ended.
const afterKill = 2 * time.Second

// phases runs all playbooks:
//
//	pre-run, run   until one fails, under one timeout
//	               then a build that has asked for it pauses, however long
//	post-run       every one, each under its own, whatever came before, but not
//	               those of definitions whose pre-run was not reached; when the
//	               node is gone or the executor is stopped, only those that clean up
func (b *build) phases(ctx context.Context) buildspec.Outcome {
	out := buildspec.Outcome{Result: model.Success}
	main, cancel := withSeconds(ctx, b.spec.TimeoutSeconds)
	defer cancel()
	for _, phase := range []struct {
		name  string
		steps []step
	}{{phasePre, b.plan.preRun}, {phaseRun, b.plan.run}} {
		for n, st := range phase.steps {
			e := b.playbook(ctx, main, turn{phase.name, n, st, true, false})
			out = judge(out, phase.name, e)
			if e.ok() {
				continue
			}
			reached := math.MaxInt
			if phase.name == phasePre {
				reached = st.playbook.Nesting
				if !e.over() {
					out = b.noRetry(ctx, out)
				}
			}
			return b.postRun(ctx, out, reached, e.over())
		}
	}
	out = b.afterRun(ctx, out)
	return b.postRun(ctx, out, math.MaxInt, ctx.Err() != nil)
}

// postRun runs what comes last; when all is over, only what cleans up, which does
// not count.
func (b *build) postRun(ctx context.Context, out buildspec.Outcome, reached int, over bool) buildspec.Outcome {
	success := out.Result == model.Success
	for n, st := range b.plan.after {
		if st.playbook.Nesting > reached {
			b.log.printf("Not running %s: what it belongs to was not reached", st.playbook.Path)
			continue
		}
		retry := out.Result == model.Retry && b.spec.Attempt < b.spec.MaxAttempts
		t := turn{phasePost, n, st, success, retry}
		switch {
		case st.playbook.Cleanup:
			b.cleanUp(ctx, t)
		case !over:
			post, cancel := withSeconds(ctx, b.spec.PostTimeoutSeconds)
			e := b.playbook(ctx, post, t)
			cancel()
			out, over = judge(out, phasePost, e), e.over()
		}
	}
	return out
}

// cleanUp runs a playbook that cleans up. It goes on when the executor is
// stopped, for as long as Kubernetes was told that this may last.
func (b *build) cleanUp(ctx context.Context, t turn) {
	alone := context.WithoutCancel(ctx)
	limit, cancel := withSeconds(alone, b.spec.PostTimeoutSeconds)
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(b.opts.CleanupTimeout, cancel) })()
	b.playbook(alone, limit, t)
}

// turn is one playbook when it is its turn.
type turn struct {
	phase string
	// index counts the playbooks of the phase.
	index int
	step
	// success says that all went well so far, willRetry that there is another attempt.
	success, willRetry bool
}

// withSeconds is a context with a time limit; 0 is none.
func withSeconds(ctx context.Context, seconds int64) (context.Context, context.CancelFunc) {
	if seconds <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Duration(seconds)*time.Second)
}

// playbook runs one playbook. ctx ends when the executor is stopped, limit also
// when the time is up.
func (b *build) playbook(ctx, limit context.Context, t turn) ended {
	p := t.playbook
	trust := buildspec.RunnerUntrusted
	if p.Trusted {
		trust = buildspec.RunnerTrusted
	}
	where := fmt.Sprintf("[%s : %s/%s@%s]", trust, p.Project.Canonical(), p.Path, p.Branch)
	b.log.printf("%s START: %s", strings.ToUpper(t.phase), where)
	b.showLog()
	var e ended
	if failed := b.takeSemaphores(ctx, limit, p); failed != nil {
		e = *failed
	} else if p.Ansible() {
		e = b.runAnsible(ctx, limit, t)
	} else {
		e = b.remote(ctx, limit, t)
		e.node = b.nodes[0].Name
	}
	b.giveSemaphoresBack(ctx, p)
	e.playbook = p.Path
	if e.ok() {
		e.failure = ""
	} else {
		b.log.printf("%s", e.reason(t.phase))
	}
	b.log.printf("%s END %s: %s", strings.ToUpper(t.phase), e.how.banner(), where)
	return e
}

// remote gives the script its secrets, for as long as it runs, and runs it.
func (b *build) remote(ctx, limit context.Context, t turn) ended {
	if limit.Err() != nil {
		return ended{how: cutShort(ctx)}
	}
	n := b.nodes[0]
	env := scriptEnv(b.spec, n.Home, t.phase, t.success)
	if len(t.playbook.Secrets) > 0 {
		file, err := b.giveSecrets(limit, n.client, b.opts.AgentBinary, t.playbook, secretsFor)
		switch {
		case err != nil && limit.Err() != nil:
			return ended{how: cutShort(ctx)}
		case err != nil:
			return ended{how: lostOrStopped(ctx), why: fmt.Sprintf("node %s could not take the secrets of %s: %v", n.Name, t.playbook.Path, err)}
		}
		defer b.takeBack(file, "node "+n.Name)
		env = append(env, envVar{secretsEnv, file.path})
	}
	out := &output{log: b.log}
	if t.phase == phaseRun {
		out.watch = func(l string) { b.watch(n.Name, l) }
	}
	e := b.session(ctx, limit, n.client, env, t.command(n.Home, b.executable[t.script()]), b.log.lines(out.line), b.log.lines(out.line))
	e.failure = out.failure()
	return e
}

// session runs a command where client leads to, and closes both streams at its end.
func (b *build) session(ctx, limit context.Context, client *ssh.Client, env []envVar, command string, stdout, stderr io.WriteCloser) ended {
	s, err := client.NewSession()
	if err != nil {
		return ended{how: lostOrStopped(ctx)}
	}
	defer s.Close()
	for _, v := range env {
		if err := s.Setenv(v.name, v.value); err != nil {
			b.log.printf("the variable %s was not taken: %v", v.name, err)
			return ended{how: lostOrStopped(ctx)}
		}
	}
	s.Stdout, s.Stderr = stdout, stderr
	if err := s.Start(command); err != nil {
		return ended{how: lostOrStopped(ctx)}
	}
	done := make(chan error, 1)
	go func() {
		err := s.Wait()
		stdout.Close() // what had no end of line
		stderr.Close()
		done <- err
	}()
	select {
	case err := <-done:
		return endOf(ctx, err)
	case <-limit.Done():
		b.kill(ctx, s, done)
		return ended{how: cutShort(ctx)}
	}
}

// endOf tells a command that ended from a node that did.
func endOf(ctx context.Context, err error) ended {
	var exit *ssh.ExitError
	switch {
	case err == nil:
		return ended{}
	case errors.As(err, &exit):
		return ended{code: exit.ExitStatus(), signal: exit.Signal()}
	}
	return ended{how: lostOrStopped(ctx)}
}

func cutShort(ctx context.Context) how {
	if ctx.Err() != nil {
		return stopped
	}
	return timedOut
}

func lostOrStopped(ctx context.Context) how {
	if ctx.Err() != nil {
		return stopped
	}
	return lost
}

// kill ends the process group of a script: at once when the executor is
// stopped, else politely first. Closing the session kills what still runs.
func (b *build) kill(ctx context.Context, s *ssh.Session, done <-chan error) {
	if ctx.Err() == nil {
		_ = s.Signal(ssh.SIGTERM)
		select {
		case <-done: //nolint:errcheck // it ended, and the agent has killed what the leader left
			return
		case <-ctx.Done():
		case <-time.After(b.opts.KillGrace):
		}
	}
	_ = s.Signal(ssh.SIGKILL)
	select {
	case <-done: //nolint:errcheck // how it ended does not matter any more
	case <-time.After(afterKill):
	}
}

// output takes the lines of both streams of one script.
type output struct {
	log *buildLog
	// watch gets all lines; it may be nil.
	watch  func(line string)
	mu     sync.Mutex
	finder failureFinder
}

func (o *output) line(s string) {
	o.log.output(s)
	if o.watch != nil {
		o.watch(s)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.finder.add(s)
}

// next forgets what was put out so far: another task begins.
func (o *output) next() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.finder = failureFinder{}
}

func (o *output) failure() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.finder.line()
}
