package controllers_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/build"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/podspec"
	"github.com/gozer-dev/gozer/internal/projectkeys"
	"github.com/gozer-dev/gozer/internal/secretcrypt"
	"github.com/gozer-dev/gozer/internal/testkit/fakehost"
)

const password = "correct horse battery staple"

// testKey is the key of all projects: one is slow enough to make.
var testKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// key gives a project its key, as projectkeys keeps it.
func (w *world) key(repo string, change func(*corev1.Secret)) {
	w.t.Helper()
	private, err := testKey()
	if err != nil {
		w.t.Fatal(err)
	}
	p := fakehost.Project(repo)
	s := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.operator, Name: projectkeys.SecretName(p), Annotations: map[string]string{projectkeys.AnnotationProject: p.Canonical()}},
		Data:       map[string][]byte{projectkeys.PrivateKey: secretcrypt.EncodePrivateKey(private)},
	}
	if change != nil {
		change(s)
	}
	w.create(s)
}

// secretYAML is a secret with an encrypted password.
func secretYAML(t *testing.T, name string) (text, chunk string) {
	t.Helper()
	private, err := testKey()
	if err != nil {
		t.Fatal(err)
	}
	chunks, err := secretcrypt.Encrypt(&private.PublicKey, []byte(password))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("\n- secret:\n    name: %s\n    data:\n      user: robot\n      password: !encrypted/pkcs1-oaep\n        - %s\n", name, chunks[0]), chunks[0]
}

// baseWith gives the base job a script of the config project that has a secret.
func baseWith(playbook string) string {
	return strings.Replace(pipelinesYAML, "- job: {name: base,",
		"- job: {name: base, "+playbook+": playbooks/login.sh, secrets: [{name: login, secret: registry}],", 1)
}

// reviewed makes the gate a post-review pipeline.
func reviewed(config string) string {
	return strings.Replace(config, "manager: dependent", "manager: dependent\n    post-review: true", 1)
}

// executor waits for the executor Pod of the only build.
func (w *world) executor() *corev1.Pod {
	w.t.Helper()
	var pods corev1.PodList
	w.eventually("the executor runs", func() string {
		if err := w.client.List(w.t.Context(), &pods, client.InNamespace(w.tenant), client.MatchingLabels{gozer.LabelRole: build.RoleExecutor}); err != nil {
			return err.Error()
		}
		if len(pods.Items) != 1 || pods.Items[0].Status.Phase != corev1.PodRunning {
			return fmt.Sprintf("%d Pods", len(pods.Items))
		}
		return ""
	})
	return &pods.Items[0]
}

// everythingElse is all of a tenant and of the operator that must not have a
// secret in plain: custom resources, Pods, events.
func (w *world) everythingElse() string {
	w.t.Helper()
	var all strings.Builder
	for _, list := range []client.ObjectList{&gozer.BuildList{}, &gozer.BuildSetList{}, &gozer.QueueItemList{}, &gozer.ChangeQueueList{}, &gozer.NodeRequestList{},
		&gozer.TenantList{}, &gozer.PipelineList{}, &gozer.TriggerEventList{}, &corev1.PodList{}, &corev1.EventList{}} {
		for _, ns := range []string{w.tenant, w.operator} {
			if err := w.client.List(w.t.Context(), list, client.InNamespace(ns)); err != nil {
				w.t.Fatal(err)
			}
			raw, err := json.Marshal(list)
			if err != nil {
				w.t.Fatal(err)
			}
			all.Write(raw)
		}
	}
	return all.String()
}

// jobSecrets is the Secret of an executor Pod.
func (w *world) jobSecrets(pod *corev1.Pod) (*corev1.Secret, error) {
	var s corev1.Secret
	err := w.client.Get(w.t.Context(), client.ObjectKeyFromObject(pod), &s)
	return &s, err
}

// TestSecretsReachTheExecutorOnly: a base job of the config project has a
// script with a secret, and jobs of others run after it. The secret is in plain
// in one Secret, for as long as the attempt runs.
func TestSecretsReachTheExecutorOnly(t *testing.T) {
	w := newWorld(t)
	w.key("acme/config", nil)
	secret, chunk := secretYAML(t, "registry")
	w.host.Push("acme/config", "a secret", map[string]string{"zuul.yaml": baseWith("pre-run") + secret, "playbooks/login.sh": "true"})
	var specs []buildspec.Spec
	w.say(func(s buildspec.Spec) *buildspec.Outcome { specs = append(specs, s); return nil })
	w.start()
	w.loaded()
	w.opened(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
	pod := w.executor()
	got, err := w.jobSecrets(pod)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]byte{podspec.KeySecrets: []byte(`{"registry":{"password":"` + password + `","user":"robot"}}`)}
	if diff := cmp.Diff(want, got.Data); diff != "" || !*got.Immutable || len(got.OwnerReferences) != 1 {
		t.Errorf("%+v\n%s", got.ObjectMeta, diff)
	}
	all := w.everythingElse()
	if strings.Contains(all, password) || !strings.Contains(all, chunk) {
		t.Errorf("custom resources and Pods must have the secret, encrypted only:\n%s", all)
	}
	var pods corev1.PodList
	if err := w.client.List(t.Context(), &pods, client.InNamespace(w.tenant)); err != nil {
		t.Fatal(err)
	}
	for _, p := range pods.Items {
		for _, v := range p.Spec.Volumes {
			if v.Secret != nil && v.Secret.SecretName == got.Name && p.Name != pod.Name {
				t.Errorf("%s mounts it", p.Name)
			}
		}
	}
	w.say(func(s buildspec.Spec) *buildspec.Outcome { specs = append(specs, s); return success(s) })
	w.eventually("it is tested", func() string { return cmp.Diff([]string{"acme/api#1 SUCCESS"}, w.itemResults("check")) })
	w.eventually("the secret is gone", func() string {
		if _, err := w.jobSecrets(pod); !apierrors.IsNotFound(err) {
			return fmt.Sprintf("there: %v", err)
		}
		return ""
	})
	w.say(success)
	spec := specs[0]
	if diff := cmp.Diff([]buildspec.PlaybookSecret{{Alias: "login", Secret: "registry"}}, spec.PreRun[0].Secrets); diff != "" || spec.Run[0].Secrets != nil {
		t.Errorf("the first script and no other gets it: %+v", spec)
	}
}

// TestRetryHasSecrets: each attempt has a Secret of its own, and a job without secrets none.
func TestRetryHasSecrets(t *testing.T) {
	w := newWorld(t)
	w.key("acme/config", nil)
	secret, _ := secretYAML(t, "registry")
	w.host.Push("acme/config", "a secret", map[string]string{"zuul.yaml": baseWith("pre-run") + secret, "playbooks/login.sh": "true"})
	seen := map[int]bool{}
	w.say(func(s buildspec.Spec) *buildspec.Outcome {
		var given corev1.Secret
		err := w.client.Get(context.Background(), client.ObjectKey{Namespace: s.Tenant, Name: fmt.Sprintf("%s-%d-x", s.Build, s.Attempt)}, &given)
		seen[s.Attempt] = err == nil && strings.Contains(string(given.Data[podspec.KeySecrets]), password)
		if s.Attempt == 1 {
			return &buildspec.Outcome{Result: model.Retry, Reason: "the node went"}
		}
		return success(s)
	})
	w.start()
	w.loaded()
	w.opened(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
	w.eventually("it is tested", func() string { return cmp.Diff([]string{"acme/api#1 SUCCESS"}, w.itemResults("check")) })
	w.say(func(s buildspec.Spec) *buildspec.Outcome { return success(s) })
	if diff := cmp.Diff(map[int]bool{1: true, 2: true}, seen); diff != "" {
		t.Errorf("attempts with their secrets: %s", diff)
	}
	w.eventually("no Secrets are left", func() string {
		var left corev1.SecretList
		if err := w.client.List(t.Context(), &left, client.InNamespace(w.tenant)); err != nil {
			return err.Error()
		}
		if len(left.Items) > 0 {
			return left.Items[0].Name
		}
		return ""
	})
}

// countedKeys counts who asks, and fails as an API server that is away.
type countedKeys struct {
	build.Keys
	asked, fail atomic.Int64
}

func (k *countedKeys) Private(ctx context.Context, p model.Project) (*rsa.PrivateKey, error) {
	if k.asked.Add(1) <= k.fail.Load() {
		return nil, errors.New("the API server is away")
	}
	return k.Keys.Private(ctx, p)
}

// TestSecretsThatCannotBeDecrypted end the build at once, with a reason.
func TestSecretsThatCannotBeDecrypted(t *testing.T) {
	other := func(s *corev1.Secret) {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		s.Data[projectkeys.PrivateKey] = secretcrypt.EncodePrivateKey(key)
	}
	for name, tc := range map[string]struct {
		key  func(w *world)
		want string
	}{
		"no key":      {func(*world) {}, "the project has no key: nothing was ever encrypted for it here; encrypt its secrets with `gozerctl encrypt`"},
		"another key": {func(w *world) { w.key("acme/config", other) }, "data.password: chunk 1 of 1 cannot be decrypted with the key of this project: it was encrypted for another project, or was altered; encrypt the value anew"},
		"a damaged key": {func(w *world) {
			w.key("acme/config", func(s *corev1.Secret) { s.Data[projectkeys.PrivateKey] = []byte(password) })
		}, "the key of the project cannot be used; the log of Gozer's manager says why"},
		"a key of another project": {func(w *world) {
			w.key("acme/config", func(s *corev1.Secret) { s.Annotations[projectkeys.AnnotationProject] = "git.example/acme/api" })
		}, "the key of the project cannot be used; the log of Gozer's manager says why"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			tc.key(w)
			keys := &countedKeys{Keys: w.keys}
			w.keys = keys
			secret, _ := secretYAML(t, "registry")
			w.host.Push("acme/config", "a secret", map[string]string{"zuul.yaml": baseWith("pre-run") + secret, "playbooks/login.sh": "true"})
			w.start()
			w.loaded()
			w.opened(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
			w.eventually("it is tested", func() string { return cmp.Diff([]string{"acme/api#1 FAILURE"}, w.itemResults("check")) })
			var builds gozer.BuildList
			if err := w.client.List(t.Context(), &builds, client.InNamespace(w.tenant)); err != nil {
				t.Fatal(err)
			}
			st := builds.Items[0].Status
			if st.Result != "ERROR" || st.Reason != "secret registry of acme/config cannot be decrypted: "+tc.want || st.Attempt != 1 || st.Pod != "" {
				t.Errorf("%+v", st)
			}
			if all := w.everythingElse(); strings.Contains(all, password) {
				t.Errorf("the secret is in\n%s", all)
			}
			if n := keys.asked.Load(); n > 3 { // a conflict looks again
				t.Errorf("the key was asked for %d times", n)
			}
			if comments := w.host.Comments("acme/api", 1); len(comments) != 1 || !strings.Contains(comments[0], "secret registry of acme/config cannot be decrypted") {
				t.Errorf("the author is told %q", comments)
			}
		})
	}
}

// TestKeysAreAskedForAgain: that a key could not be read says nothing about the change.
func TestKeysAreAskedForAgain(t *testing.T) {
	w := newWorld(t)
	w.key("acme/config", nil)
	keys := &countedKeys{Keys: w.keys}
	keys.fail.Store(3)
	w.keys = keys
	secret, _ := secretYAML(t, "registry")
	w.host.Push("acme/config", "a secret", map[string]string{"zuul.yaml": baseWith("pre-run") + secret, "playbooks/login.sh": "true"})
	w.start()
	w.loaded()
	w.opened(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
	w.eventually("it is tested", func() string { return cmp.Diff([]string{"acme/api#1 SUCCESS"}, w.itemResults("check")) })
}

// problem is what is wrong with the configuration of the only item of a pipeline.
func (w *world) problem(pipeline string) string {
	w.t.Helper()
	message := ""
	w.eventually("it is refused", func() string {
		items := w.items(pipeline)
		if len(items) != 1 || items[0].Status.Merge == nil || items[0].Status.Merge.Problem == "" {
			return "not refused"
		}
		message = items[0].Status.Merge.Message
		return ""
	})
	return message
}

// TestSecretsOfUntrustedProjects are for reviewed changes only.
func TestSecretsOfUntrustedProjects(t *testing.T) {
	w := newWorld(t)
	w.key("acme/api", nil)
	secret, _ := secretYAML(t, "registry")
	w.host.Push("acme/config", "reviews", map[string]string{"zuul.yaml": reviewed(pipelinesYAML)})
	w.say(func(buildspec.Spec) *buildspec.Outcome { return nil })
	w.start()
	w.loaded()
	deploy := secret + strings.Replace(projectYAML("api"), "run: ci/test.sh", "run: ci/test.sh, secrets: registry", 1)
	c := w.host.Open("acme/api", 1, "A", "", map[string]string{".zuul.yaml": deploy})
	w.opened(c)
	if got := w.problem("check"); !strings.Contains(got, "Pre-review pipeline check does not allow post-review job api-unit") {
		t.Error(got)
	}
	w.approve(c)
	given, err := w.jobSecrets(w.executor())
	if err != nil || string(given.Data[podspec.KeySecrets]) != `{"registry":{"password":"`+password+`","user":"robot"}}` {
		t.Errorf("%s, %v", given.Data, err)
	}
}

// TestSecretsAfterAStranger: in a pre-review pipeline a script with secrets
// must not run where the change's own script has run before.
func TestSecretsAfterAStranger(t *testing.T) {
	w := newWorld(t)
	w.key("acme/config", nil)
	secret, _ := secretYAML(t, "registry")
	w.host.Push("acme/config", "a secret", map[string]string{"zuul.yaml": reviewed(baseWith("post-run")) + secret, "playbooks/login.sh": "true"})
	w.say(func(buildspec.Spec) *buildspec.Outcome { return nil })
	w.start()
	w.loaded()
	c := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"})
	w.opened(c)
	if got := w.problem("check"); !strings.Contains(got, "job api-unit gives secrets to playbooks/login.sh, which runs after ci/test.sh on the same node") {
		t.Error(got)
	}
	w.approve(c)
	if _, err := w.jobSecrets(w.executor()); err != nil {
		t.Error(err)
	}
}
