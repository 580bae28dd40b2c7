package story

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
)

// connect makes the clients of the cluster.
func (st *Stage) connect() error {
	cfg, err := clientcmd.BuildConfigFromFlags("", st.Kubeconfig)
	if err != nil {
		return err
	}
	cfg.QPS, cfg.Burst = 200, 400
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), gozer.AddToScheme(scheme)); err != nil {
		return err
	}
	if st.Kube, err = client.NewWithWatch(cfg, client.Options{Scheme: scheme}); err != nil {
		return err
	}
	st.Clientset, err = kubernetes.NewForConfig(cfg)
	return err
}

// Upgrade brings the release to what the settings are now.
func (st *Stage) Upgrade(ctx context.Context) error {
	if err := st.install(ctx); err != nil {
		return err
	}
	if err := st.awaitReplaced(ctx); err != nil {
		return err
	}
	return st.awaitWebhook(ctx)
}

// awaitReplaced waits until no Pod of Gozer is left that ends: its port might
// answer for a moment, and then no more.
func (st *Stage) awaitReplaced(ctx context.Context) error {
	return Await(ctx, time.Minute, "the old Pods of Gozer to be gone", func(ctx context.Context) (bool, string, error) {
		var pods corev1.PodList
		err := st.Kube.List(ctx, &pods, client.InNamespace(Namespace))
		ending := slices.ContainsFunc(pods.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
		return !ending, fmt.Sprintf("%d Pods are there", len(pods.Items)), err
	})
}

// install installs the chart, or upgrades it, and waits until all roles are ready.
func (st *Stage) install(ctx context.Context) error {
	digest, err := fileDigest(filepath.Join(st.Bin, "gozer"))
	if err != nil {
		return err
	}
	args := []string{
		"upgrade", "--install", "gozer", st.Chart, "--namespace", Namespace, "--create-namespace", "--wait", "--timeout", "3m",
		"--set", "image.repository=" + st.GozerImage, "--set", "image.tag=dev", "--set", "web.externalURL=" + st.WebURL,
	}
	for _, role := range []string{"manager", "web", "merger"} {
		// The image keeps its name when the program changes: this has its Pods replaced.
		args = append(args, "--set-string", role+".podAnnotations.program="+digest)
	}
	switch {
	case st.OnePod:
		args = append(args, "--set", "onePod.enabled=true")
	case st.Mergers > 0:
		args = append(args, "--set", fmt.Sprintf("merger.replicas=%d", st.Mergers))
	}
	if !st.OwnCluster {
		args = append(args, "--set", "web.service.type=NodePort", "--set", fmt.Sprintf("web.service.nodePort=%d", NodePort))
	}
	cmd := exec.CommandContext(ctx, filepath.Join(st.Bin, "helm"), append(args, strings.Fields(os.Getenv("HELM_ARGS"))...)...) //nolint:gosec // built by this project
	cmd.Env = append(os.Environ(), "KUBECONFIG="+st.Kubeconfig)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("helm %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

func fileDigest(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])[:16], nil
}

// Manifests that are applied, in this order.
var manifestNames = []string{"connection.yaml", "nodepool.yaml", "tenant.yaml"}

// apply applies the manifests as kubectl would, and leaves them for people to read.
func (st *Stage) apply(ctx context.Context) error {
	values := map[string]string{
		"Namespace": Namespace, "Tenant": Tenant, "GiteaURL": st.Forge.URL, "NodeImage": st.NodeImage,
		"Token": st.Bot.Token, "WebhookSecret": st.WebhookSecret,
	}
	for _, name := range manifestNames {
		text, err := files.ReadFile("manifests/" + name)
		if err != nil {
			return err
		}
		tpl, err := template.New(name).Option("missingkey=error").Parse(string(text))
		if err != nil {
			return err
		}
		var out bytes.Buffer
		if err := tpl.Execute(&out, values); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(st.Dir(), name), out.Bytes(), 0o600); err != nil {
			return err
		}
		if err := st.applyAll(ctx, out.Bytes()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (st *Stage) applyAll(ctx context.Context, manifest []byte) error {
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifest), 4096)
	for {
		obj := &unstructured.Unstructured{}
		err := decoder.Decode(&obj.Object)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		err = st.Kube.Apply(ctx, client.ApplyConfigurationFromUnstructured(obj), client.FieldOwner("story"), client.ForceOwnership)
		if err != nil {
			return fmt.Errorf("%s %s: %w", obj.GetKind(), obj.GetName(), err)
		}
	}
}

// awaitReady waits until the connection answers and the configuration is in force.
func (st *Stage) awaitReady(ctx context.Context) error {
	err := Await(ctx, time.Minute, "the Connection to be ready", func(ctx context.Context) (bool, string, error) {
		var c gozer.Connection
		err := st.Kube.Get(ctx, client.ObjectKey{Namespace: Namespace, Name: "gitea"}, &c)
		ok, why := isReady(c.Status.Conditions)
		return ok, why, err
	})
	if err != nil {
		return err
	}
	return Await(ctx, time.Minute, "the Tenant's configuration to be in force", func(ctx context.Context) (bool, string, error) {
		var t gozer.Tenant
		err := st.Kube.Get(ctx, client.ObjectKey{Namespace: Tenant, Name: Tenant}, &t)
		ok, why := isReady(t.Status.Conditions)
		if err != nil || !ok || t.Status.Layout == nil || t.Status.ObservedGeneration != t.Generation {
			return false, why, err
		}
		if t.Status.ErrorCount > 0 {
			return false, fmt.Sprintf("%d errors, the first: %s", t.Status.ErrorCount, t.Status.Errors[0].Message), nil
		}
		l := t.Status.Layout
		return l.Projects == 3 && l.Pipelines == 2 && l.Jobs >= 3, fmt.Sprintf("%d projects, %d pipelines, %d jobs", l.Projects, l.Pipelines, l.Jobs), nil
	})
}

func isReady(conditions []metav1.Condition) (ok bool, why string) {
	c := meta.FindStatusCondition(conditions, gozer.ConditionReady)
	if c == nil {
		return false, "it has no condition Ready yet"
	}
	return c.Status == metav1.ConditionTrue, c.Reason + ": " + c.Message
}

const pollEvery = 200 * time.Millisecond

// Await asks again and again until the answer is yes. When the time is up it
// says what was waited for and how things stood; an error of the question is
// one more state of things, for servers may be away for a while.
func Await(ctx context.Context, within time.Duration, what string, ask func(context.Context) (ok bool, state string, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	last := "nothing was seen"
	for {
		ok, state, err := ask(ctx)
		switch {
		case err == nil && ok:
			return nil
		case err == nil:
			last = state
		case ctx.Err() == nil:
			last = err.Error()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited %s in vain for %s: %s", within, what, last)
		case <-time.After(pollEvery):
		}
	}
}
