package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/statusview/statusviewtest"
)

// cluster is a fake one with the story of the tenant acme.
func cluster(t *testing.T) (*env, *bytes.Buffer) {
	t.Helper()
	s := statusviewtest.Story()
	b := fake.NewClientBuilder().WithScheme(Scheme()).WithStatusSubresource(&gozer.TriggerEvent{})
	add := func(o client.Object) { b = b.WithObjects(o) }
	for i := range s.Queues {
		add(&s.Queues[i])
	}
	for i := range s.Items {
		add(&s.Items[i])
	}
	for i := range s.BuildSets {
		add(&s.BuildSets[i])
	}
	for i := range s.Builds {
		add(&s.Builds[i])
	}
	for i := range s.NodeRequests {
		add(&s.NodeRequests[i])
	}
	for _, e := range statusviewtest.Events() {
		add(&e)
	}
	for _, p := range nodePods() {
		add(p)
	}
	add(&gozer.Hold{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "look-at-unit"},
		Spec: gozer.HoldSpec{Project: "acme/web", Job: "unit", Change: new(int64(8)), Reason: "fails only here", Count: 1, NodeExpiration: 86400},
		Status: gozer.HoldStatus{Held: 1, Nodes: 1, Conditions: []metav1.Condition{{Type: gozer.ConditionReady, Reason: "Done"}},
			Builds: []gozer.HeldBuild{{Build: "gate-web-7-c-1-unit", Change: "acme/web#7", Result: "FAILURE", Nodes: []string{"kept-n0"}, ExpiresAt: metav1.NewTime(statusviewtest.Now.Add(24 * time.Hour))}}}})
	for _, p := range []string{"check", "gate"} {
		add(&gozer.Pipeline{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: p}})
	}
	source := func(connection string, projects ...string) gozer.TenantSource {
		s := gozer.TenantSource{Connection: connection}
		for _, p := range projects {
			s.UntrustedProjects = append(s.UntrustedProjects, gozer.TenantProject{Name: p})
		}
		return s
	}
	add(&gozer.Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "acme"}, Spec: gozer.TenantSpec{Sources: []gozer.TenantSource{
		source("gitea", "acme/web", "acme/api", "acme/both"), source("github", "acme/both")}}})
	out := &bytes.Buffer{}
	return &env{
		Streams: Streams{Out: out, Err: out}, client: b.Build(), now: func() time.Time { return statusviewtest.Now },
		whoami: func(context.Context) string { return "alice" }, patience: time.Second, pause: time.Millisecond,
		proxy: func(context.Context, string) (*http.Response, error) { return nil, errors.New("no log store here") },
	}, out
}

// nodePods of the story: one of a build, and a warm one.
func nodePods() []*corev1.Pod {
	pod := func(name string, labels map[string]string) *corev1.Pod {
		labels[gozer.LabelRole], labels[gozer.LabelPool], labels[gozer.LabelNodeLabel] = "node", "default", "debian"
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: name, Labels: labels, CreationTimestamp: metav1.NewTime(statusviewtest.Now.Add(-time.Minute))},
			Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.0.0.1"}}
	}
	kept := pod("kept-n0", map[string]string{gozer.LabelHold: "look-at-unit", gozer.LabelNodeState: "hold"})
	kept.Annotations = map[string]string{gozer.AnnotationKeySecret: "kept-n0-ssh", gozer.AnnotationHostKey: "ssh-ed25519 AAAA"}
	return []*corev1.Pod{kept, pod("warm-debian-1", map[string]string{gozer.LabelTemplate: "t"}),
		pod("gate-web-8-d-2-unit-1-n0", map[string]string{gozer.LabelNodeRequest: "gate-web-8-d-2-unit-1", gozer.LabelBuild: "gate-web-8-d-2-unit"})}
}

func TestCommands(t *testing.T) {
	tests := map[string]struct {
		args string
		code int
		want []string
	}{
		"help":                       {"", 0, []string{"gozerctl [command]", "status", "enqueue"}},
		"unknown command":            {"statis", 2, []string{`there is no command "statis"`, "--help"}},
		"unknown flag":               {"status --wtch", 2, []string{"unknown flag: --wtch"}},
		"status":                     {"status", 0, []string{"tenant acme · gate · queue integrated", "✖ acme/web#7", "acme · check"}},
		"status of a pipeline":       {"status --pipeline check", 0, []string{"acme · check"}},
		"status: bad output":         {"status -o yaml", 2, []string{"text or json"}},
		"status: too much":           {"status acme", 2, []string{`"acme" is too much`}},
		"explain by name":            {"explain acme/web#8", 0, []string{"is 4th of 6", "not taken on pull_request comment: it is a draft"}},
		"explain by short name":      {"explain web#8", 0, []string{"acme/web#8 (patchset"}},
		"explain by URL":             {"explain https://git.example.com/acme/web/pulls/8/files", 0, []string{"is 4th of 6"}},
		"explain by item":            {"explain gate-web-8-d", 0, []string{"is 4th of 6"}},
		"explain what left":          {"explain acme/api#10", 0, []string{"was merged by gate as aabbccdde"}},
		"explain a refusal":          {"explain acme/web#99", 0, []string{"is in no pipeline of tenant acme", "gate did not take it on pull_request comment: it is not open"}},
		"explain nothing":            {"explain acme/web#77", 1, []string{"no event of the last hour", "did you mean acme/web#7"}},
		"explain an unknown item":    {"explain gate-web-8-e", 1, []string{"did you mean gate-web-8-d"}},
		"explain: nothing named":     {"explain", 2, []string{"give a change or an item"}},
		"dequeue":                    {"dequeue acme/web#8 --reason broken", 0, []string{"acme/web#8 is being taken out of gate"}},
		"dequeue: why":               {"dequeue acme/web#8", 2, []string{"--reason"}},
		"dequeue what left":          {"dequeue acme/api#10 --reason x", 1, []string{"is in no pipeline of tenant acme"}},
		"dequeue what is not live":   {"dequeue acme/api#13 --reason x", 0, []string{"taken out of gate"}},
		"dequeue again":              {"dequeue acme/lib#1 --reason x", 0, []string{"already: A new version was pushed."}},
		"dequeue: another pipeline":  {"dequeue acme/web#8 --reason x --pipeline check", 1, []string{"is in no pipeline"}},
		"enqueue: not a change":      {"enqueue web --pipeline gate", 2, []string{"write owner/repo#12"}},
		"enqueue: no pipeline":       {"enqueue acme/web#1", 2, []string{"--pipeline"}},
		"enqueue: unknown pipeline":  {"enqueue acme/web#1 --pipeline gat", 1, []string{"it has: check, gate"}},
		"enqueue: unknown project":   {"enqueue acme/wep#1 --pipeline gate", 1, []string{"does not have the project acme/wep", "did you mean acme/web"}},
		"enqueue: several":           {"enqueue acme/both#1 --pipeline gate", 1, []string{"through gitea and github; write gitea:acme/both#1"}},
		"enqueue: no answer":         {"enqueue acme/web#1 --pipeline gate", 1, []string{"is stored as triggerevent enqueue-", "whether Gozer's manager runs"}},
		"builds":                     {"builds", 0, []string{"NAME", "gate-web-7-c-1-unit", "FAILURE", "web_test.go:41"}},
		"builds of a change":         {"builds acme/web#8", 0, []string{"gate-web-8-d-2-unit", "Running"}},
		"builds of nothing":          {"builds acme/web#1", 1, []string{"has no builds"}},
		"nodes":                      {"nodes", 0, []string{"NODE", "gate-web-8-d-2-unit-1-n0", "in-use", "acme/web#8", "warm-debian-1", "ready"}},
		"nodes as json":              {"node-list -A -o json", 0, []string{`"state":"ready"`, `"tenant":"acme"`}},
		"nodes: bad output":          {"nodes -o yaml", 2, []string{"text or json"}},
		"what waits for nodes":       {"nodes --requests", 0, []string{"REQUEST", "pool small has 2 of at most 2 nodes in use"}},
		"requests as json":           {"nodes --requests -o json", 0, []string{`"state":"Fulfilled"`}},
		"autohold":                   {"autohold acme/web unit --change 8 --reason slow --count 2 --node-hold-expiration 90m --expires 3600", 0, []string{"unit-", "holds the nodes of the next 2 failures of unit in acme/web, #8"}},
		"autohold of a ref":          {"autohold git.example.com/acme/web unit --ref refs/heads/stable/.* --reason slow", 0, []string{"the next failure of unit in git.example.com/acme/web, refs/heads/stable/.*"}},
		"autohold: why":              {"autohold acme/web unit", 2, []string{"--reason"}},
		"autohold: both":             {"autohold acme/web unit --reason x --change 8 --ref y", 2, []string{"not both"}},
		"autohold: no change":        {"autohold acme/web unit --reason x --change 0", 2, []string{"--change is a number"}},
		"autohold: a bad ref":        {"autohold acme/web unit --reason x --ref (", 2, []string{"no regular expression"}},
		"autohold: a bad time":       {"autohold acme/web unit --reason x --expires tomorrow", 2, []string{"90m"}},
		"autohold: too short":        {"autohold acme/web unit --reason x --node-hold-expiration 5", 2, []string{"a minute at least"}},
		"autohold: too many":         {"autohold acme/web unit --reason x --count 1000", 2, []string{"1 to 256"}},
		"autohold: unknown project":  {"autohold acme/wep unit --reason x", 1, []string{"did you mean acme/web"}},
		"autohold-list":              {"autohold-list", 0, []string{"NAME", "look-at-unit", "#8", "Done", "1/1"}},
		"autohold-list as json":      {"autohold-list -o json", 0, []string{`"reason":"fails only here"`}},
		"autohold-info":              {"autohold-info look-at-unit", 0, []string{"unit of acme/web, #8: fails only here", "1 of 1 builds; nodes are kept for 1d0h", "gate-web-7-c-1-unit  acme/web#7  FAILURE  until 2025-03-05T14:02:31Z", "    kept-n0"}},
		"autohold-info: unknown":     {"autohold-info look-at-unt", 1, []string{"did you mean look-at-unit"}},
		"autohold-delete":            {"autohold-delete look-at-unit", 0, []string{"look-at-unit is deleted, with the 1 nodes that it had"}},
		"ssh: nothing named":         {"ssh", 2, []string{"give a node"}},
		"ssh: unknown":               {"ssh -n acme nowhere", 1, []string{"has no node nowhere"}},
		"ssh: a warm one":            {"ssh -n acme warm-debian-1", 1, []string{"it waits for one"}},
		"ssh: no key":                {"ssh -n acme kept-n0 ls -n", 1, []string{"the key of node kept-n0 is gone"}},
		"logs: unknown build":        {"logs gate-web-7-c-1-unti", 1, []string{"did you mean gate-web-7-c-1-unit"}},
		"logs: unknown job":          {"logs acme/web#7 unti", 1, []string{"no build of job unti", "did you mean unit"}},
		"logs: a change without job": {"logs acme/web#7", 2, []string{"say which job"}},
		"logs: no log store":         {"logs acme/web#7 unit", 1, []string{"cannot reach the log store"}},
		"logs: a bad name":           {"logs acme/web#7 unit --file ../x", 2, []string{"not the name of a file"}},
		"artifacts: none":            {"artifacts acme/web#7 unit", 1, []string{"has returned no artifacts; `logs --files` lists"}},
		"artifacts: nothing":         {"artifacts", 2, []string{"give the name of a build"}},
		"logs: nothing":              {"logs", 2, []string{"give the name of a build"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			e, out := cluster(t)
			args := append([]string{"gozerctl"}, strings.Fields(tc.args)...)
			if len(args) > 1 {
				args = append(args, "-n", "acme")
			}
			if code := run(t.Context(), e, args); code != tc.code {
				t.Errorf("exit code %d, want %d", code, tc.code)
			}
			for _, want := range tc.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is not in:\n%s", want, out)
				}
			}
		})
	}
}

// TestExplainABranch: a branch that a timer brought in has a story of its own,
// and what was said about other branches is not part of it.
func TestExplainABranch(t *testing.T) {
	e, out := cluster(t)
	web := gozer.ProjectRef{Connection: "gitea", Hostname: "git.example.com", Name: "acme/web"}
	create := func(o client.Object) {
		t.Helper()
		if err := e.client.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	create(&gozer.QueueItem{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "periodic-web-0-x"},
		Spec:   gozer.QueueItemSpec{Pipeline: "periodic", Live: true, Reason: "timer", Changes: []gozer.ChangeRef{{Project: web, Ref: "refs/heads/main", Branch: "main", Head: "aabbccddeeff"}}},
		Status: gozer.QueueItemStatus{Result: "SUCCESS"}})
	for _, branch := range []string{"main", "stable"} {
		create(&gozer.TriggerEvent{ObjectMeta: metav1.ObjectMeta{Namespace: "gozer-system", Name: branch},
			Spec: gozer.TriggerEventSpec{Connection: "gitea", Event: "timer", Project: "acme/web", Branch: branch, Ref: "refs/heads/" + branch},
			Status: gozer.TriggerEventStatus{Tenants: []gozer.EventOutcome{{Tenant: "acme", Pipelines: []gozer.PipelineOutcome{
				{Pipeline: "periodic", Message: "no room for " + branch}}}}}})
	}
	if code := run(t.Context(), e, []string{"gozerctl", "explain", "acme/web@main", "-n", "acme"}); code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	for text, want := range map[string]bool{
		"acme/web@main (commit aabbccdde) left periodic with SUCCESS.": true,
		"not taken on timer: no room for main":                         true,
		"no room for stable":                                           false,
	} {
		if strings.Contains(out.String(), text) != want {
			t.Errorf("%q: want %v in:\n%s", text, want, out)
		}
	}
}

func TestEveryCommandHasAnExample(t *testing.T) {
	for _, name := range []string{"gozerctl", "kubectl gozer"} {
		for _, c := range newRoot(&env{}, name).Commands() {
			if c.Name() == "help" || c.Name() == "completion" {
				continue
			}
			if !strings.HasPrefix(c.Example, "  "+name+" "+c.Name()) {
				t.Errorf("%s: %q", c.Name(), c.Example)
			}
		}
	}
}

func TestProgramName(t *testing.T) {
	for arg0, want := range map[string]string{"/usr/bin/gozerctl": "gozerctl", "kubectl-gozer": "kubectl gozer", "./kubectl-gozer.exe": "kubectl gozer", "/x/my_tool": "my_tool"} {
		if got := programName(arg0); got != want {
			t.Errorf("programName(%q) = %q, want %q", arg0, got, want)
		}
	}
}

func TestParseTarget(t *testing.T) {
	for text, want := range map[string]string{
		"acme/web#8": ":acme/web#8", "gitea:acme/web#8": "gitea:acme/web#8", "web#8": ":web#8",
		"https://git/acme/web/pulls/8": ":acme/web#8", "https://hub/acme/web/pull/8/files?x#y": ":acme/web#8",
		"https://lab/a/b/c/-/merge_requests/9": ":a/b/c#9", "gate-web-8": ":#0", "acme/web#x": ":#0", "#8": ":#0", "https://git/acme/web": ":#0",
	} {
		got := parseTarget(text)
		if s := got.connection + ":" + got.name(); s != want {
			t.Errorf("parseTarget(%q) = %q, want %q", text, s, want)
		}
	}
}

// TestAutoholdTwice: within seconds it is asked for once, whatever the time has become
// that it ends at.
func TestAutoholdTwice(t *testing.T) {
	e, _ := cluster(t)
	now := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	e.now = func() time.Time { now = now.Add(100 * time.Millisecond); return now }
	holds := func() int {
		var list gozer.HoldList
		if err := e.client.List(t.Context(), &list); err != nil {
			t.Fatal(err)
		}
		return len(list.Items)
	}
	before := holds()
	for range 12 {
		if code := run(t.Context(), e, []string{"gozerctl", "autohold", "-n", "acme", "acme/web", "unit", "--reason", "slow", "--expires", "1h"}); code != 0 {
			t.Fatal(code)
		}
	}
	if got := holds() - before; got != 1 {
		t.Errorf("%d holds are made", got)
	}
}

func TestDequeueAnnotates(t *testing.T) {
	e, _ := cluster(t)
	if code := run(t.Context(), e, []string{"gozerctl", "dequeue", "-n", "acme", "acme/web#8", "--reason", "it is broken"}); code != 0 {
		t.Fatal(code)
	}
	var i gozer.QueueItem
	if err := e.client.Get(t.Context(), client.ObjectKey{Namespace: "acme", Name: "gate-web-8-d"}, &i); err != nil {
		t.Fatal(err)
	}
	if got := i.Annotations[gozer.AnnotationDequeue]; got != "it is broken" {
		t.Errorf("the annotation is %q", got)
	}
}

func TestStatusJSON(t *testing.T) {
	e, out := cluster(t)
	if code := run(t.Context(), e, []string{"gozerctl", "status", "-n", "acme", "-o", "json"}); code != 0 {
		t.Fatal(code)
	}
	var v struct {
		Queues []struct{ Items []struct{ Change string } }
	}
	if err := json.Unmarshal(out.Bytes(), &v); err != nil || len(v.Queues) != 2 || v.Queues[0].Items[3].Change != "acme/web#8" {
		t.Errorf("%v: %s", err, out)
	}
}

// The gate answers by the event's status.
func TestEnqueue(t *testing.T) {
	tests := map[string]struct {
		change  string
		outcome []gozer.PipelineOutcome
		code    int
		want    string
	}{
		"taken":     {"acme/web#20", []gozer.PipelineOutcome{{Pipeline: "gate", Item: "gate-web-20-x"}}, 0, "acme/web#20 is in gate as gate-web-20-x\n"},
		"urgent":    {"acme/web#20", []gozer.PipelineOutcome{{Pipeline: "gate", Item: "gate-web-20-x", Message: "it is in the pipeline already, and urgent from now on"}}, 0, "acme/web#20 is in gate as gate-web-20-x: it is in the pipeline already, and urgent from now on\n"},
		"refused":   {"acme/web#20", []gozer.PipelineOutcome{{Pipeline: "gate", Message: "it is a draft"}}, 1, "error: gate did not take acme/web#20: it is a draft\n"},
		"not there": {"github:acme/both#2", nil, 1, "error: gate did not take acme/both#2: the project has nothing to do in that pipeline, or the change does not exist\n"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			e, out := cluster(t)
			e.patience = time.Minute
			events, err := e.client.Watch(t.Context(), &gozer.TriggerEventList{}, client.InNamespace("gozer-system"))
			if err != nil {
				t.Fatal(err)
			}
			defer events.Stop()
			answered := make(chan *gozer.TriggerEvent, 1)
			go func() {
				for ev := range events.ResultChan() {
					e2, ok := ev.Object.(*gozer.TriggerEvent)
					if !ok || e2.Spec.Event != "enqueue" {
						continue
					}
					e2.Status.Tenants = []gozer.EventOutcome{{Tenant: "acme", Pipelines: tc.outcome}}
					_ = e.client.Status().Update(t.Context(), e2)
					answered <- e2
					return
				}
			}()
			args := []string{"gozerctl", "enqueue", "-n", "acme", "--pipeline", "gate", tc.change}
			if name == "urgent" {
				args = append(args, "--urgent")
			}
			if code := run(t.Context(), e, args); code != tc.code {
				t.Errorf("exit code %d, want %d", code, tc.code)
			}
			if diff := cmp.Diff(tc.want, out.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			ev := <-answered
			s := ev.Spec
			if s.Urgent != (name == "urgent") {
				t.Errorf("urgent: %v", s.Urgent)
			}
			got := fmt.Sprintf("%s %s %s %s %s", s.Connection, s.Account, s.Tenant, s.Pipeline, s.Project)
			connection, project := "gitea", "acme/web"
			if name == "not there" {
				connection, project = "github", "acme/both"
			}
			if want := connection + " alice acme gate " + project; got != want {
				t.Errorf("event %q, want %q", got, want)
			}
		})
	}
}

// logServer answers requests for a log one after the other.
func logServer(answers ...*http.Response) (func(context.Context, string) (*http.Response, error), *[]string) {
	var paths []string
	return func(_ context.Context, path string) (*http.Response, error) {
		paths = append(paths, path)
		if len(answers) == 0 {
			return nil, errors.New("asked too often")
		}
		a := answers[0]
		answers = answers[1:]
		return a, nil
	}, &paths
}

func answer(code int, attempt, text string, broken bool) *http.Response {
	var body io.Reader = strings.NewReader(text)
	if broken {
		body = io.MultiReader(body, brokenReader{})
	}
	return &http.Response{StatusCode: code, Status: http.StatusText(code), Header: http.Header{"Gozer-Log-Attempt": {attempt}}, Body: io.NopCloser(body)}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestLogs(t *testing.T) {
	const base = "/api/v1/namespaces/gozer-system/services/http:gozer-web:http/proxy/logs/acme/gate-web-7-c-1-unit"
	tests := map[string]struct {
		args    []string
		answers []*http.Response
		code    int
		want    string
		paths   []string
	}{
		"all":           {[]string{"gate-web-7-c-1-unit"}, []*http.Response{answer(200, "1", "hello\n", false)}, 0, "hello\n", []string{base + "?"}},
		"change, job":   {[]string{"acme/web#7", "unit", "-f"}, []*http.Response{answer(200, "1", "hello\n", false)}, 0, "hello\n", []string{base + "?follow=true"}},
		"broken off":    {[]string{"acme/web#7", "unit", "-f"}, []*http.Response{answer(200, "1", "hel", true), answer(200, "1", "lo\n", false)}, 0, "hello\n", []string{base + "?follow=true", base + "/1?follow=true&offset=3"}},
		"none any more": {[]string{"acme/web#7", "unit"}, []*http.Response{answer(404, "", "no such log: x", false)}, 1, "error: build gate-web-7-c-1-unit (FAILURE) has no log: it never ran, or the log is older than logs are kept\n", []string{base + "?"}},
		"forbidden":     {[]string{"acme/web#7", "unit"}, []*http.Response{answer(403, "", "no", false)}, 1, "error: you may not read this log: no; it takes a role that may get services/proxy in gozer-system\n", []string{base + "?"}},
		"files":         {[]string{"acme/web#7", "unit", "--files"}, []*http.Response{answer(200, "", `{"attempt":2,"files":[{"name":"a\u001b b","size":12,"modified":"2026-03-01T12:00:00Z"}]}`, false)}, 0, "SIZE  MODIFIED             NAME\n12    2026-03-01 12:00:00  a b\n", []string{base + "/"}},
		"no files":      {[]string{"acme/web#7", "unit", "--files"}, []*http.Response{answer(404, "", "no such log: x", false)}, 1, "error: build gate-web-7-c-1-unit (FAILURE) has no log: it never ran, or the log is older than logs are kept\n", []string{base + "/"}},
		"a file":        {[]string{"acme/web#7", "unit", "--file", "d/a b?"}, []*http.Response{answer(200, "", `{"attempt":2}`, false), answer(200, "", "hello", false)}, 0, "hello", []string{base + "/", base + "/2/d/a%20b%3F"}},
		"no such file":  {[]string{"acme/web#7", "unit", "--file", "repot"}, []*http.Response{answer(200, "", `{"attempt":2,"files":[{"name":"report"}]}`, false), answer(404, "", "no such file", false)}, 1, "error: build gate-web-7-c-1-unit left no file repot; did you mean report?\n", []string{base + "/", base + "/2/repot"}},
		"no service":    {[]string{"acme/web#7", "unit"}, []*http.Response{answer(404, "", `services "gozer-web" not found`, false)}, 1, `error: the log store does not answer: services "gozer-web" not found; is Gozer in the namespace gozer-system? say otherwise with --operator-namespace` + "\n", []string{base + "?"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			e, out := cluster(t)
			var paths *[]string
			e.proxy, paths = logServer(tc.answers...)
			args := append([]string{"gozerctl", "logs", "-n", "acme"}, tc.args...)
			if code := run(t.Context(), e, args); code != tc.code {
				t.Errorf("exit code %d, want %d", code, tc.code)
			}
			if diff := cmp.Diff(tc.want, out.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.paths, *paths); diff != "" {
				t.Errorf("asked for (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNoLogYet(t *testing.T) {
	e, out := cluster(t)
	e.proxy, _ = logServer(answer(404, "", "no such log: it has not begun", false))
	code := run(t.Context(), e, []string{"gozerctl", "logs", "-n", "acme", "acme/web#8", "lint"})
	if want := "error: build gate-web-8-d-2-lint has no log yet: it is waiting for nodes; follow it with -f\n"; code != 1 || out.String() != want {
		t.Errorf("%d: %s", code, out)
	}
}

// frames is a writer that keeps what was written and tells of every write.
type frames struct {
	written chan string
}

func (f frames) Write(p []byte) (int, error) {
	f.written <- string(p)
	return len(p), nil
}

// Without a terminal a new picture comes only when something changed.
func TestStatusWatch(t *testing.T) {
	e, _ := cluster(t)
	w := frames{written: make(chan string, 10)}
	e.Out = w
	changed := make(chan struct{})
	e.changed = func(context.Context) (<-chan struct{}, client.Reader, error) { return changed, e.client, nil }
	ctx, cancel := context.WithCancel(t.Context())
	code := make(chan int)
	go func() { code <- run(ctx, e, []string{"gozerctl", "status", "-n", "acme", "--watch"}) }()
	first := <-w.written
	changed <- struct{}{} // nothing did, really
	changed <- struct{}{}
	if len(w.written) > 0 {
		t.Errorf("drawn again without a change: %s", <-w.written)
	}
	var q gozer.ChangeQueue
	if err := e.client.Get(ctx, client.ObjectKey{Namespace: "acme", Name: "gate-integrated-1a2b3c"}, &q); err != nil {
		t.Fatal(err)
	}
	q.Status.Items = slices.Delete(q.Status.Items, 0, 1)
	if err := e.client.Update(ctx, &q); err != nil {
		t.Fatal(err)
	}
	changed <- struct{}{}
	<-w.written // the empty line between
	second := <-w.written
	if !strings.Contains(first, "6 changes") || !strings.Contains(second, "5 changes") {
		t.Errorf("first:\n%s\nsecond:\n%s", first, second)
	}
	cancel()
	if c := <-code; c != 0 {
		t.Errorf("exit code %d after Ctrl-C", c)
	}
}

func TestProxyAsksTheServer(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.URL.RequestURI(), " ", r.Header.Get("Authorization")) //nolint:errcheck // the reader tells
	}))
	defer s.Close()
	proxy, err := proxyOf(&rest.Config{Host: s.URL + "/prefix", BearerToken: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := proxy(t.Context(), "/api/v1/namespaces/g/services/http:gozer-web:http/proxy/logs/a/b?follow=true")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close() //nolint:errcheck // it was read
	got, _ := io.ReadAll(r.Body)
	if want := "/prefix/api/v1/namespaces/g/services/http:gozer-web:http/proxy/logs/a/b?follow=true Bearer secret"; string(got) != want {
		t.Errorf("asked for %s, want %s", got, want)
	}
}
