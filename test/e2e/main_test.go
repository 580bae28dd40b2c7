package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/gozer-dev/gozer/test/e2e/story"
)

// stage is shared by all tests, which use it one after the other.
var (
	stage *story.Stage
	hooks *hookProxy
)

// mergers are as few as can take over from one another.
const mergers = 2

func TestMain(m *testing.M) {
	if err := setUp(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	code := m.Run()
	hooks.stop()
	os.Exit(code)
}

// setUp sets the stage, with a proxy in the way that webhooks take.
func setUp(ctx context.Context) error {
	s, err := story.FromEnv()
	if err != nil {
		return err
	}
	if s.OwnCluster {
		return errors.New("these tests kill processes and need the local cluster: unset KUBECONFIG, make test-e2e starts one")
	}
	if hooks, err = startHookProxy(s); err != nil {
		return err
	}
	s.HookURL, s.Mergers = hooks.url, mergers
	begin := time.Now()
	stage, err = story.Set(ctx, s, func(name string, do func() error) error {
		err := do()
		fmt.Printf("%6.1fs  %s\n", time.Since(begin).Seconds(), name)
		return err
	})
	if err != nil && stage != nil {
		stage.Dump(ctx, os.Stdout)
	}
	return err
}

// onFailure tells how things stand when a test has failed, while they do.
func onFailure(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			stage.Dump(context.Background(), os.Stdout)
		}
		if err := stage.AwaitQuiet(context.Background(), time.Minute); err != nil {
			t.Errorf("the stage is not as the next test needs it: %v", err)
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
