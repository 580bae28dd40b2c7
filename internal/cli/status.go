package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gozer-dev/gozer/internal/statusview"
)

type statusOptions struct {
	watch            bool
	output, pipeline string
}

func (e *env) statusCommand(name string) *cobra.Command {
	var o statusOptions
	c := &cobra.Command{
		Use:   "status",
		Short: "Show the queues of a tenant: what each change is tested on, how its jobs are, what it waits for",
		Example: fmt.Sprintf(`  %[1]s status -n acme
  %[1]s status -n acme --pipeline gate --watch
  %[1]s status -n acme --output json | jq '.queues[].items[].change'`, name),
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := e.connectFor(o.output); err != nil {
				return err
			}
			return e.status(c.Context(), o)
		},
	}
	c.Flags().BoolVarP(&o.watch, "watch", "w", false, "draw it again whenever something changes; Ctrl-C ends it")
	c.Flags().StringVarP(&o.output, "output", "o", "text", "text or json")
	c.Flags().StringVar(&o.pipeline, "pipeline", "", "show this pipeline only")
	return c
}

func (e *env) status(ctx context.Context, o statusOptions) error {
	f, err := e.facts(ctx, e.client)
	if err != nil {
		return err
	}
	if !o.watch {
		return e.show(statusview.New(f, o.pipeline), o.output)
	}
	changed, reader, err := e.changed(ctx)
	if err != nil {
		return err
	}
	return e.follow(ctx, o, changed, reader)
}

func (e *env) show(v statusview.View, output string) error {
	if output == "json" {
		j := json.NewEncoder(e.Out)
		return j.Encode(v)
	}
	_, err := io.WriteString(e.Out, v.Text(e.style()))
	return err
}

// follow draws the view whenever it changed. On a terminal the picture is
// drawn over the last one, and times go on by the second.
func (e *env) follow(ctx context.Context, o statusOptions, changed <-chan struct{}, r client.Reader) error {
	var ticks <-chan time.Time
	_, terminal := e.terminal()
	if terminal && o.output == "text" {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		ticks = t.C
	}
	last := ""
	for {
		f, err := e.facts(ctx, r)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		v := statusview.New(f, o.pipeline)
		switch now := v.Text(statusview.Style{NoTimes: true}); {
		case terminal && o.output == "text":
			if _, err := io.WriteString(e.Out, frame(v.Text(e.style()))); err != nil {
				return err
			}
		case now != last:
			if last != "" && o.output == "text" {
				fmt.Fprintln(e.Out) //nolint:errcheck // the next write tells
			}
			last = now
			if err := e.show(v, o.output); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-ticks:
		}
	}
}

// frame draws over what was there, without the flicker of clearing first.
func frame(text string) string {
	return "\x1b[H" + strings.ReplaceAll(text, "\n", "\x1b[K\n") + "\x1b[J"
}

// terminal is the width of the terminal that is written to.
func (e *env) terminal() (width int, ok bool) {
	f, isFile := e.Out.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	width, _, _ = term.GetSize(int(f.Fd()))
	return width, true
}

// style has colour on a terminal, unless NO_COLOR asks for none.
func (e *env) style() statusview.Style {
	width, ok := e.terminal()
	return statusview.Style{Color: ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb", Width: width}
}
