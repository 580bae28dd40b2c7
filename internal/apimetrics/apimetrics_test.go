package apimetrics

import "testing"

func TestResource(t *testing.T) {
	for path, want := range map[string]string{
		"/apis/gozer.dev/v1alpha1/namespaces/acme/builds":           "builds",
		"/apis/gozer.dev/v1alpha1/namespaces/acme/builds/b1":        "builds",
		"/apis/gozer.dev/v1alpha1/namespaces/acme/builds/b1/status": "builds/status",
		"/api/v1/namespaces/acme/pods":                              "pods",
		"/api/v1/namespaces/acme":                                   "namespaces",
		"/apis/gozer.dev/v1alpha1/tenants":                          "tenants",
		"/":                                                         "",
	} {
		if got := resource(path); got != want {
			t.Errorf("resource(%q) = %q, want %q", path, got, want)
		}
	}
}
