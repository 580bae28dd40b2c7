// Command demo sets the stage on a cluster and a Gitea, has five pull requests
// go through the gate before your eyes, and checks what it promised. `make
// demo` builds and starts everything that it needs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gozer-dev/gozer/test/e2e/story"
)

func main() {
	down := flag.Bool("down", false, "take Gozer and the tenant away from a cluster of your own")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	settings, err := story.FromEnv()
	if err == nil {
		if *down {
			err = takeDown(ctx, settings)
		} else {
			err = play(ctx, settings)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "\ndemo:", err)
		os.Exit(1)
	}
}

// begin is when make began, if it was make.
var begin = func() time.Time {
	if s, err := strconv.ParseInt(os.Getenv("STEP_BEGIN"), 10, 64); err == nil {
		return time.Unix(s, 0)
	}
	return time.Now()
}()

// clock is the time since everything began.
func clock() string {
	s := int(time.Since(begin).Seconds())
	return fmt.Sprintf("%3d:%02d", s/60, s%60)
}

// step tells how long a part took.
func step(name string, do func() error) error {
	since := time.Now()
	if err := do(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	fmt.Printf("%s  %s (%.1f s)\n", clock(), name, time.Since(since).Seconds())
	return nil
}

// Limits on how long the parts of the story may take.
const (
	checkTime = 3 * time.Minute
	gateTime  = 5 * time.Minute
	// click is the time between two approvals by Bob.
	click = 500 * time.Millisecond
)

// play has the whole story happen. When something does not come, it shows how
// things stand.
func play(ctx context.Context, settings story.Settings) (err error) {
	st, err := story.Set(ctx, settings, step)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil && ctx.Err() == nil {
			st.Dump(ctx, os.Stderr)
		}
	}()
	if err := st.AwaitQuiet(ctx, time.Minute); err != nil {
		return err
	}
	round, err := st.Open(ctx)
	if err != nil {
		return err
	}
	introduce(round)
	if err := watch(ctx, st, "check", func() error {
		for _, c := range round.Changes {
			if err := st.AwaitStatus(ctx, c, "check", "success", checkTime); err != nil {
				return err
			}
		}
		return st.AwaitQuiet(ctx, time.Minute)
	}); err != nil {
		return err
	}
	fmt.Printf("%s  all five work, each alone on main\n\nBob approves A, B, C, D, E: they enter the gate in that order.\n\n", clock())
	ticking, stop := context.WithCancel(ctx)
	defer stop()
	timer, err := st.StartClock(ticking)
	if err != nil {
		return err
	}
	if err := watch(ctx, st, "gate", func() error {
		if err := st.Approve(ctx, click, round.Changes...); err != nil {
			return err
		}
		return st.AwaitGate(ctx, round, gateTime)
	}); err != nil {
		return err
	}
	return end(ctx, st, round, timer)
}

func introduce(r *story.Round) {
	fmt.Println("\nAnn opens five pull requests:")
	notes := map[string]string{"C": "breaks its test, but only together with B", "D": "needs A: Depends-On"}
	for _, c := range r.Changes {
		note := ""
		if notes[c.Letter] != "" {
			note = "  (" + notes[c.Letter] + ")"
		}
		fmt.Printf("  %-11s  %s%s\n", c.Name(), c.Title, note)
	}
	fmt.Println("\nEach is tested on its own, in the pipeline check.")
	fmt.Println()
}

// end checks what was promised and says what it cost.
func end(ctx context.Context, st *story.Stage, round *story.Round, timer *story.Clock) error {
	o, err := st.Full(ctx, round)
	if err != nil {
		return err
	}
	if err := errors.Join(story.Check(o, story.Always, story.Undisturbed), st.CheckLog(ctx, o)); err != nil {
		return fmt.Errorf("not everything is as it must be:\n%w", err)
	}
	fmt.Printf("\n%s  Seen, and checked in Kubernetes, on Gitea and with git:\n", clock())
	for _, line := range []string{
		"A to E ran at the same time, each tested on the ones ahead of it",
		"C failed together with B; D and E, and only they, were tested again without it: 7 builds, no more",
		"A, B, D, E were merged, in that order; the merged trees are exactly the tested ones",
		"C's pull request has the reason and a link to the log: " + round.Change("C").Pull.URL,
		"no Pod is left",
	} {
		fmt.Println("  ✔", line)
	}
	fmt.Println("\nThe story of D, as gozerctl tells it:")
	show(ctx, st, "explain", round.Change("D").Name())
	n, err := st.Numbers(ctx, timer, o)
	if err != nil {
		return err
	}
	var each []string
	for _, d := range n.Each {
		each = append(each, fmt.Sprintf("%.1f", d.Seconds()))
	}
	fmt.Printf(`
  approval to the first gate Pod running   %.1f s (median of %s)
  API writes for each gated change         %.0f
  memory of the manager                    %.0f MiB
  time of make demo                        %s
`, n.FirstPod.Seconds(), strings.Join(each, " "), n.Writes, n.Memory/(1<<20), strings.TrimSpace(clock()))
	next(st, o)
	return nil
}

// next says what to look at.
func next(st *story.Stage, o *story.Outcome) {
	bin := relative(st.Bin)
	fmt.Printf(`
Everything still runs. Look around:
  export KUBECONFIG=%[1]s PATH=%[2]s:$PATH
  kubectl -n acme get queueitems,buildsets,builds     what happened
  kubectl explain queueitem.spec                      what it means
  gozerctl -n acme status                             the queues as they are now
  gozerctl -n acme explain %-26[3]s why C was not merged
  gozerctl -n acme logs %-29[4]s what its test said
  cat %[5]s/tenant.yaml   what was applied
  %[6]s/acme   the pull requests; log in as ann or bob with the password in %[7]s
Again, with five new pull requests: make demo.   Away with it all: make demo-down.
`, relative(st.Kubeconfig), bin, o.Round.Change("C").Name(), o.Failed(), relative(st.Dir()), st.Forge.URL, relative(st.PasswordFile()))
}

// relative shortens a path for people who stand where make was called.
func relative(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(wd, path); err == nil && !strings.HasPrefix(rel, "..") {
		return "$PWD/" + rel
	}
	return path
}

// takeDown removes what the demo made in a cluster that is not its own.
func takeDown(ctx context.Context, s story.Settings) error {
	for _, args := range [][]string{
		{"helm", "uninstall", "gozer", "--namespace", story.Namespace, "--ignore-not-found", "--wait"},
		{"kubectl", "delete", "namespace", story.Tenant, story.Namespace, "--ignore-not-found"},
	} {
		name := args[0]
		if name == "helm" {
			name = filepath.Join(s.Bin, name)
		}
		cmd := exec.CommandContext(ctx, name, args[1:]...) //nolint:gosec // made here
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w", strings.Join(args, " "), err)
		}
	}
	return os.RemoveAll(s.Dir())
}
