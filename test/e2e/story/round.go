package story

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
)

// Change is one pull request of a round.
type Change struct {
	Letter, Repo, Title string
	// Needs is the letter of the change that it needs.
	Needs string
	Pull  Pull
	// Approved is when Bob's approval was sent.
	Approved time.Time
}

// Name is how Gozer calls the change: "acme/api#1".
func (c *Change) Name() string { return fmt.Sprintf("%s#%d", c.Repo, c.Pull.Number) }

// Round is one performance of the story, with pull requests of its own.
type Round struct {
	N       int
	Changes []*Change
}

// Change with a letter.
func (r *Round) Change(letter string) *Change {
	for _, c := range r.Changes {
		if c.Letter == letter {
			return c
		}
	}
	panic("no change " + letter)
}

var roundBranch = regexp.MustCompile(`^round-(\d+)-`)

// nextRound counts from the branches that Ann has pushed.
func (st *Stage) nextRound(ctx context.Context) (int, error) {
	last := 0
	for _, repo := range []string{APIRepo, WebRepo} {
		names, err := st.Ann.Branches(ctx, st.Ann.User+"/"+shortName(repo))
		if err != nil {
			return 0, err
		}
		for _, name := range names {
			if m := roundBranch.FindStringSubmatch(name); m != nil {
				n, _ := strconv.Atoi(m[1]) //nolint:errcheck // digits; too many are no round of ours
				last = max(last, n)
			}
		}
	}
	return last + 1, nil
}

// Open has Ann push the five branches and open the pull requests.
func (st *Stage) Open(ctx context.Context) (*Round, error) {
	n, err := st.nextRound(ctx)
	if err != nil {
		return nil, err
	}
	login, err := st.Ann.File(ctx, APIRepo, "main", "routes/login.route")
	if err != nil {
		return nil, err
	}
	todo := proposals(n, strings.TrimSpace(login))
	if err := st.pushAll(ctx, n, todo); err != nil {
		return nil, err
	}
	r := &Round{N: n}
	for _, p := range todo {
		body := ""
		if p.needs != "" {
			body = "Depends-On: " + r.Change(p.needs).Pull.URL
		}
		pull, err := st.Ann.OpenPull(ctx, p.repo, branchName(n, p), p.title, body)
		if err != nil {
			return nil, err
		}
		r.Changes = append(r.Changes, &Change{Letter: p.letter, Repo: p.repo, Title: p.title, Needs: p.needs, Pull: pull})
	}
	return r, nil
}

func branchName(n int, p proposal) string {
	return fmt.Sprintf("round-%d-%s", n, strings.ToLower(p.letter))
}

func (st *Stage) pushAll(ctx context.Context, n int, todo []proposal) error {
	for _, repo := range []string{APIRepo, WebRepo} {
		w, err := clone(ctx, st.Ann, repo)
		if err != nil {
			return err
		}
		defer w.remove()
		var branches []string
		for _, p := range todo {
			if p.repo != repo {
				continue
			}
			if err := w.commit(ctx, branchName(n, p), p.title, p.files); err != nil {
				return err
			}
			branches = append(branches, branchName(n, p))
		}
		if err := w.push(ctx, st.Ann.User+"/"+shortName(repo), branches...); err != nil {
			return err
		}
	}
	return nil
}

// Propose has Ann open one further pull request.
func (st *Stage) Propose(ctx context.Context, repo, branch, title string, content map[string]string) (*Change, error) {
	if err := st.Push(ctx, repo, branch, title, content); err != nil {
		return nil, err
	}
	pull, err := st.Ann.OpenPull(ctx, repo, branch, title, "")
	return &Change{Letter: "X", Repo: repo, Title: title, Pull: pull}, err
}

// Push has Ann push a branch with one commit on main to her fork, in place of what it was.
func (st *Stage) Push(ctx context.Context, repo, branch, title string, content map[string]string) error {
	w, err := clone(ctx, st.Ann, repo)
	if err != nil {
		return err
	}
	defer w.remove()
	if err := w.commit(ctx, branch, title, content); err != nil {
		return err
	}
	return w.push(ctx, st.Ann.User+"/"+shortName(repo), branch)
}

// AwaitStatus waits until Gozer has set a commit status on the change's head.
func (st *Stage) AwaitStatus(ctx context.Context, c *Change, pipeline, state string, within time.Duration) error {
	what := fmt.Sprintf("the status %s/%s of %s to be %s", Tenant, pipeline, c.Name(), state)
	return Await(ctx, within, what, func(ctx context.Context) (bool, string, error) {
		all, err := st.Bob.Statuses(ctx, c.Repo, c.Pull.Head.SHA)
		is := all[Tenant+"/"+pipeline]
		return is.State == state, fmt.Sprintf("it is %q: %s", is.State, is.Description), err
	})
}

// Approve has Bob approve the changes one after the other. One that needs another
// is approved when those before it are in the gate: it would come in right behind
// the other, if it had its review before.
func (st *Stage) Approve(ctx context.Context, pause time.Duration, changes ...*Change) error {
	for n, c := range changes {
		if n > 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(pause):
			}
		}
		if c.Needs != "" {
			if err := st.awaitEntered(ctx, changes[:n]); err != nil {
				return err
			}
		}
		c.Approved = time.Now()
		if err := st.Bob.Approve(ctx, c.Repo, c.Pull.Number, c.Pull.Head.SHA); err != nil {
			return err
		}
	}
	return nil
}

// awaitEntered waits until the gate has told the changes that they are in it.
func (st *Stage) awaitEntered(ctx context.Context, changes []*Change) error {
	return Await(ctx, 5*time.Minute, "the changes before it to be in the gate", func(ctx context.Context) (bool, string, error) {
		for _, c := range changes {
			all, err := st.Bob.Statuses(ctx, c.Repo, c.Pull.Head.SHA)
			if err != nil || all[Tenant+"/gate"].State == "" {
				return false, c.Name() + " has no status of the gate", err
			}
		}
		return true, "", nil
	})
}

// AwaitGate waits until all changes of the round have been decided in the
// gate, its queue is empty, and what they used is gone.
func (st *Stage) AwaitGate(ctx context.Context, r *Round, within time.Duration) error {
	err := Await(ctx, within, "the gate to decide "+r.names(), func(ctx context.Context) (bool, string, error) {
		o, err := st.Outcome(ctx, r)
		if err != nil {
			return false, "", err
		}
		return o.Decided(), o.String(), nil
	})
	if err != nil {
		return err
	}
	return st.AwaitQuiet(ctx, time.Minute)
}

// AwaitQuiet waits until no change is in a queue and no Pod of a build is left.
func (st *Stage) AwaitQuiet(ctx context.Context, within time.Duration) error {
	return Await(ctx, within, "all queues to be empty and all Pods to be gone", func(ctx context.Context) (bool, string, error) {
		var queues gozer.ChangeQueueList
		if err := st.Kube.List(ctx, &queues, client.InNamespace(Tenant)); err != nil {
			return false, "", err
		}
		waiting := 0
		for _, q := range queues.Items {
			waiting += len(q.Status.Items)
		}
		pods, err := st.Pods(ctx)
		return waiting+len(pods) == 0, fmt.Sprintf("%d changes in queues, Pods %v", waiting, pods), err
	})
}

func (r *Round) names() string {
	var out []string
	for _, c := range r.Changes {
		out = append(out, c.Letter+"="+c.Name())
	}
	return strings.Join(out, " ")
}

// get fetches a page of at most a megabyte.
func get(ctx context.Context, url string) (code int, body string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, string(data), err
}
