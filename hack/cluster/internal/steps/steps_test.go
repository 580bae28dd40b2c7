package steps

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestAwait(t *testing.T) {
	var out bytes.Buffer
	tries := 0
	err := New(&out).Await(t.Context(), Wait{For: "thing", Within: time.Minute, Probe: func(context.Context) error {
		if tries++; tries < 3 {
			return errors.New("not yet")
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^ +0\.\ds  thing ready\n$`).MatchString(out.String()) {
		t.Errorf("unexpected line %q", out.String())
	}
}

func TestAwaitFails(t *testing.T) {
	log := filepath.Join(t.TempDir(), "thing.log")
	if err := os.WriteFile(log, []byte("early\n"+strings.Repeat("line\n", 20)+"the cause\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := New(&bytes.Buffer{}).Await(t.Context(), Wait{For: "thing", Within: time.Millisecond, LogFile: log, Probe: func(context.Context) error {
		return errors.New("refused")
	}})
	for _, want := range []string{"thing is not ready after 1ms", "refused", "the cause", log} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: does not say %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "early") {
		t.Error("the whole log is shown")
	}
}
