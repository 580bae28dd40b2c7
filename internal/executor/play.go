package executor

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/gozer-dev/gozer/internal/ansible"
)

// play is one run of ansible-playbook: it makes the log of the events.
type play struct {
	b      *build
	runner *runner
	// quiet plays show only what went wrong.
	quiet bool
	// phase of the playbook; empty for one that does not count.
	phase  string
	record *ansible.Recording
	// lines puts lines into the log; they are bounded, safe and without secrets.
	lines *lineWriter
	out   *output

	// mu is held while an event is shown; over says that none is to be any more: a
	// session that was cut off may still have some.
	mu   sync.Mutex
	over bool
	// tails are the commands whose output is followed, by host.
	tails map[string]*tail
	// lost is why a host was not reached, failure what failed the playbook.
	lost    string
	failure string
}

func (b *build) newPlay(r *runner) *play {
	p := &play{b: b, runner: r, out: &output{log: b.log}, tails: map[string]*tail{}}
	p.lines = b.log.lines(p.out.line)
	return p
}

// run runs the command until it ends or its time is up.
func (p *play) run(ctx, limit context.Context, dir string, args []string) ended {
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = quote(a)
	}
	// Playbooks may call ssh and git themselves: nodes are known there as well.
	command := `mkdir -p -m 700 "$HOME/.ssh" && { [ -e "$HOME/.ssh/known_hosts" ] || cp ` + quote(filepath.Join(p.b.opts.AnsibleDir, knownHosts)) +
		` "$HOME/.ssh/known_hosts"; } && cd ` + quote(p.b.opts.WorkDir) + " && exec " + strings.Join(words, " ")
	e := p.b.session(ctx, limit, p.runner.client, p.runner.env(p.b.opts, filepath.Join(dir, configFile)), command,
		&eventWriter{play: p}, p.b.log.lines(p.out.line))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	p.endTails()
	e.failure = firstOf(p.failure, p.out.failure())
	switch {
	case e.how == exited && e.code != 0 && p.lost != "":
		e.how, e.why = unreachable, p.lost
	case e.how == lost && e.why == "":
		e.why = fmt.Sprintf("the container for %s playbooks ended: it may have had too little memory", p.runner.name)
	}
	return e
}

// event shows one event.
func (p *play) event(e ansible.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return
	}
	hide := p.b.log.hide
	e.Name, e.Item = hide.text(e.Name), hide.deep(e.Item)
	e.Result, _ = hide.deep(e.Result).(map[string]any)
	if p.record != nil {
		p.record.Add(e, p.b.opts.Now())
	}
	streamed := false
	switch e.Event {
	case ansible.EventTask:
		p.endTails()
		p.out.next()
	case ansible.EventOK, ansible.EventFailed, ansible.EventSkipped, ansible.EventUnreachable:
		streamed = p.endTail(e.Host, e.Event != ansible.EventSkipped)
	}
	if !p.quiet || e.Failed() || e.Lost() {
		for _, l := range ansible.Console(e, streamed) {
			fmt.Fprintln(p.lines, l)
		}
	}
	switch {
	case e.Event == ansible.EventTask && e.Log != "":
		p.startTails(e)
	case e.Lost():
		p.unreachable(e)
	case e.Failed():
		why := firstOf(p.failureLine(e), e.Message())
		p.failure = firstOf(p.failure, why)
		if p.phase == phaseRun || p.phase == phasePost {
			p.b.failing.set(strings.TrimSuffix(fmt.Sprintf("a task of %s failed on %s: %s", p.phase, e.Host, why), ": "))
		}
	}
	if !streamed && e.Command() {
		for _, l := range e.Output() {
			p.watch(e.Host, l)
		}
	}
}

// watch looks at a line of the output of a command.
func (p *play) watch(host, line string) {
	if p.phase == phaseRun {
		p.b.watch(host, line)
	}
}

// failureLine is the line of a command's output that says what failed.
func (p *play) failureLine(e ansible.Event) string {
	if !e.Command() || e.NoLog {
		return ""
	}
	var finder failureFinder
	for _, l := range e.Output() {
		finder.add(l)
	}
	return finder.line()
}

func (p *play) unreachable(e ansible.Event) {
	if p.lost == "" {
		p.lost = fmt.Sprintf("Host unreachable: %s: %s", e.Host, oneLine(e.Message(), 500))
	}
	if e.Host != ansible.Localhost && p.knows(e.Host) && !slices.Contains(p.b.ansible.unreachable, e.Host) {
		p.b.ansible.unreachable = append(p.b.ansible.unreachable, e.Host)
	}
}

// eventWriter takes the standard output of ansible-playbook: lines of events,
// and what else is written there.
type eventWriter struct {
	play *play
	buf  bytes.Buffer
	// skipping drops the rest of a line that was too long.
	skipping bool
}

func (w *eventWriter) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		part, rest, whole := bytes.Cut(b, []byte("\n"))
		if !w.skipping {
			w.buf.Write(part)
		}
		if w.buf.Len() > ansible.MaxEvent {
			w.flush() // as text, which is cut
			w.skipping = true
		}
		b = rest
		if whole {
			if !w.skipping {
				w.flush()
			}
			w.skipping = false
		}
	}
	return n, nil
}

func (w *eventWriter) flush() {
	line := w.buf.String()
	w.buf.Reset()
	if e, ok := ansible.ParseEvent(line); ok {
		w.play.event(e)
		return
	}
	fmt.Fprintln(w.play.lines, line)
}

// Close shows what had no end of line.
func (w *eventWriter) Close() error {
	if w.buf.Len() > 0 {
		w.flush()
	}
	return nil
}
