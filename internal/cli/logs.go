package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/logstore"
	"github.com/gozer-dev/gozer/internal/statusview"
)

func (e *env) logsCommand(name string) *cobra.Command {
	var follow, files bool
	var file string
	c := &cobra.Command{
		Use:   "logs BUILD | CHANGE JOB",
		Short: "Print the log of a build; with -f as it is written",
		Example: fmt.Sprintf(`  %[1]s logs -n acme acme/web#8 unit -f
  %[1]s logs -n acme gate-web-8-1a2b3c4d-1-unit-9f0e
  %[1]s logs -n acme acme/web#8 unit --files
  %[1]s logs -n acme acme/web#8 unit --file coverage/index.html >index.html`, name),
		Args: buildArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if err := e.connect(); err != nil {
				return err
			}
			b, err := e.findBuild(c.Context(), args)
			switch {
			case err != nil:
				return err
			case files:
				return e.files(c.Context(), b)
			case file != "":
				return e.file(c.Context(), b, file)
			}
			return e.logs(c.Context(), b, follow)
		},
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on until the build is done")
	c.Flags().BoolVar(&files, "files", false, "list the files that the build left")
	c.Flags().StringVar(&file, "file", "", "print one of these files")
	c.MarkFlagsMutuallyExclusive("follow", "files", "file")
	return c
}

// buildArgs name a build, or a change and a job.
func buildArgs(_ *cobra.Command, args []string) error {
	if len(args) < 1 || len(args) > 2 {
		return usage("give the name of a build, or a change and a job")
	}
	return nil
}

// findBuild finds what was named; of a change and a job it is the newest build.
func (e *env) findBuild(ctx context.Context, args []string) (*gozer.Build, error) {
	builds, err := e.builds(ctx)
	if err != nil {
		return nil, err
	}
	var names, jobs []string
	for i := range builds {
		b := &builds[i]
		if len(args) == 1 && b.Name == args[0] {
			return b, nil
		}
		if len(args) == 2 && parseTarget(args[0]).isOf(*b) {
			if b.Spec.Job.Name == args[1] {
				return b, nil
			}
			jobs = append(jobs, b.Spec.Job.Name)
		}
		names = append(names, b.Name)
	}
	switch {
	case len(args) == 2 && len(jobs) > 0:
		return nil, fmt.Errorf("%s has no build of job %s%s", args[0], args[1], didYouMean(args[1], jobs))
	case len(args) == 2:
		return nil, fmt.Errorf("%s has no builds in tenant %s; `builds` lists those that there are", args[0], e.namespace)
	case parseTarget(args[0]).isChange():
		return nil, usage("say which job of %s", args[0])
	}
	return nil, fmt.Errorf("tenant %s has no build %s%s", e.namespace, statusview.Clean(args[0]), didYouMean(args[0], names))
}

// retries is how often in a row a broken stream is taken up again.
const retries = 5

// logs copies the log. Followed, it is taken up again where it broke off, goes
// on with the next attempt, and ends when the build has a result.
func (e *env) logs(ctx context.Context, b *gozer.Build, follow bool) error {
	at := logPlace{}
	for failures := 0; ; {
		n, err := e.logPart(ctx, b, &at, follow)
		var none noLogError
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // the person stopped it
		case !follow:
			return err
		case errors.As(err, &none):
			// It has not begun.
		case err == nil && b.Status.Result != "":
			return nil
		case err != nil && n == 0:
			if failures++; failures > retries {
				return err
			}
		default:
			failures = 0
		}
		if err := e.await(ctx, b); err != nil {
			return err
		}
		if attempt := fmt.Sprint(b.Status.Attempt); err == nil && at.attempt != "" && b.Status.Attempt > 1 && attempt != at.attempt {
			at = logPlace{}
			fmt.Fprintf(e.Err, "-- attempt %s --\n", attempt) //nolint:errcheck // the next write tells
		}
	}
}

// await waits until something is heard of the build, or for a moment.
func (e *env) await(ctx context.Context, b *gozer.Build) error {
	w, err := e.client.Watch(ctx, &gozer.BuildList{}, client.InNamespace(b.Namespace),
		client.MatchingFieldsSelector{Selector: fields.OneTermEqualSelector("metadata.name", b.Name)})
	if err != nil {
		return e.explainError(err)
	}
	defer w.Stop()
	before := b.ResourceVersion
	if err := e.client.Get(ctx, client.ObjectKeyFromObject(b), b); err != nil {
		return fmt.Errorf("the build is gone: %w", err)
	}
	if b.ResourceVersion != before {
		return nil
	}
	t := time.NewTimer(e.pause)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			return nil
		case event, open := <-w.ResultChan():
			next, ok := event.Object.(*gozer.Build)
			if open && (!ok || next.Name != b.Name || next.ResourceVersion == before) {
				continue
			}
			if ok {
				*b = *next
			}
			return nil
		}
	}
}

// noLogError says that there is no log, yet.
type noLogError struct{ message string }

func (e noLogError) Error() string { return e.message }

// logPlace is how far a log was read; the newest attempt when none is named.
type logPlace struct {
	attempt string
	offset  int64
}

// logPart copies from the place to the end of one answer.
func (e *env) logPart(ctx context.Context, b *gozer.Build, at *logPlace, follow bool) (int64, error) {
	path := fmt.Sprintf("/api/v1/namespaces/%s/services/http:gozer-web:http/proxy/logs/%s/%s", e.operatorNamespace, b.Namespace, b.Name)
	q := url.Values{}
	if at.attempt != "" {
		path += "/" + at.attempt
		q.Set("offset", fmt.Sprint(at.offset))
	}
	if follow {
		q.Set("follow", "true")
	}
	r, err := e.proxy(ctx, path+"?"+q.Encode())
	if err != nil {
		return 0, fmt.Errorf("cannot reach the log store: %w", err)
	}
	defer r.Body.Close() //nolint:errcheck // it was read
	if r.StatusCode != http.StatusOK {
		return 0, e.logRefused(r, b)
	}
	if got := r.Header.Get(logstore.HeaderAttempt); got != "" {
		at.attempt = got
	}
	n, err := io.Copy(e.Out, r.Body)
	at.offset += n
	return n, err
}

func (e *env) logRefused(r *http.Response, b *gozer.Build) error {
	text, _ := io.ReadAll(io.LimitReader(r.Body, 2000))
	said := statusview.Clean(string(text))
	switch {
	case r.StatusCode == http.StatusNotFound && strings.Contains(said, "no such log") && b.Status.Result == "":
		return noLogError{fmt.Sprintf("build %s has no log yet: it is %s; follow it with -f", b.Name, phase(b))}
	case r.StatusCode == http.StatusNotFound && strings.Contains(said, "no such log"):
		return fmt.Errorf("build %s (%s) has no log: it never ran, or the log is older than logs are kept", b.Name, b.Status.Result)
	case r.StatusCode == http.StatusForbidden:
		return fmt.Errorf("you may not read this log: %s; it takes a role that may get services/proxy in %s", said, e.operatorNamespace)
	case r.StatusCode == http.StatusNotFound || r.StatusCode == http.StatusServiceUnavailable:
		return fmt.Errorf("the log store does not answer: %s; is Gozer in the namespace %s? say otherwise with --operator-namespace", said, e.operatorNamespace)
	}
	return fmt.Errorf("the log store answers %s: %s", r.Status, said)
}

func phase(b *gozer.Build) string {
	switch b.Status.Phase {
	case "":
		return "waiting"
	case gozer.BuildNodes:
		return "waiting for nodes"
	case gozer.BuildSemaphores:
		return "waiting for semaphores"
	}
	return strings.ToLower(string(b.Status.Phase))
}
