package github

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/testkit/fakegithub"
)

func TestMerge(t *testing.T) {
	inAllWays(t, func(t *testing.T, w *world) {
		for mode, parents := range map[string]int{"merge": 2, "merge-resolve": 2, "squash-merge": 1, "rebase": 1, "cherry-pick": 1} {
			pr := w.open("A " + mode)
			c := w.change(t, pr)
			if err := w.client.Merge(t.Context(), c, mode, "Reviewed-by: bob"); err != nil {
				t.Fatalf("%s: %v", mode, err)
			}
			now := w.change(t, pr)
			if !now.Merged || now.MergeCommit != w.repo.Head("main") {
				t.Errorf("%s: %+v, main is at %s", mode, now, w.repo.Head("main"))
			}
			if got := len(strings.Fields(w.repo.Git("log", "-1", "--format=%P", "main"))); got != parents {
				t.Errorf("%s: %d parents", mode, got)
			}
			if said := w.repo.Git("log", "-1", "--format=%B", "main"); mode == "merge" && !strings.Contains(said, "Reviewed-by: bob") {
				t.Errorf("%s: %s", mode, said)
			}
		}
		refusal(t, w.client.Merge(t.Context(), w.change(t, w.open("Z")), "octopus", ""), "no merge mode octopus")
	})
}

// TestMergeRefused: each no, in the words that tell the queue what to do.
func TestMergeRefused(t *testing.T) {
	inAllWays(t, func(t *testing.T, w *world) {
		for name, tc := range map[string]struct {
			before  func(pr *fakegithub.Pull)
			is      error
			refusal string
		}{
			"new commits":      {func(pr *fakegithub.Pull) { pr.Push("more", map[string]string{"more": "1\n"}) }, drivers.ErrHeadMoved, ""},
			"the branch moved": {func(*fakegithub.Pull) { w.Fault(fakegithub.BaseModified(1)) }, drivers.ErrTryLater, ""},
			"a draft":          {func(pr *fakegithub.Pull) { pr.SetDraft("ann", true) }, nil, "GitHub refuses to merge it"},
			"a conflict": {func(*fakegithub.Pull) {
				w.repo.Push("root", "main", "in the way", map[string]string{"a-conflict": "2\n"})
			}, nil, "it conflicts with main"},
			"closed": {func(pr *fakegithub.Pull) { pr.Close("ann") }, nil, "GitHub refuses to merge it"},
			"not worked out": {func(pr *fakegithub.Pull) {
				pr.Mergeability(100)
				w.Fault(fakegithub.Fault{Operation: mergeFault, Times: 1, Status: http.StatusMethodNotAllowed, Message: "Pull Request is not mergeable"})
			}, drivers.ErrTryLater, ""},
		} {
			t.Run(name, func(t *testing.T) {
				pr := w.open(name)
				c := w.change(t, pr)
				tc.before(pr)
				before := w.repo.Head("main")
				err := w.client.Merge(t.Context(), c, "merge", "")
				if tc.is != nil && !errors.Is(err, tc.is) {
					t.Errorf("%v, want %v", err, tc.is)
				}
				if tc.refusal != "" {
					refusal(t, err, tc.refusal)
				}
				if w.repo.Head("main") != before {
					t.Error("something merged")
				}
			})
		}
	})
}

// TestMergeNeedsMore: what stands in the way is named, not only that something does.
func TestMergeNeedsMore(t *testing.T) {
	inAllWays(t, func(t *testing.T, w *world) {
		pr := w.open("A")
		w.repo.Protect("main", fakegithub.Protection{Contexts: []string{"lint"}, Reviews: 1, Admins: true})
		err := w.client.Merge(t.Context(), w.change(t, pr), "merge", "")
		refusal(t, err, "it needs the status of lint to succeed")
		refusal(t, err, "approving reviews")
		w.repo.Unprotect("main")
		w.repo.AllowMethods("squash")
		refusal(t, w.client.Merge(t.Context(), w.change(t, pr), "merge", ""), "GitHub refuses to merge it")
	})
}

// TestMergeAnswerLost: what merged and was not answered is found, not repeated.
func TestMergeAnswerLost(t *testing.T) {
	inAllWays(t, func(t *testing.T, w *world) {
		pr := w.open("A")
		c := w.change(t, pr)
		w.Fault(fakegithub.Fault{Operation: mergeFault, Times: 1, Cut: true})
		err := w.client.Merge(t.Context(), c, "merge", "")
		var no *drivers.RefusedError
		if err == nil || errors.As(err, &no) || errors.Is(err, drivers.ErrTryLater) {
			t.Errorf("%v, want an error that is worth another look", err)
		}
		if now := w.change(t, pr); !now.Merged {
			t.Error("it did merge")
		}
	})
}
