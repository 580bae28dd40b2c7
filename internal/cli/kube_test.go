package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
)

// TestRealServer goes the whole way of a person: a kubeconfig, a real API
// server, a watch that ends with Ctrl-C, and a request that is answered.
func TestRealServer(t *testing.T) {
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		assets, _ = filepath.Abs("../../.build/envtest")
	}
	server := &envtest.Environment{CRDDirectoryPaths: []string{"../../config/crd"}, ErrorIfCRDPathMissing: true, BinaryAssetsDirectory: assets}
	cfg, err := server.Start()
	if err != nil {
		t.Fatalf("no API server (%v); `make envtest` builds it, and KUBEBUILDER_ASSETS says where it is", err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	kubeconfig := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(kubeconfig, server.KubeConfig, 0o600); err != nil {
		t.Fatal(err)
	}
	s := Scheme()
	if err := scheme.AddToScheme(s); err != nil {
		t.Fatal(err)
	}
	c, err := client.NewWithWatch(cfg, client.Options{Scheme: s})
	if err != nil {
		t.Fatal(err)
	}
	create := func(o client.Object) {
		t.Helper()
		if err := c.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	for _, ns := range []string{"acme", "gozer-system"} {
		create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}})
	}
	create(&gozer.Pipeline{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "gate"}, Spec: gozer.PipelineSpec{Manager: gozer.ManagerDependent}})
	create(&gozer.Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "acme"}, Spec: gozer.TenantSpec{
		Sources: []gozer.TenantSource{{Connection: "gitea", UntrustedProjects: []gozer.TenantProject{{Name: "acme/web"}}}}}})
	gozerctl := func(ctx context.Context, w streamWriter, args ...string) int {
		return Main(ctx, append([]string{"gozerctl", "--kubeconfig", kubeconfig, "-n", "acme"}, args...), Streams{Out: w, Err: w})
	}
	t.Run("watch", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := frames{written: make(chan string, 10)}
		code := make(chan int, 1)
		go func() { code <- gozerctl(ctx, w, "status", "--watch") }()
		if first := <-w.written; !strings.Contains(first, "has no changes") {
			t.Errorf("first: %s", first)
		}
		q := &gozer.ChangeQueue{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "gate-x"}, Spec: gozer.ChangeQueueSpec{Pipeline: "gate", Queue: "x", Manager: gozer.ManagerDependent}}
		create(q)
		<-w.written // the empty line between
		if second := <-w.written; !strings.Contains(second, "gate · queue x · 0 changes") {
			t.Errorf("second: %s", second)
		}
		cancel()
		if got := <-code; got != 0 {
			t.Errorf("exit code %d", got)
		}
	})
	t.Run("enqueue", func(t *testing.T) {
		events, err := c.Watch(t.Context(), &gozer.TriggerEventList{}, client.InNamespace("gozer-system"))
		if err != nil {
			t.Fatal(err)
		}
		defer events.Stop()
		accounts := make(chan string, 1)
		go func() {
			for w := range events.ResultChan() {
				if ev, ok := w.Object.(*gozer.TriggerEvent); ok && len(ev.Status.Tenants) == 0 {
					accounts <- ev.Spec.Account
					ev.Status.Tenants = []gozer.EventOutcome{{Tenant: "acme", Pipelines: []gozer.PipelineOutcome{{Pipeline: "gate", Item: "gate-web-8-x"}}}}
					_ = c.Status().Update(t.Context(), ev)
				}
			}
		}()
		var out bytes.Buffer
		if code := gozerctl(t.Context(), &out, "enqueue", "acme/web#8", "--pipeline", "gate"); code != 0 || out.String() != "acme/web#8 is in gate as gate-web-8-x\n" {
			t.Errorf("exit code %d: %s", code, out.String())
		}
		if account := <-accounts; account == "" {
			t.Error("the account is not known")
		}
	})
	t.Run("ssh", func(t *testing.T) { testSSHThroughTheServer(t, c, gozerctl) })
	t.Run("logs", func(t *testing.T) {
		b := &gozer.Build{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "b"}}
		b.Spec.Change = gozer.ChangeRef{Project: gozer.ProjectRef{Connection: "gitea", Name: "acme/web"}, Number: 8, Ref: "r", Branch: "main"}
		b.Spec.Job = gozer.FrozenJob{Name: "unit", Attempts: 1, Run: []gozer.Playbook{}}
		create(b)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var out bytes.Buffer
		if code := gozerctl(ctx, &out, "logs", "b"); code != 1 || !strings.Contains(out.String(), "the log store does not answer") {
			t.Errorf("exit code %d: %s", code, out.String())
		}
	})
}

type streamWriter interface{ Write([]byte) (int, error) }
