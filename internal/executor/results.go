package executor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"

	"golang.org/x/crypto/ssh"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/returned"
)

// resultsFile is what zuul_return writes, in the work directory, and what
// `gozer return` writes, in the home of the first node.
const resultsFile = "results.json"

// results are what playbooks and scripts have handed over so far.
func (b *build) results(ctx context.Context) (returned.Results, error) {
	var all returned.Results
	if b.ansible != nil {
		root, err := os.OpenRoot(b.opts.WorkDir)
		if err != nil {
			return all, err
		}
		defer root.Close()
		raw, err := readPlain(root, resultsFile)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return all, err
		}
		if err == nil {
			if all, err = returned.Parse(raw); err != nil {
				return all, err
			}
		}
	}
	if len(b.nodes) > 0 && b.spec.Scripts() {
		raw, err := b.nodes[0].read(ctx, path.Join(b.nodes[0].Home, resultsFile))
		if err != nil {
			return all, fmt.Errorf("%w: %w", errNotRead, err)
		}
		if len(raw) == 0 {
			return all, nil
		}
		later, err := returned.Parse(raw)
		if err != nil {
			return all, err
		}
		all.Add(later)
	}
	return all, nil
}

// errNotRead says that a node did not tell what the job returned: that is no fault of the job.
var errNotRead = errors.New("what the job returned could not be read from its node")

// noResults is the outcome of a build whose results cannot be had. One that has failed
// has failed, whatever became of its node then.
func (b *build) noResults(ctx context.Context, sofar buildspec.Outcome, err error) buildspec.Outcome {
	switch {
	case sofar.Result.Failed() && (ctx.Err() != nil || errors.Is(err, errNotRead)):
		b.log.printf("%v", err)
		return sofar
	case ctx.Err() != nil:
		return buildspec.Outcome{Result: model.Retry, Reason: stoppedReason}
	case errors.Is(err, errNotRead):
		b.log.printf("%v", err)
		return buildspec.Outcome{Result: model.Retry, Reason: err.Error()}
	}
	b.log.printf("What the job returned cannot be used: %v", err)
	return buildspec.Outcome{Result: model.BuildError, Reason: err.Error()}
}

// read reads a file of the node, which may be missing.
func (n *node) read(ctx context.Context, file string) ([]byte, error) {
	s, err := n.client.NewSession()
	if err != nil {
		return nil, err
	}
	defer s.Close()
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	var out bytes.Buffer
	s.Stdout = &limited{to: &out, left: returned.MaxBytes + 1}
	err = s.Run("test ! -f " + quote(file) + " || head -c " + fmt.Sprint(returned.MaxBytes+1) + " " + quote(file))
	var exit *ssh.ExitError
	if errors.As(err, &exit) {
		return nil, nil // a node without head has no results
	}
	return out.Bytes(), err
}

// noRetry makes a failure of a pre-run that failed, where the playbook has said
// that another attempt would not help (Zuul: zuul.retry).
func (b *build) noRetry(ctx context.Context, out buildspec.Outcome) buildspec.Outcome {
	all, err := b.results(ctx)
	if err != nil {
		return out
	}
	zuul, _ := all.Data["zuul"].(map[string]any)
	if retry, said := zuul["retry"].(bool); said && !retry && out.Result == model.Retry {
		out.Result = model.Failure
	}
	return out
}

// handOver gives what the build has returned to the manager. Without it, jobs
// that depend on this one would run with less than they need.
func (b *build) handOver(ctx context.Context, out buildspec.Outcome) buildspec.Outcome {
	if out.Result == model.Retry || b.spec.ResultURL == "" {
		return out
	}
	all, err := b.results(ctx)
	switch {
	case err != nil:
		return b.noResults(ctx, out, err)
	case all.Empty():
		return out
	}
	failed := b.give(ctx, all, "?final=true")
	switch {
	case failed != nil && out.Result.Failed():
		return out // no job runs with what it returned: it stays what it is
	case failed != nil:
		return *failed
	}
	out.Returned = true
	return out
}

// give stores what the build has returned; nil is success.
func (b *build) give(ctx context.Context, all returned.Results, query string) *buildspec.Outcome {
	ctx, cancel := context.WithTimeout(ctx, b.opts.LogGiveUp)
	defer cancel()
	raw, err := all.JSON()
	if err == nil {
		err = b.deliver(ctx, b.spec.ResultURL+query, raw)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errNotTaken):
		b.log.printf("What the job returned was refused: %v", err)
		return &buildspec.Outcome{Result: model.BuildError, Reason: "what the job returned was refused: " + err.Error()}
	}
	b.log.printf("What the job returned was not delivered: %v", err)
	return &buildspec.Outcome{Result: model.Retry, Reason: "what the job returned could not be delivered: " + err.Error()}
}

// errNotTaken says that trying again would change nothing.
var errNotTaken = errors.New("the manager does not take it")

// deliver tries until ctx ends: the manager may be away.
func (b *build) deliver(ctx context.Context, url string, raw []byte) error {
	pause := b.patience()
	for n := 0; ; n++ {
		_, err := b.ask(ctx, http.MethodPut, url, raw)
		if err == nil || errors.Is(err, errNotTaken) {
			return err
		}
		if !wait(ctx, pause.pause(n)) {
			return fmt.Errorf("gave up: %w", err)
		}
	}
}

func (b *build) patience() Backoff {
	return Backoff{First: min(b.opts.LogInterval, b.opts.LogBackoff), Max: b.opts.LogBackoff}
}

// ask says something to the manager, and gives the beginning of the answer.
func (b *build) ask(ctx context.Context, method, url string, raw []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotTaken, err)
	}
	req.Header.Set("Authorization", "Bearer "+b.logToken)
	req.Header.Set("Content-Type", "application/json")
	resp, err := b.opts.Client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 1000)) // a whole answer is shorter
	switch resp.StatusCode {
	case http.StatusOK, http.StatusNoContent:
		return said, nil
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusRequestEntityTooLarge:
		return nil, fmt.Errorf("%w: %s: %s", errNotTaken, resp.Status, oneLine(string(said), 300))
	}
	return nil, fmt.Errorf("manager: %s", resp.Status)
}

// readParents reads what the jobs have returned that this one depends on.
func readParents(dir string) (returned.Results, error) {
	var all returned.Results
	files, err := os.ReadDir(dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return all, err
	}
	for _, f := range files { // in the order of their names, which is that of the jobs
		if f.Name()[0] == '.' {
			continue // Kubernetes' own
		}
		raw, err := os.ReadFile(path.Join(dir, f.Name()))
		if err != nil {
			return all, err
		}
		one, err := returned.Parse(raw)
		if err != nil {
			return all, fmt.Errorf("%s: %w", f.Name(), err)
		}
		all.Add(returned.Results{Data: returned.Vars(one.Data), Secret: returned.Vars(one.Secret)})
	}
	return all, nil
}
