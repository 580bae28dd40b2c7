package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/statusview"
)

func (e *env) enqueueCommand(name string) *cobra.Command {
	var pipeline string
	var urgent bool
	c := &cobra.Command{
		Use:   "enqueue CHANGE --pipeline PIPELINE [--urgent]",
		Short: "Put a change into a pipeline, whatever its triggers and requirements say",
		Long: `Put a change into a pipeline, whatever its triggers and requirements say.

A change is named as "owner/repo#12", or "connection:owner/repo#12" when the tenant has the
repository through several connections.

An urgent change passes those that wait, where the pipeline says "expedite: true": it goes right
behind the last one that has started, also when it is in the pipeline already.`,
		Example: fmt.Sprintf(`  %[1]s enqueue -n acme --pipeline gate acme/web#8
  %[1]s enqueue -n acme --pipeline gate --urgent acme/web#8`, name),
		Args: exactly("a change"),
		RunE: func(c *cobra.Command, args []string) error {
			t := parseTarget(args[0])
			if !t.isChange() {
				return usage("%q is not a change; write owner/repo#12", args[0])
			}
			if pipeline == "" {
				return usage("say which pipeline with --pipeline")
			}
			if err := e.connect(); err != nil {
				return err
			}
			return e.enqueue(c.Context(), t, pipeline, urgent)
		},
	}
	c.Flags().StringVar(&pipeline, "pipeline", "", "the pipeline to put it into")
	c.Flags().BoolVar(&urgent, "urgent", false, "let it pass those that wait, where the pipeline allows that")
	return c
}

func (e *env) enqueue(ctx context.Context, t target, pipeline string, urgent bool) error {
	if err := e.checkPipeline(ctx, pipeline); err != nil {
		return err
	}
	connection, err := e.connectionOf(ctx, t)
	if err != nil {
		return err
	}
	ev := e.event(ctx, t, connection, pipeline, urgent)
	// Watched first, so that the answer cannot be missed.
	ctx, cancel := context.WithTimeout(ctx, e.patience)
	defer cancel()
	events, err := e.client.Watch(ctx, &gozer.TriggerEventList{}, client.InNamespace(ev.Namespace),
		client.MatchingFieldsSelector{Selector: fields.OneTermEqualSelector("metadata.name", ev.Name)})
	if err != nil {
		return e.cannotEnqueue(err)
	}
	defer events.Stop()
	if err := e.client.Create(ctx, ev); err != nil && !apierrors.IsAlreadyExists(err) {
		return e.cannotEnqueue(err)
	}
	if err := e.client.Get(ctx, client.ObjectKeyFromObject(ev), ev); err != nil {
		return e.cannotEnqueue(err)
	}
	return e.awaitOutcome(ctx, t, ev, pipeline, events)
}

func (e *env) awaitOutcome(ctx context.Context, t target, ev *gozer.TriggerEvent, pipeline string, events watch.Interface) error {
	for {
		if done, err := e.outcome(t, ev, pipeline); done {
			return err
		}
		open := true
		var w watch.Event
		select {
		case <-ctx.Done():
		case w, open = <-events.ResultChan():
		}
		if next, ok := w.Object.(*gozer.TriggerEvent); ok && next.Name == ev.Name {
			ev = next
		}
		if ctx.Err() != nil || !open {
			return fmt.Errorf("the request is stored as triggerevent %s, but nothing was heard of it within %s; look at it with `kubectl get te -n %s %s -o yaml`, and whether Gozer's manager runs",
				ev.Name, e.patience, ev.Namespace, ev.Name)
		}
	}
}

func (e *env) cannotEnqueue(err error) error {
	if apierrors.IsForbidden(err) {
		return fmt.Errorf("you may not enqueue changes: %w; it takes a role that may create, get and watch triggerevents in %s", err, e.operatorNamespace)
	}
	return fmt.Errorf("cannot enqueue: %w; is Gozer in the namespace %s? say otherwise with --operator-namespace", err, e.operatorNamespace)
}

// event of the request. Asking twice within seconds is asking once.
func (e *env) event(ctx context.Context, t target, connection, pipeline string, urgent bool) *gozer.TriggerEvent {
	now := e.now()
	account := ""
	if e.whoami != nil {
		account = e.whoami(ctx)
	}
	d := sha256.Sum256([]byte(strings.Join([]string{
		e.namespace, pipeline, connection, t.name(), account, strconv.FormatBool(urgent), now.UTC().Truncate(10 * time.Second).Format(time.RFC3339),
	}, "\x00")))
	return &gozer.TriggerEvent{
		ObjectMeta: metav1.ObjectMeta{Namespace: e.operatorNamespace, Name: "enqueue-" + hex.EncodeToString(d[:])[:32]},
		Spec: gozer.TriggerEventSpec{
			Connection: connection, Event: "enqueue", Project: t.project, Number: t.number, Account: convert.Cut(account, 255),
			Tenant: e.namespace, Pipeline: pipeline, Urgent: urgent, ReceivedAt: metav1.NewMicroTime(now),
		},
	}
}

// outcome prints what became of the request once it is known.
func (e *env) outcome(t target, ev *gozer.TriggerEvent, pipeline string) (done bool, err error) {
	for _, o := range ev.Status.Tenants {
		if o.Tenant != e.namespace {
			continue
		}
		for _, p := range o.Pipelines {
			switch {
			case p.Pipeline != pipeline:
			case p.Item == "":
				return true, fmt.Errorf("%s did not take %s: %s", pipeline, t.name(), statusview.Clean(p.Message))
			default:
				text := fmt.Sprintf("%s is in %s as %s", t.name(), pipeline, p.Item)
				if p.Message != "" {
					text += ": " + statusview.Clean(p.Message)
				}
				_, err := fmt.Fprintln(e.Out, text)
				return true, err
			}
		}
		return true, fmt.Errorf("%s did not take %s: the project has nothing to do in that pipeline, or the change does not exist", pipeline, t.name())
	}
	return false, nil
}

func (e *env) checkPipeline(ctx context.Context, pipeline string) error {
	var all gozer.PipelineList
	if err := e.client.List(ctx, &all, client.InNamespace(e.namespace)); err != nil {
		return e.explainError(err)
	}
	var names []string
	for _, p := range all.Items {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	if slices.Contains(names, pipeline) {
		return nil
	}
	if len(names) == 0 {
		return fmt.Errorf("the namespace %s has no pipelines; name the tenant with -n", e.namespace)
	}
	return fmt.Errorf("tenant %s has no pipeline %q; it has: %s", e.namespace, pipeline, strings.Join(names, ", "))
}

// connectionOf finds the connection through which the tenant has the project.
func (e *env) connectionOf(ctx context.Context, t target) (string, error) {
	var tenants gozer.TenantList
	if err := e.client.List(ctx, &tenants, client.InNamespace(e.namespace)); err != nil {
		return "", e.explainError(err)
	}
	var found, projects []string
	for _, tenant := range tenants.Items {
		for _, s := range tenant.Spec.Sources {
			for _, p := range slices.Concat(s.ConfigProjects, s.UntrustedProjects) {
				projects = append(projects, p.Name)
				if p.Name == t.project && (t.connection == "" || t.connection == s.Connection) {
					found = append(found, s.Connection)
				}
			}
		}
	}
	slices.Sort(found)
	found = slices.Compact(found)
	switch len(found) {
	case 0:
		return "", fmt.Errorf("tenant %s does not have the project %s%s", e.namespace, strings.TrimPrefix(t.connection+":"+t.project, ":"), didYouMean(t.project, projects))
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("the tenant has %s through %s; write %s:%s", t.project, strings.Join(found, " and "), found[0], t.name())
}
