// Package tell does on a code host what the reporters of a pipeline ask for,
// but for merging.
//
// All of it may be repeated: whoever was told and died before that was written
// down tells the same again.
package tell

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/report"
)

// Mark is what there is to say of a change, whichever way it is said.
type Mark struct {
	// Status without its state.
	Status drivers.Status
	// Check has the id and the times.
	Check drivers.Check
	// Words of the report; they are asked for when something needs them.
	Words func() (report.Item, error)
}

// Marks does what an action asks for on a change besides commenting: all of it
// may be needed before the change can be merged. left says, in words, what the
// host cannot do, or does not want to: trying again would not change that.
func Marks(ctx context.Context, host drivers.Host, c model.Change, a gozer.ReportAction, m Mark) (left []string, err error) {
	steps := []struct {
		what string
		do   func(context.Context, drivers.Host, model.Change, gozer.ReportAction, Mark) error
	}{{"the status", status}, {"labels", labels}, {"the review", review}, {"the check", check}}
	if c.Number == 0 {
		steps = steps[:1] // of a ref there is nothing else to be marked
	} else {
		left = Lacks(host, a)
	}
	for _, step := range steps {
		err := step.do(ctx, host, c, a, m)
		if why, ok := Refused(step.what, err); ok {
			left = append(left, why)
		} else if !Gone(err) {
			return left, err
		}
	}
	return left, nil
}

// Refused says, in words, that the host refuses something, if that is what the
// error says: trying again would not change that.
func Refused(what string, err error) (why string, ok bool) {
	var no *drivers.RefusedError
	if !errors.As(err, &no) {
		return "", false
	}
	return fmt.Sprintf("the code host refuses %s: %s", what, no.Reason), true
}

// Gone says whether a change, or its repository, is not there any more, or all
// went well. What is gone cannot be told anything, and must not block a queue.
func Gone(err error) bool { return err == nil || errors.Is(err, drivers.ErrNotFound) }

// Lacks says, in words, what of an action the host of its connection has not.
func Lacks(host drivers.Host, a gozer.ReportAction) []string {
	var out []string
	lacks := func(asked, has bool, what string) {
		if asked && !has {
			out = append(out, fmt.Sprintf("the code host of %s has no %s", a.Connection, what))
		}
	}
	_, checks := host.(drivers.Checker)
	_, reviews := host.(drivers.Reviewer)
	_, labels := host.(drivers.Labeler)
	lacks(a.Check != "", checks, "checks that can be set")
	lacks(a.Review != "", reviews, "reviews that can be given")
	lacks(len(a.Labels)+len(a.Unlabels) > 0, labels, "labels that can be set")
	return out
}

func status(ctx context.Context, host drivers.Host, c model.Change, a gozer.ReportAction, m Mark) error {
	if a.Status == "" {
		return nil
	}
	m.Status.State = a.Status
	return host.SetStatus(ctx, c, m.Status)
}

func labels(ctx context.Context, host drivers.Host, c model.Change, a gozer.ReportAction, _ Mark) error {
	h, ok := host.(drivers.Labeler)
	if !ok || len(a.Labels)+len(a.Unlabels) == 0 {
		return nil
	}
	return h.SetLabels(ctx, c, a.Labels, a.Unlabels)
}

func review(ctx context.Context, host drivers.Host, c model.Change, a gozer.ReportAction, m Mark) error {
	h, ok := host.(drivers.Reviewer)
	if !ok || a.Review == "" {
		return nil
	}
	words, err := m.Words()
	if err != nil {
		return err
	}
	marker := report.Marker(words.BuildSet, words.Result)
	body := a.ReviewBody
	if body == "" {
		body = report.Summary(words)
	}
	return h.Review(ctx, c, marker, drivers.ReviewVerdict(a.Review), strings.TrimLeft(strings.TrimRight(body, "\n")+"\n\n"+marker+"\n", "\n"))
}

func check(ctx context.Context, host drivers.Host, c model.Change, a gozer.ReportAction, m Mark) error {
	h, ok := host.(drivers.Checker)
	if !ok || a.Check == "" {
		return nil
	}
	words, err := m.Words()
	if err != nil {
		return err
	}
	k := m.Check
	k.Name, k.State, k.Title, k.URL = m.Status.Context, a.Check, m.Status.Description, m.Status.URL
	k.Summary = cmp.Or(report.Summary(words), k.Title)
	k.Annotations = annotations(words.Builds)
	if k.State == "in_progress" {
		k.EndedAt = time.Time{}
	}
	return h.SetCheck(ctx, c, k)
}

// levels of annotations by those of comments on files; one without is a notice.
var levels = map[string]string{"warning": "warning", "error": "failure"}

// annotations are the comments of builds on lines of files. One on a whole file
// is in the summary only: a host wants a line.
func annotations(builds []report.Build) []drivers.Annotation {
	var out []drivers.Annotation
	for _, b := range builds {
		for _, c := range b.FileComments {
			if c.Line > 0 {
				out = append(out, drivers.Annotation{Path: c.Path, Line: int(c.Line), EndLine: int(c.Line),
					Level: cmp.Or(levels[c.Level], "notice"), Message: fmt.Sprintf("%s (%s)", c.Message, b.Job)})
			}
		}
	}
	return out
}
