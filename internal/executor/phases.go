package executor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
)

// afterKill is how long a killed playbook may take to be reported as ended.
const afterKill = 2 * time.Second

// phases runs all playbooks on the first node:
//
//	pre-run, run   until one fails, under one timeout
//	post-run       every one, each under its own, whatever came before;
//	               not when the node is gone or the executor is stopped
func (b *build) phases(ctx context.Context) buildspec.Outcome {
	out := buildspec.Outcome{Result: model.Success}
	main, cancel := withSeconds(ctx, b.spec.TimeoutSeconds)
	defer cancel()
	for _, phase := range []struct {
		name  string
		steps []step
	}{{phasePre, b.plan.preRun}, {phaseRun, b.plan.run}} {
		for _, st := range phase.steps {
			e := b.playbook(ctx, main, phase.name, st, true)
			out = judge(out, phase.name, e)
			if e.how == lost || e.how == stopped {
				return out
			}
			if !e.ok() {
				return b.postRun(ctx, out)
			}
		}
	}
	return b.postRun(ctx, out)
}

func (b *build) postRun(ctx context.Context, out buildspec.Outcome) buildspec.Outcome {
	success := out.Result == model.Success
	for _, st := range b.plan.after {
		post, cancel := withSeconds(ctx, b.spec.PostTimeoutSeconds)
		e := b.playbook(ctx, post, phasePost, st, success)
		cancel()
		out = judge(out, phasePost, e)
		if e.how == lost || e.how == stopped {
			break
		}
	}
	return out
}

// withSeconds is a context with a time limit; 0 is none.
func withSeconds(ctx context.Context, seconds int64) (context.Context, context.CancelFunc) {
	if seconds <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Duration(seconds)*time.Second)
}

// playbook runs one script. ctx ends when the executor is stopped, limit also
// when the time is up.
func (b *build) playbook(ctx, limit context.Context, phase string, st step, success bool) ended {
	p := st.playbook
	trust := "untrusted"
	if p.Trusted {
		trust = "trusted"
	}
	where := fmt.Sprintf("[%s : %s/%s@%s]", trust, p.Project.Canonical(), p.Path, p.Branch)
	b.log.printf("%s START: %s", strings.ToUpper(phase), where)
	e := b.remote(ctx, limit, phase, st, success)
	e.playbook, e.node = p.Path, b.nodes[0].Name
	if e.ok() {
		e.failure = ""
	} else {
		b.log.printf("%s", e.reason(phase))
	}
	b.log.printf("%s END %s: %s", strings.ToUpper(phase), e.how.banner(), where)
	return e
}

// remote gives the script its secrets, for as long as it runs, and runs it.
func (b *build) remote(ctx, limit context.Context, phase string, st step, success bool) ended {
	if limit.Err() != nil {
		return ended{how: cutShort(ctx)}
	}
	n := b.nodes[0]
	env := scriptEnv(b.spec, n.Home, phase, success)
	if len(st.playbook.Secrets) > 0 {
		file, err := b.giveSecrets(limit, n, st.playbook)
		switch {
		case err != nil && limit.Err() != nil:
			return ended{how: cutShort(ctx)}
		case err != nil:
			return ended{how: lostOrStopped(ctx), why: fmt.Sprintf("node %s could not take the secrets of %s: %v", n.Name, st.playbook.Path, err)}
		}
		defer b.takeBack(file, n)
		env = append(env, envVar{secretsEnv, file.path})
	}
	return b.script(ctx, limit, st, env)
}

func (b *build) script(ctx, limit context.Context, st step, env []envVar) ended {
	n := b.nodes[0]
	s, err := n.client.NewSession()
	if err != nil {
		return ended{how: lostOrStopped(ctx)}
	}
	defer s.Close()
	for _, v := range env {
		if err := s.Setenv(v.name, v.value); err != nil {
			b.log.printf("the node did not take the variable %s: %v", v.name, err)
			return ended{how: lostOrStopped(ctx)}
		}
	}
	out := &output{log: b.log}
	stdout, stderr := b.log.lines(out.line), b.log.lines(out.line)
	s.Stdout, s.Stderr = stdout, stderr
	if err := s.Start(st.command(n.Home, b.executable[st.script()])); err != nil {
		return ended{how: lostOrStopped(ctx)}
	}
	done := make(chan error, 1)
	go func() {
		err := s.Wait()
		stdout.Close() // what had no end of line
		stderr.Close()
		done <- err
	}()
	var e ended
	select {
	case err := <-done:
		e = endOf(ctx, err)
	case <-limit.Done():
		e = ended{how: cutShort(ctx)}
		b.kill(ctx, s, done)
	}
	e.failure = out.failure()
	return e
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
	log    *buildLog
	mu     sync.Mutex
	finder failureFinder
}

func (o *output) line(s string) {
	o.log.output(s)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.finder.add(s)
}

func (o *output) failure() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.finder.line()
}
