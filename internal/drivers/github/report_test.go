package github

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/testkit/fakegithub"
)

func refusal(t *testing.T, err error, words string) {
	t.Helper()
	var no *drivers.RefusedError
	if !errors.As(err, &no) || !strings.Contains(no.Reason, words) {
		t.Errorf("%v, want a refusal with %q", err, words)
	}
}

func TestSetStatus(t *testing.T) {
	inAllWays(t, func(t *testing.T, w *world) {
		pr := w.open("A")
		c := w.change(t, pr)
		long := strings.Repeat("é", 100)
		for range 2 {
			if err := w.client.SetStatus(t.Context(), c, drivers.Status{Context: "acme/gate", State: "success", Description: long, URL: "https://gozer/x"}); err != nil {
				t.Fatal(err)
			}
		}
		got := pr.Statuses()
		if last := got[len(got)-1]; last.Context != "acme/gate" || last.State != "success" || last.TargetURL != "https://gozer/x" || !strings.HasPrefix(long, last.Description) {
			t.Errorf("%+v", last)
		}
		gone := c
		gone.Head = strings.Repeat("0", 39) + "1"
		refusal(t, w.client.SetStatus(t.Context(), gone, drivers.Status{Context: "x", State: "success"}), "GitHub refuses the status")
	})
}

// TestComment: once, whatever others write, and never longer than GitHub takes.
func TestComment(t *testing.T) {
	inAllWays(t, func(t *testing.T, w *world) {
		pr := w.open("A")
		c := w.change(t, pr)
		const marker = "<!-- gozer: item-1 FAILURE -->"
		pr.Comment("mallory", "nothing to see "+marker)
		for range 3 {
			if err := w.client.Comment(t.Context(), c, marker, "It failed.\n"+strings.Repeat("x", 70_000)+marker); err != nil {
				t.Fatal(err)
			}
		}
		var ours []fakegithub.Comment
		for _, k := range pr.Comments() {
			if strings.HasPrefix(k.Body, "It failed.") {
				ours = append(ours, k)
			}
		}
		if len(ours) != 1 || !strings.HasSuffix(ours[0].Body, marker) || len(ours[0].Body) > maxBody {
			t.Errorf("%d comments of ours", len(ours))
		}
		if err := w.client.Comment(t.Context(), c, "<!-- gozer: item-2 SUCCESS -->", "It passed."); err != nil || len(pr.Comments()) != 3 {
			t.Errorf("%v, %d comments", err, len(pr.Comments()))
		}
	})
}

func TestReview(t *testing.T) {
	inAllWays(t, func(t *testing.T, w *world) {
		pr := w.open("A")
		c := w.change(t, pr)
		const marker = "<!-- gozer: item-1 SUCCESS -->"
		for range 2 {
			if err := w.client.Review(t.Context(), c, marker, drivers.ReviewApprove, "fine"); err != nil {
				t.Fatal(err)
			}
		}
		if got := pr.Reviews(); len(got) != 1 || got[0].State != "APPROVED" || !strings.Contains(got[0].Body, marker) {
			t.Errorf("%+v", got)
		}
		refusal(t, w.client.Review(t.Context(), c, marker, "maybe", ""), `no review that says "maybe"`)
	})
}

// TestReviewOfOwn: GitHub lets nobody approve their own.
func TestReviewOfOwn(t *testing.T) {
	w := newWorld(t, ways[2])
	pr := w.repo.Open(fakegithub.Opening{Title: "A", Author: "gozer", Files: map[string]string{"a": "1"}})
	refusal(t, w.client.Review(t.Context(), w.change(t, pr), "<!-- gozer: 1 -->", drivers.ReviewApprove, "fine"), "GitHub refuses the review")
}

func TestSetLabels(t *testing.T) {
	inAllWays(t, func(t *testing.T, w *world) {
		pr := w.open("A")
		odd := []string{"old", "area/api", "50% done?", "a#b", ".."}
		for _, l := range odd {
			pr.Label("bob", l)
		}
		c := w.change(t, pr)
		for range 2 {
			if err := w.client.SetLabels(t.Context(), c, []string{"gated", "with space"}, append(odd, "never there", "../../../git/refs/heads/main")); err != nil {
				t.Fatal(err)
			}
		}
		if got := fmt.Sprint(pr.Labels()); got != "[gated with space]" {
			t.Error(got)
		}
		for endpoint := range w.requests() {
			if strings.HasPrefix(endpoint, "DELETE") && endpoint != "DELETE /repos/{owner}/{repo}/issues/{n}/labels/{name}" {
				t.Errorf("%s was asked for", endpoint)
			}
		}
	})
}

// TestSetCheck: one check that changes, with all annotations, also after a restart.
func TestSetCheck(t *testing.T) {
	for _, way := range ways[:2] {
		t.Run(way.name, func(t *testing.T) {
			w := newWorld(t, way)
			pr := w.open("A")
			c := w.change(t, pr)
			k := drivers.Check{Name: "acme/check", State: "in_progress", Title: "runs", Summary: "two jobs", URL: "https://gozer/x", ID: "item-1", StartedAt: w.clock.now()}
			if err := w.client.SetCheck(t.Context(), c, k); err != nil {
				t.Fatal(err)
			}
			if got := pr.Checks(); len(got) != 1 || got[0].Status != "in_progress" || got[0].Conclusion != "" || got[0].DetailsURL != "https://gozer/x" {
				t.Fatalf("%+v", got)
			}
			// Another process, which knows nothing of it.
			w.connect(t, w.client.cfg)
			k.State, k.Title, k.EndedAt = "failure", "2 of 3 failed", w.clock.now().Add(time.Minute)
			k.Summary = strings.Repeat("s", 70_000)
			for n := range 120 {
				k.Annotations = append(k.Annotations, drivers.Annotation{Path: "a.go", Line: n + 1, Level: "failure", Message: "wrong"})
			}
			if err := w.client.SetCheck(t.Context(), c, k); err != nil {
				t.Fatal(err)
			}
			got := pr.Checks()
			if len(got) != 1 || got[0].Status != "completed" || got[0].Conclusion != "failure" || len(got[0].Annotations) != 120 {
				t.Fatalf("%+v", got)
			}
			// Told again, as after a death or a lost answer: nothing is there twice.
			for _, again := range []func(){func() {}, func() { w.connect(t, w.client.cfg) }} {
				again()
				if err := w.client.SetCheck(t.Context(), c, k); err != nil || len(pr.Checks()[0].Annotations) != 120 {
					t.Errorf("%v, %d annotations", err, len(pr.Checks()[0].Annotations))
				}
			}
			// The next item of the same head has one of its own.
			k.ID, k.State, k.Annotations = "item-2", "success", nil
			if err := w.client.SetCheck(t.Context(), c, k); err != nil || len(pr.Checks()) != 2 {
				t.Errorf("%v, %d checks", err, len(pr.Checks()))
			}
		})
	}
	w := newWorld(t, ways[2])
	refusal(t, w.client.SetCheck(t.Context(), w.change(t, w.open("A")), drivers.Check{Name: "x", State: "success"}), "only Apps")
}

// TestNotAllowed: a permission that is missing is told, and is no reason to try for ever.
func TestNotAllowed(t *testing.T) {
	w := newWorld(t, ways[0])
	few := fakegithub.AllPermissions()
	few["statuses"] = "read"
	w.installed.SetPermissions(few)
	err := w.client.SetStatus(t.Context(), w.change(t, w.open("A")), drivers.Status{Context: "acme/gate", State: "success"})
	refusal(t, err, "Resource not accessible by integration")
	h, err := w.client.Health(t.Context())
	if err != nil || !strings.Contains(strings.Join(h.MissingPermissions, ";"), "statuses: write") || h.LastError == "" {
		t.Errorf("%+v, %v", h, err)
	}
}

// TestSetCheckCutOff: an answer that was lost half-way costs no annotation, and
// gives none twice.
func TestSetCheckCutOff(t *testing.T) {
	w := newWorld(t, ways[0])
	pr := w.open("A")
	c := w.change(t, pr)
	k := drivers.Check{Name: "acme/check", State: "failure", Title: "failed", Summary: "two jobs", ID: "item-1"}
	for n := range 120 {
		k.Annotations = append(k.Annotations, drivers.Annotation{Path: "a.go", Line: n + 1, Level: "failure", Message: "wrong"})
	}
	w.Fault(fakegithub.Fault{Operation: "PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}", Times: 1, Cut: true})
	if err := w.client.SetCheck(t.Context(), c, k); err == nil {
		t.Fatal("the answer was cut off")
	}
	if err := w.client.SetCheck(t.Context(), c, k); err != nil {
		t.Fatal(err)
	}
	if got := pr.Checks(); len(got) != 1 || len(got[0].Annotations) != 120 {
		t.Errorf("%d checks, the first with %d annotations", len(got), len(got[0].Annotations))
	}
}
