package chart

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
)

const namespace = "gate"

// moduleRoot is where go.mod lies.
func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if filepath.Dir(dir) == dir {
			t.Fatal("there is no go.mod above this test")
		}
		dir = filepath.Dir(dir)
	}
}

func helmBinary(t *testing.T) string {
	t.Helper()
	path := os.Getenv("HELM")
	if path == "" {
		path = filepath.Join(moduleRoot(t), ".build", "bin", "helm")
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("helm is missing: %v; run `make chart-test`, which builds it, or set HELM to a helm binary", err)
	}
	return path
}

// helm runs helm with a home of its own.
func helm(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), helmBinary(t), args...) //nolint:gosec // built by this project
	cmd.Dir = moduleRoot(t)
	home := t.TempDir()
	cmd.Env = append(os.Environ(), "HOME="+home, "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home, "KUBECONFIG=/dev/null")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("helm %s: %w\n%s", strings.Join(args, " "), err, errs.String())
	}
	return out.String(), nil
}

func template(t *testing.T, set ...string) (string, error) {
	t.Helper()
	args := []string{"template", "gozer", "charts/gozer", "--namespace", namespace, "--kube-version", "1.36.0"}
	for _, s := range set {
		args = append(args, "--set", s)
	}
	return helm(t, args...)
}

// objects of a rendered chart by "Kind/namespace/name".
type objects map[string]*unstructured.Unstructured

func render(t *testing.T, set ...string) objects {
	t.Helper()
	text, err := template(t, set...)
	if err != nil {
		t.Fatal(err)
	}
	out := objects{}
	d := yaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096)
	for {
		u := &unstructured.Unstructured{}
		if err := d.Decode(&u.Object); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatalf("the chart renders something that is not YAML: %v", err)
		}
		if len(u.Object) == 0 {
			continue
		}
		key := strings.Join([]string{u.GetKind(), u.GetNamespace(), u.GetName()}, "/")
		if out[key] != nil {
			t.Errorf("%s is rendered twice", key)
		}
		out[key] = u
	}
}

// get reads one object as its Go type; unknown fields are errors.
func get[T any](t *testing.T, o objects, key string) T {
	t.Helper()
	var v T
	u := o[key]
	if u == nil {
		t.Fatalf("%s is not rendered", key)
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(u.Object, &v, true); err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	return v
}
