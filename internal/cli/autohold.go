package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/hold"
	"github.com/gozer-dev/gozer/internal/naming"
	"github.com/gozer-dev/gozer/internal/statusview"
)

type autoholdOptions struct {
	change                 int64
	ref, reason            string
	count                  int32
	nodeExpiration, expiry string
}

func (e *env) autoholdCommand(name string) *cobra.Command {
	var o autoholdOptions
	c := &cobra.Command{
		Use:   "autohold PROJECT JOB --reason TEXT [--change NUMBER | --ref REGEX] [--count N]",
		Short: "Keep the nodes of builds of a job that fail, to look at them",
		Long: `Keep the nodes of builds of a job that fail, to look at them.

The next build of the job that fails, of any change of the project, or of the one named, keeps its
nodes until their time is over or the hold is deleted. "ssh" logs into them.`,
		Example: fmt.Sprintf(`  %[1]s autohold -n acme acme/web unit --change 8 --reason "alice looks at the timeout"
  %[1]s autohold -n acme acme/web unit --ref refs/heads/stable/.* --count 2 --node-hold-expiration 4h --reason flaky`, name),
		Args: exactly("a project", "a job"),
		RunE: func(c *cobra.Command, args []string) error {
			spec, err := o.spec(args[0], args[1], c.Flags().Changed("change"))
			if err != nil {
				return err
			}
			if err := e.connect(); err != nil {
				return err
			}
			return e.autohold(c.Context(), spec, o.expiry)
		},
	}
	c.Flags().Int64Var(&o.change, "change", 0, "only builds of this change, by number")
	c.Flags().StringVar(&o.ref, "ref", "", "only builds of refs that begin with what this regular expression matches")
	c.Flags().StringVar(&o.reason, "reason", "", "why, for people")
	c.Flags().Int32Var(&o.count, "count", 1, "for how many builds")
	c.Flags().StringVar(&o.nodeExpiration, "node-hold-expiration", "24h", "how long nodes are kept: 90m, 24h, or seconds")
	c.Flags().StringVar(&o.expiry, "expires", "", "how long builds that end count at all: 90m, 24h, or seconds (default for ever)")
	return c
}

// spec of what was typed.
func (o autoholdOptions) spec(project, job string, ofChange bool) (gozer.HoldSpec, error) {
	s := gozer.HoldSpec{Project: project, Job: job, Reason: o.reason, Count: o.count}
	switch {
	case o.reason == "":
		return s, usage("say why with --reason")
	case ofChange && o.ref != "":
		return s, usage("give --change or --ref, not both")
	case ofChange && o.change < 1:
		return s, usage("--change is a number, as of owner/repo#12")
	case o.count < 1 || o.count > 256:
		return s, usage("--count is 1 to 256, not %d", o.count)
	}
	kept, err := duration("--node-hold-expiration", o.nodeExpiration)
	if err != nil {
		return s, err
	}
	if kept < time.Minute {
		return s, usage("--node-hold-expiration is a minute at least, not %s", o.nodeExpiration)
	}
	s.NodeExpiration = int64(kept.Seconds())
	if _, err := duration("--expires", cmp.Or(o.expiry, "1s")); err != nil {
		return s, err
	}
	if ofChange {
		s.Change = &o.change
	}
	if o.ref != "" {
		if wrong := hold.Check(o.ref); wrong != "" {
			return s, usage("--ref: %s", wrong)
		}
		s.Ref = &o.ref
	}
	return s, nil
}

// duration of a flag: Go's form, or seconds as zuul-client has them.
func duration(flag, text string) (time.Duration, error) {
	if n, err := strconv.ParseInt(text, 10, 32); err == nil && n > 0 {
		return time.Duration(n) * time.Second, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, usage("%s is a time like 90m or 24h, or seconds, not %q", flag, text)
	}
	return d, nil
}

func (e *env) autohold(ctx context.Context, spec gozer.HoldSpec, expiry string) error {
	if err := e.checkProject(ctx, spec.Project); err != nil {
		return err
	}
	if expiry != "" {
		d, err := duration("--expires", expiry)
		if err != nil {
			return err
		}
		spec.ExpiresAt = &metav1.Time{Time: e.now().Add(d)}
	}
	// Asking twice within seconds is asking once.
	h := &gozer.Hold{Spec: spec}
	h.Namespace, h.Name = e.namespace, naming.Hold(spec.Job, spec.Project, holdTarget(spec), spec.Reason, fmt.Sprintf("%d %d %s", spec.Count, spec.NodeExpiration, expiry), e.now().UTC().Truncate(10*time.Second).Format(time.RFC3339))
	if err := e.client.Create(ctx, h); err != nil && !apierrors.IsAlreadyExists(err) {
		if apierrors.IsForbidden(err) {
			return fmt.Errorf("you may not hold nodes: %w; it takes a role that may create holds in %s, as `gozer-tenant-admin`", err, e.namespace)
		}
		return e.explainError(err)
	}
	_, err := fmt.Fprintf(e.Out, "%s holds the nodes of the next %s of %s in %s%s\n", h.Name, failures(spec.Count), statusview.Clean(spec.Job), statusview.Clean(spec.Project), statusview.Clean(narrowed(spec)))
	return err
}

func failures(count int32) string {
	if count == 1 {
		return "failure"
	}
	return fmt.Sprintf("%d failures", count)
}

// holdTarget is the change or ref of a hold, in words; empty for all.
func holdTarget(s gozer.HoldSpec) string {
	switch {
	case s.Ref != nil:
		return *s.Ref
	case s.Change != nil:
		return fmt.Sprintf("#%d", *s.Change)
	}
	return ""
}

func narrowed(s gozer.HoldSpec) string {
	if to := holdTarget(s); to != "" {
		return ", " + to
	}
	return ""
}

// checkProject says whether the tenant has the project, with or without its host.
func (e *env) checkProject(ctx context.Context, project string) error {
	var tenants gozer.TenantList
	if err := e.client.List(ctx, &tenants, client.InNamespace(e.namespace)); err != nil {
		return e.explainError(err)
	}
	var names []string
	for _, t := range tenants.Items {
		for _, s := range t.Spec.Sources {
			for _, p := range slices.Concat(s.ConfigProjects, s.UntrustedProjects) {
				if project == p.Name || strings.HasSuffix(project, "/"+p.Name) {
					return nil
				}
				names = append(names, p.Name)
			}
		}
	}
	return fmt.Errorf("tenant %s does not have the project %s%s", e.namespace, statusview.Clean(project), didYouMean(project, names))
}
