package story

import (
	"context"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
)

// Dump writes how things stand, for whoever must find out why a wait was in vain.
func (st *Stage) Dump(ctx context.Context, w io.Writer) { st.DumpOf(ctx, w, Tenant) }

// DumpOf writes the same of another tenant.
func (st *Stage) DumpOf(ctx context.Context, w io.Writer, tenant string) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	say := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) } //nolint:errcheck // for people
	say("======== how things stand at %s", time.Now().Format(time.RFC3339))
	var tenants gozer.TenantList
	var queues gozer.ChangeQueueList
	var items gozer.QueueItemList
	var builds gozer.BuildList
	var requests gozer.NodeRequestList
	var pods, own corev1.PodList
	var events gozer.TriggerEventList
	for list, ns := range map[client.ObjectList]string{
		&tenants: tenant, &queues: tenant, &items: tenant, &builds: tenant, &requests: tenant, &pods: tenant, &own: Namespace, &events: Namespace,
	} {
		if err := st.Kube.List(ctx, list, client.InNamespace(ns)); err != nil {
			say("cannot list %T: %v", list, err)
		}
	}
	for _, t := range tenants.Items {
		say("tenant %s: %v, %d errors", t.Name, t.Status.Conditions, t.Status.ErrorCount)
	}
	for _, q := range queues.Items {
		for _, e := range q.Status.Items {
			say("queue %s: %s epoch %d on %q epoch %d active %t halted %t: %s", q.Name, e.Item, e.Epoch, e.Ahead, e.AheadEpoch, e.Active, e.Halted, e.Why)
		}
	}
	for _, i := range items.Items {
		if i.Status.Result != "" && time.Since(i.CreationTimestamp.Time) > 10*time.Minute {
			continue
		}
		say("item %s %s: %s %s %s", i.Name, i.Annotations[gozer.AnnotationChange], i.Status.State, i.Status.Result, i.Status.Reason)
		for _, d := range i.Status.Decisions {
			say("    %s %s: %s", d.Time.Format("15:04:05.000"), d.Action, d.Message)
		}
	}
	for _, b := range builds.Items {
		if b.Status.Result == "" {
			say("build %s: %s attempt %d: %s", b.Name, b.Status.Phase, b.Status.Attempt, b.Status.Reason)
		}
	}
	for _, r := range requests.Items {
		if r.Status.State != gozer.NodesReleased {
			say("node request %s: %s lost %t: %s", r.Name, r.Status.State, r.Status.Lost, r.Status.Message)
		}
	}
	for _, e := range events.Items {
		if len(e.Status.Tenants) == 0 {
			say("event %s waits: %s %s %s#%d", e.Name, e.Spec.Event, e.Spec.Action, e.Spec.Project, e.Spec.Number)
		}
	}
	for _, p := range append(own.Items, pods.Items...) {
		say("pod %s/%s: %s %s", p.Namespace, p.Name, p.Status.Phase, containers(p))
	}
	for _, p := range own.Items {
		st.tail(ctx, w, p)
	}
}

func containers(p corev1.Pod) string {
	out := ""
	for _, s := range append(p.Status.InitContainerStatuses, p.Status.ContainerStatuses...) {
		state := "running"
		switch {
		case s.State.Waiting != nil:
			state = "waits: " + s.State.Waiting.Reason + " " + s.State.Waiting.Message
		case s.State.Terminated != nil:
			state = fmt.Sprintf("ended: %s (exit code %d)", s.State.Terminated.Reason, s.State.Terminated.ExitCode)
		}
		out += fmt.Sprintf("[%s %s, %d restarts] ", s.Name, state, s.RestartCount)
	}
	return out
}

// tail writes the end of a Pod's log.
func (st *Stage) tail(ctx context.Context, w io.Writer, p corev1.Pod) {
	lines := int64(60)
	fmt.Fprintf(w, "-------- log of %s\n", p.Name) //nolint:errcheck // for people
	data, err := st.Clientset.CoreV1().Pods(p.Namespace).GetLogs(p.Name, &corev1.PodLogOptions{TailLines: &lines}).DoRaw(ctx)
	if err != nil {
		data = []byte(err.Error())
	}
	fmt.Fprintf(w, "%s\n", data) //nolint:errcheck // for people
}
