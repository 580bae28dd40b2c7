package controllers_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/buildspec"
)

// TestNodeLabelsAreChecked: what makes no good node is refused with a reason.
func TestNodeLabelsAreChecked(t *testing.T) {
	w := newWorld(t)
	dir := func(name string) gozer.NodeVolume {
		return gozer.NodeVolume{Name: name, EmptyDir: &gozer.NodeEmptyDir{SizeLimit: resource.MustParse("1Gi")}}
	}
	mount := func(name, path string) func(*gozer.NodeLabel) {
		return func(l *gozer.NodeLabel) {
			l.Volumes = []gozer.NodeVolume{dir("cache")}
			l.VolumeMounts = []gozer.NodeVolumeMount{{Name: name, MountPath: path}}
		}
	}
	for name, tc := range map[string]struct {
		change func(*gozer.NodeLabel)
		want   string
	}{
		"good":           {mount("cache", "/var/cache/x"), ""},
		"in the home":    {mount("cache", "/home/zuul/.cache"), ""},
		"beside Gozer":   {mount("cache", "/gozerx"), ""},
		"no such volume": {mount("other", "/var/cache"), "names one of the volumes"},
		"the home":       {mount("cache", "/home/zuul"), "mount below it"},
		"Gozer's own":    {mount("cache", "/gozer/x"), "is not in /gozer"},
		"the keys":       {mount("cache", "/etc/gozer/node"), "is not in /gozer"},
		"led elsewhere":  {mount("cache", "/var/../gozer"), "mountPath"},
		"everything":     {mount("cache", "/"), "mountPath"},
		"two kinds": {func(l *gozer.NodeLabel) {
			v := dir("x")
			v.ConfigMap = &gozer.NodeConfigMap{Name: "m"}
			l.Volumes = []gozer.NodeVolume{v}
		}, "one of emptyDir, configMap"},
		"no kind":           {func(l *gozer.NodeLabel) { l.Volumes = []gozer.NodeVolume{{Name: "x"}} }, "one of emptyDir, configMap"},
		"a name that is":    {func(l *gozer.NodeLabel) { l.Volumes = []gozer.NodeVolume{dir("keys")} }, "choose another name"},
		"out of its volume": {func(l *gozer.NodeLabel) { mount("cache", "/x")(l); l.VolumeMounts[0].SubPath = "a/../../b" }, "subPath"},
		"HOME":              {func(l *gozer.NodeLabel) { l.Env = []gozer.NodeEnv{{Name: "HOME", Value: "/"}} }, "fields of the label"},
		"no variable":       {func(l *gozer.NodeLabel) { l.Env = []gozer.NodeEnv{{Name: "a-b"}} }, "env[0].name"},
		"no shell":          {func(l *gozer.NodeLabel) { l.Shell = "bash -c" }, "shell"},
		"no Python":         {func(l *gozer.NodeLabel) { l.PythonPath = "python3" }, "pythonPath"},
		"a Python":          {func(l *gozer.NodeLabel) { l.PythonPath = "/usr/bin/python3.12" }, ""},
		"fewer than made":   {func(l *gozer.NodeLabel) { l.MinReady, l.MaxReady = 2, new(int32(1)) }, "maxReady is at least minReady"},
		"root by sudo":      {func(l *gozer.NodeLabel) { l.Root, l.UserNamespace = gozer.RootBySudo, true }, ""},
		"some root":         {func(l *gozer.NodeLabel) { l.Root = "true" }, "root"},
		"as many as made":   {func(l *gozer.NodeLabel) { l.MinReady, l.MaxReady = 2, new(int32(2)) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := gozer.NodeLabel{Name: "debian", Image: "debian:12"}
			tc.change(&l)
			pool := &gozer.NodePool{ObjectMeta: metav1.ObjectMeta{Namespace: w.operator, Name: "checked"}, Spec: gozer.NodePoolSpec{Labels: []gozer.NodeLabel{l}}}
			err := w.client.Create(t.Context(), pool, client.DryRunAll)
			switch {
			case tc.want == "" && err != nil:
				t.Error(err)
			case tc.want != "" && (!apierrors.IsInvalid(err) || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("%v, want one about %q", err, tc.want)
			}
		})
	}
}

// TestNodeLabelMakesTheNode: what a label says of a node is in its Pod, and what
// it says of Ansible reaches the executor.
func TestNodeLabelMakesTheNode(t *testing.T) {
	w := newWorld(t)
	w.labels(func(s *gozer.NodePoolSpec) {
		l := &s.Labels[0]
		l.Root = gozer.RootAlways
		l.PythonPath, l.Shell, l.Env = "/usr/bin/python3.12", "/bin/bash", []gozer.NodeEnv{{Name: "LANG", Value: "C.UTF-8"}}
		l.Volumes = []gozer.NodeVolume{
			{Name: "scratch", EmptyDir: &gozer.NodeEmptyDir{SizeLimit: resource.MustParse("1Gi")}},
			{Name: "ca", ConfigMap: &gozer.NodeConfigMap{Name: "ca"}},
			{Name: "cache", PersistentVolumeClaim: &gozer.NodeClaim{ClaimName: "modules"}},
			{Name: "shared", PersistentVolumeClaim: &gozer.NodeClaim{ClaimName: "shared", Writable: true}},
		}
		l.VolumeMounts = []gozer.NodeVolumeMount{{Name: "scratch", MountPath: "/scratch"}, {Name: "ca", MountPath: "/etc/ssl/own", ReadOnly: true},
			{Name: "cache", MountPath: "/var/cache/modules", SubPath: "go"}, {Name: "shared", MountPath: "/shared"}}
	}, "debian")
	var spec buildspec.Spec
	w.say(func(s buildspec.Spec) *buildspec.Outcome {
		spec = s
		return nil
	})
	w.start()
	w.loaded()
	w.opened(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
	w.eventually("the executor knows the Python, and the user", func() string {
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(spec.Nodes) != 1 {
			return "no node"
		}
		return cmp.Diff([]string{"/usr/bin/python3.12", "root"}, []string{spec.Nodes[0].Python, spec.Nodes[0].User})
	})
	var pods corev1.PodList
	if err := w.client.List(t.Context(), &pods, client.InNamespace(w.tenant), client.MatchingLabels{gozer.LabelRole: "node"}); err != nil {
		t.Fatal(err)
	}
	c := pods.Items[0].Spec.Containers[0]
	if diff := cmp.Diff([]corev1.EnvVar{{Name: "LANG", Value: "C.UTF-8"}, {Name: "HOME", Value: "/home/zuul"}, {Name: "ANSIBLE_UNSAFE_WRITES", Value: "1"}, {Name: "SHELL", Value: "/bin/bash"}}, c.Env); diff != "" {
		t.Error(diff)
	}
	if user := *pods.Items[0].Spec.SecurityContext.RunAsUser; user != 0 || c.SecurityContext.ReadOnlyRootFilesystem != nil {
		t.Errorf("user %d, %+v: everything runs as root", user, c.SecurityContext)
	}
	mounts := map[string]corev1.VolumeMount{}
	for _, m := range c.VolumeMounts {
		mounts[m.Name] = m
	}
	for name, readOnly := range map[string]bool{"scratch": false, "ca": true, "cache": true, "shared": false} {
		if m := mounts[name]; m.MountPath == "" || m.ReadOnly != readOnly {
			t.Errorf("%s: %+v", name, m)
		}
	}
	for _, v := range pods.Items[0].Spec.Volumes {
		if p := v.PersistentVolumeClaim; p != nil && p.ReadOnly != (v.Name == "cache") {
			t.Errorf("%s: %+v", v.Name, p)
		}
		if v.Name == "scratch" && v.EmptyDir.SizeLimit.String() != "1Gi" {
			t.Errorf("%s: %+v", v.Name, v.EmptyDir)
		}
	}
}
