// Package statusviewtest has a tenant's objects for tests: the story of five
// changes in a gate, of which the third fails together with the second.
package statusviewtest

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
)

// Now of the story.
var Now = time.Date(2025, 3, 4, 14, 2, 31, 0, time.UTC)

// Objects of the tenant acme.
type Objects struct {
	Queues       []gozer.ChangeQueue
	Items        []gozer.QueueItem
	BuildSets    []gozer.BuildSet
	Builds       []gozer.Build
	NodeRequests []gozer.NodeRequest
}

func at(secondsAgo int) metav1.MicroTime {
	return metav1.NewMicroTime(Now.Add(-time.Duration(secondsAgo) * time.Second))
}

func ptr[T any](v T) *T { return &v }

func meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: "acme", CreationTimestamp: metav1.NewTime(Now.Add(-5 * time.Minute))}
}

// Change of the story.
func Change(project string, number int64) gozer.ChangeRef {
	return gozer.ChangeRef{
		Project: gozer.ProjectRef{Connection: "gitea", Hostname: "git.example.com", Name: project}, Number: number,
		Patchset: fmt.Sprintf("3f2c1d4e5%d", number), Branch: "main", Title: "wait for it",
		URL: fmt.Sprintf("https://git.example.com/%s/pulls/%d", project, number),
	}
}

func item(name, pipeline, queue string, c gozer.ChangeRef, state gozer.ItemState, enqueued int) gozer.QueueItem {
	return gozer.QueueItem{
		ObjectMeta: meta(name),
		Spec:       gozer.QueueItemSpec{Pipeline: pipeline, Queue: queue, Changes: []gozer.ChangeRef{c}, Live: true, Reason: "review: approved by alice", EnqueuedAt: at(enqueued)},
		Status:     gozer.QueueItemStatus{State: state},
	}
}

// build is a job: name, then "ok", "bad", "run", "nodes", "start" or "wait", and seconds.
type build struct {
	job, state string
	seconds    int
	after      string
}

func (o *Objects) test(it gozer.QueueItem, epoch int32, on []gozer.ChangeRef, jobs ...build) {
	name := fmt.Sprintf("%s-%d", it.Name, epoch)
	bs := gozer.BuildSet{ObjectMeta: meta(name), Spec: gozer.BuildSetSpec{Item: it.Name, Epoch: epoch, Queue: it.Spec.Queue, Pipeline: it.Spec.Pipeline}}
	for _, c := range append(on, it.Spec.Changes[0]) {
		bs.Spec.Steps = append(bs.Spec.Steps, gozer.MergeStep{Change: c})
	}
	for _, j := range jobs {
		b := gozer.Build{ObjectMeta: meta(name + "-" + j.job), Spec: gozer.BuildSpec{BuildSet: name, Item: it.Name, Pipeline: it.Spec.Pipeline, Change: it.Spec.Changes[0], Job: gozer.FrozenJob{Name: j.job, Voting: j.job != "docs"}}}
		spec := gozer.BuildSetJob{Name: j.job, Build: b.Name, Voting: b.Spec.Job.Voting}
		if j.after != "" {
			spec.Dependencies = []gozer.JobDependency{{Name: j.after}}
		}
		bs.Spec.Jobs = append(bs.Spec.Jobs, spec)
		b.Status = statusOf(j, b.Name)
		bs.Status.Jobs = append(bs.Status.Jobs, gozer.JobStatus{Name: j.job, Started: j.state != "wait", Result: b.Status.Result})
		bs.Status.Failing = bs.Status.Failing || b.Status.Result == "FAILURE" && b.Spec.Job.Voting
		if j.state == "start" {
			o.NodeRequests = append(o.NodeRequests, gozer.NodeRequest{ObjectMeta: meta(b.Status.NodeRequest), Status: gozer.NodeRequestStatus{State: gozer.NodesFulfilled}})
		}
		if j.state == "nodes" {
			o.NodeRequests = append(o.NodeRequests, gozer.NodeRequest{ObjectMeta: meta(b.Status.NodeRequest), Status: gozer.NodeRequestStatus{Message: "pool small has 2 of at most 2 nodes in use"}})
		}
		o.Builds = append(o.Builds, b)
	}
	o.BuildSets = append(o.BuildSets, bs)
}

func statusOf(j build, name string) gozer.BuildStatus {
	s := gozer.BuildStatus{Attempt: 1}
	switch j.state {
	case "ok", "bad":
		s.Phase, s.Result = gozer.BuildDone, "SUCCESS"
		s.StartedAt, s.CompletedAt = ptr(at(60+j.seconds)), ptr(at(60))
		if j.state == "bad" {
			s.Result, s.FirstFailure = "FAILURE", "web_test.go:41: want 200, got 500"
		}
	case "run":
		s.Phase, s.StartedAt = gozer.BuildRunning, ptr(at(j.seconds))
	case "nodes":
		s.Phase, s.NodeRequest = gozer.BuildNodes, name+"-1"
	case "start":
		s.Phase, s.Attempt, s.NodeRequest = gozer.BuildNodes, 2, name+"-2"
	case "wait":
		s = gozer.BuildStatus{Phase: gozer.BuildWaiting}
	}
	return s
}

// Story of the tenant acme, at Now.
func Story() Objects {
	var o Objects
	o.gate()
	o.check()
	return o
}

func (o *Objects) gate() {
	const q = "gate-integrated-1a2b3c"
	ca, cb, cc, cd, ce := Change("acme/api", 11), Change("acme/api", 12), Change("acme/web", 7), Change("acme/web", 8), Change("acme/api", 13)
	a := item("gate-api-11-a", "gate", q, ca, gozer.ItemReady, 120)
	b := item("gate-api-12-b", "gate", q, cb, gozer.ItemRunning, 110)
	c := item("gate-web-7-c", "gate", q, cc, gozer.ItemFailing, 100)
	d := item("gate-web-8-d", "gate", q, cd, gozer.ItemRunning, 90)
	e := item("gate-api-13-e", "gate", q, ce, gozer.ItemPreparing, 80)
	z := item("gate-api-14-z", "gate", q, Change("acme/api", 14), gozer.ItemWaiting, 70)
	c.Status.Reason = "job unit: FAILURE"
	const why = "acme/web#7 failed: job unit: FAILURE"
	d.Status.Decisions = []gozer.Decision{
		{Time: at(88), Action: "Put", Message: "tested on acme/web#7"},
		{Time: at(3), Action: "Reset", Message: why},
	}
	o.test(a, 1, nil, build{"unit", "ok", 41, ""}, build{"lint", "ok", 12, ""})
	o.test(b, 1, []gozer.ChangeRef{ca}, build{"unit", "run", 38, ""}, build{"lint", "ok", 11, ""})
	o.test(c, 1, []gozer.ChangeRef{ca, cb}, build{"unit", "bad", 22, ""}, build{"lint", "ok", 9, ""})
	o.test(d, 1, []gozer.ChangeRef{ca, cb, cc}, build{"unit", "run", 30, ""})
	o.test(d, 2, []gozer.ChangeRef{ca, cb}, build{"unit", "run", 3, ""}, build{"lint", "nodes", 0, ""}, build{"docs", "wait", 0, "lint"})
	done := item("gate-api-10-y", "gate", q, Change("acme/api", 10), gozer.ItemDone, 900)
	done.Status.Result, done.Status.Merged = "SUCCESS", &gozer.ItemMerged{Commit: "aabbccddeeff", At: at(600)}
	conflict := item("gate-api-9-x", "gate", q, Change("acme/api", 9), gozer.ItemDone, 86400)
	conflict.Status.Result, conflict.Status.Reason = "MERGE_CONFLICT", "it conflicts with main"
	conflict.Status.Merge = &gozer.ItemMerge{Epoch: 1, Problem: "MERGE_CONFLICT", Message: "conflicting files:\nREADME\n"}
	o.Items = append(o.Items, a, b, c, d, e, z, done, conflict)
	o.Queues = append(o.Queues, gozer.ChangeQueue{
		ObjectMeta: meta(q), Spec: gozer.ChangeQueueSpec{Pipeline: "gate", Queue: "integrated", Manager: gozer.ManagerDependent},
		Status: gozer.ChangeQueueStatus{Window: 5, Length: 6, Resets: 4, Merged: 14, Items: []gozer.QueueEntry{
			{Item: a.Name, Epoch: 1, Active: true, Why: "enqueued", Since: ptr(at(120))},
			{Item: b.Name, Ahead: a.Name, Epoch: 1, Active: true, Since: ptr(at(110))},
			{Item: c.Name, Ahead: b.Name, Epoch: 1, Active: true, Since: ptr(at(100))},
			{Item: d.Name, Ahead: b.Name, Epoch: 2, Active: true, Why: why, Since: ptr(at(3))},
			{Item: e.Name, Ahead: d.Name, Epoch: 2, Active: true, Why: why, Since: ptr(at(3))},
			{Item: z.Name, Ahead: e.Name, Epoch: 1, Since: ptr(at(70))},
		}},
	})
}

func (o *Objects) check() {
	const q = "check-web-9-q"
	need := item("check-api-13-n", "check", q, Change("acme/api", 13), gozer.ItemPreparing, 61)
	need.Spec.Live = false
	w := item(q, "check", q, Change("acme/web", 9), gozer.ItemRunning, 60)
	o.test(w, 1, []gozer.ChangeRef{Change("acme/api", 13)}, build{"unit", "start", 0, ""}, build{"docs", "bad", 5, ""}, build{"lint", "ok", 200, ""})
	gone := item("check-lib-1-h", "check", "check-lib-1-h", Change("acme/lib", 1), gozer.ItemWaiting, 30)
	gone.Annotations = map[string]string{gozer.AnnotationDequeue: "A new version was pushed."}
	halted := item("check-lib-2-i", "check", "check-lib-2-i", Change("acme/lib", 2), gozer.ItemFailing, 30)
	halted.Status.Reason = "it conflicts with main"
	halted.Status.Merge = &gozer.ItemMerge{Epoch: 1, Problem: "MERGE_CONFLICT"}
	o.Items = append(o.Items, need, w, gone, halted)
	queue := func(name string, entries ...gozer.QueueEntry) {
		o.Queues = append(o.Queues, gozer.ChangeQueue{
			ObjectMeta: meta(name), Spec: gozer.ChangeQueueSpec{Pipeline: "check", Queue: name, Manager: gozer.ManagerIndependent, Dynamic: true},
			Status: gozer.ChangeQueueStatus{Items: entries},
		})
	}
	queue(q, gozer.QueueEntry{Item: need.Name, Epoch: 1, Active: true}, gozer.QueueEntry{Item: w.Name, Ahead: need.Name, Epoch: 1, Active: true})
	queue("check-lib-1-h", gozer.QueueEntry{Item: gone.Name, Epoch: 1, Active: true})
	queue("check-lib-2-i", gozer.QueueEntry{Item: halted.Name, Epoch: 1, Active: true})
}

// Events of the story, in the operator's namespace: acme/web#8 was a draft at first.
func Events() []gozer.TriggerEvent {
	event := func(name string, project string, number int64, ago int, pipeline, message string) gozer.TriggerEvent {
		return gozer.TriggerEvent{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "gozer-system"},
			Spec:       gozer.TriggerEventSpec{Connection: "gitea", Event: "pull_request", Action: "comment", Project: project, Number: number, ReceivedAt: at(ago)},
			Status: gozer.TriggerEventStatus{Tenants: []gozer.EventOutcome{
				{Tenant: "other", Pipelines: []gozer.PipelineOutcome{{Pipeline: "gate", Message: "not yours"}}},
				{Tenant: "acme", Pipelines: []gozer.PipelineOutcome{{Pipeline: pipeline, Message: message}}},
			}},
		}
	}
	return []gozer.TriggerEvent{
		event("ev-2", "acme/web", 8, 100, "gate", "it is a draft"),
		event("ev-1", "acme/web", 8, 200, "gate", "it has no review that is approved"),
		event("ev-3", "acme/web", 99, 100, "gate", "it is not open"),
	}
}
