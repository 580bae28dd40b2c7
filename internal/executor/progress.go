package executor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"sync"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
)

// failing is why the build will fail, as soon as that is known (Zuul: pre_fail):
// the changes behind need not wait for its end.
type failing struct {
	mu  sync.Mutex
	why string
	// tell has the reason for whoever tells the manager.
	tell chan string
}

func newFailing() *failing { return &failing{tell: make(chan string, 1)} }

// set says it; only the first reason counts. It says whether this one is.
func (f *failing) set(why string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.why != "" {
		return false
	}
	f.why = why
	f.tell <- why
	return true
}

// reason is empty as long as the build may succeed.
func (f *failing) reason() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.why
}

// tellFailing tells the manager, should the build fail before its end.
func (b *build) tellFailing(ctx context.Context) {
	select {
	case why := <-b.failing.tell:
		if err := b.progress(ctx, buildspec.Progress{Failing: b.log.hide.status(why, maxProgress)}); err != nil && ctx.Err() == nil {
			b.log.printf("That the build is failing was not told: %v", err)
		}
	case <-ctx.Done():
	}
}

// maxProgress is what is said of a failure.
const maxProgress = 900

func (b *build) progress(ctx context.Context, p buildspec.Progress) error {
	raw, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return b.deliver(ctx, b.spec.ProgressURL, raw)
}

// watched are the expressions of failure-output.
func watched(patterns []string) ([]*regexp.Regexp, error) {
	var out []*regexp.Regexp
	for _, p := range patterns {
		re, err := regexp.Compile(`\A(?:` + p + `)`)
		if err != nil {
			return nil, fmt.Errorf("failure-output %q is not a regular expression: %w", p, err)
		}
		out = append(out, re)
	}
	return out, nil
}

// watch looks at a line of the output of run: it may say that the build fails.
func (b *build) watch(host, line string) {
	if len(b.watched) == 0 || b.failing.reason() != "" {
		return
	}
	for n, re := range b.watched {
		pattern := b.spec.FailureOutput[n]
		if re.MatchString(line) && b.failing.set(fmt.Sprintf("a line of the output of %s matches the failure-output %q", host, pattern)) {
			b.log.printf("%s | Early failure in job, matched regex \"%s\"", host, pattern)
			return
		}
	}
}

// overrule takes back a success after it was said that the build fails.
func (b *build) overrule(out buildspec.Outcome) buildspec.Outcome {
	if why := b.failing.reason(); why != "" && out.Result == model.Success {
		return buildspec.Outcome{Result: model.Failure, Reason: why}
	}
	return out
}

// afterRun is the outcome when all of run has ended well.
func (b *build) afterRun(ctx context.Context, out buildspec.Outcome) buildspec.Outcome {
	if out = b.overrule(out); out.Result == model.Success {
		if failed := b.pause(ctx); failed != nil {
			return *failed
		}
	}
	return out
}

// pause hands over what the jobs need that depend on this one, if the job has
// asked for it, and waits until they are done (Zuul: zuul.pause). nil is success.
func (b *build) pause(ctx context.Context) *buildspec.Outcome {
	all, err := b.results(ctx)
	if err != nil {
		out := b.noResults(ctx, buildspec.Outcome{Result: model.Success}, err)
		return &out
	}
	zuul, _ := all.Data["zuul"].(map[string]any)
	if asked, _ := zuul["pause"].(bool); !asked || b.spec.ProgressURL == "" {
		return nil
	}
	if failed := b.give(ctx, all, ""); failed != nil {
		return failed
	}
	b.log.printf("Pausing: the jobs that depend on this one run now")
	if err = b.progress(ctx, buildspec.Progress{Paused: true}); err == nil {
		err = b.resumed(ctx)
	}
	switch {
	case ctx.Err() != nil:
		return &buildspec.Outcome{Result: model.Retry, Reason: stoppedReason}
	case err != nil:
		b.log.printf("The build could not pause: %v", err)
		return &buildspec.Outcome{Result: model.BuildError, Reason: "the build could not pause: " + err.Error()}
	}
	b.log.printf("Resuming")
	return nil
}

// resumed returns when the build may go on.
func (b *build) resumed(ctx context.Context) error {
	return until(ctx, b, b.spec.ProgressURL, func(answer buildspec.Resume) bool { return answer.Resume })
}

// until asks the manager until the answer is the one that is waited for. It answers
// late when it is not; it may be away for as long as ctx lasts.
func until[T any](ctx context.Context, b *build, url string, is func(answer T) bool) error {
	pause := b.patience()
	for n := 0; ; {
		said, err := b.ask(ctx, http.MethodGet, url, nil)
		var answer T
		if err == nil {
			err = json.Unmarshal(said, &answer)
		}
		switch {
		case err == nil && is(answer), errors.Is(err, errNotTaken):
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			n = 0
			continue
		}
		if !wait(ctx, pause.pause(n)) {
			return ctx.Err()
		}
		n++
	}
}
