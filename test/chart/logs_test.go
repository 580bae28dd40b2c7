package chart

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// TestBucket: credentials of a bucket are variables or a file of the manager,
// of nobody else, and never arguments.
func TestBucket(t *testing.T) {
	for name, set := range map[string][]string{"three": {}, "one": {onePod}} {
		t.Run(name, func(t *testing.T) {
			if c := podsOf(t, render(t, set...), "manager").Spec.Containers[0]; len(c.EnvFrom) != 0 {
				t.Errorf("variables without a Secret: %+v", c.EnvFrom)
			}
			o := render(t, append(set, "logs.url=s3://logs", "logs.secret=bucket")...)
			c := podsOf(t, o, "manager").Spec.Containers[0]
			if len(c.EnvFrom) != 1 || c.EnvFrom[0].SecretRef.Name != "bucket" || variable(c, "GOOGLE_APPLICATION_CREDENTIALS") != "" {
				t.Errorf("%+v", c.EnvFrom)
			}
			o = render(t, append(set, "logs.url=gs://logs", "logs.secret=bucket", "logs.secretFile=key.json")...)
			pod := podsOf(t, o, "manager").Spec
			c = pod.Containers[0]
			i := slices.IndexFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Name == "bucket" })
			if len(c.EnvFrom) != 0 || i < 0 || pod.Volumes[i].Secret.SecretName != "bucket" || pod.Volumes[i].Secret.Items[0].Key != "key.json" ||
				variable(c, "GOOGLE_APPLICATION_CREDENTIALS") != "/etc/gozer/bucket/credentials" {
				t.Errorf("%+v", pod)
			}
		})
	}
	o := render(t, "logs.secret=bucket", "logs.secretFile=key.json", "manager.serviceAccountAnnotations.role=x", "manager.podLabels.use=y")
	for _, role := range []string{"web", "merger"} {
		if c := podsOf(t, o, role).Spec.Containers[0]; len(c.EnvFrom) != 0 || variable(c, "GOOGLE_APPLICATION_CREDENTIALS") != "" {
			t.Errorf("%s has the credentials of the bucket", role)
		}
	}
	account := get[corev1.ServiceAccount](t, o, "ServiceAccount/gate/gozer-manager")
	if account.Annotations["role"] != "x" || podsOf(t, o, "manager").Labels["use"] != "y" {
		t.Errorf("workload identity: %+v", account)
	}
	if _, err := template(t, "logs.secretFile=key.json"); err == nil || !strings.Contains(err.Error(), "set logs.secret") {
		t.Errorf("a file without a Secret: %v", err)
	}
}

func variable(c corev1.Container, name string) string {
	for _, v := range c.Env {
		if v.Name == name {
			return v.Value
		}
	}
	return ""
}
