package chart

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
)

// powers flattens rules: "verb group/resource".
func powers(rules []rbacv1.PolicyRule) []string {
	var out []string
	for _, r := range rules {
		for _, g := range r.APIGroups {
			for _, res := range r.Resources {
				for _, v := range r.Verbs {
					out = append(out, v+" "+g+"/"+res)
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

func rulesOf(t *testing.T, o objects, key string) []rbacv1.PolicyRule {
	t.Helper()
	if strings.HasPrefix(key, "ClusterRole/") {
		return get[rbacv1.ClusterRole](t, o, key).Rules
	}
	return get[rbacv1.Role](t, o, key).Rules
}

func TestLeastPrivilege(t *testing.T) {
	rendered := render(t)
	var roles, bindings []string
	for key := range rendered {
		switch kind, _, _ := strings.Cut(key, "/"); kind {
		case "Role", "ClusterRole":
			roles = append(roles, key)
			checkRules(t, key, rulesOf(t, rendered, key))
		case "RoleBinding", "ClusterRoleBinding":
			bindings = append(bindings, key)
		}
	}
	slices.Sort(roles)
	slices.Sort(bindings)
	if diff := cmp.Diff([]string{"ClusterRole//gozer-manager", "ClusterRole//gozer-tenant-admin", "ClusterRole//gozer-viewer",
		"Role/gate/gozer-manager", "Role/gate/gozer-merger", "Role/gate/gozer-web"}, roles); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"ClusterRoleBinding//gozer-manager",
		"RoleBinding/gate/gozer-manager", "RoleBinding/gate/gozer-merger", "RoleBinding/gate/gozer-web"}, bindings); diff != "" {
		t.Error(diff)
	}
}

// checkRules: no wildcards, nothing that leads to more power, no reading of Secrets anywhere but at home.
func checkRules(t *testing.T, key string, rules []rbacv1.PolicyRule) {
	t.Helper()
	dangerous := []string{"pods/exec", "pods/attach", "pods/portforward", "pods/ephemeralcontainers", "serviceaccounts/token", "nodes/proxy"}
	for _, r := range rules {
		if len(r.NonResourceURLs) > 0 || slices.Contains(r.APIGroups, "rbac.authorization.k8s.io") {
			t.Errorf("%s: %+v", key, r)
		}
	}
	for _, p := range powers(rules) {
		verb, what, _ := strings.Cut(p, " ")
		resource := what[strings.Index(what, "/")+1:]
		if strings.Contains(p, "*") || slices.Contains(dangerous, resource) || slices.Contains([]string{"bind", "escalate", "impersonate", "deletecollection"}, verb) {
			t.Errorf("%s may %s", key, p)
		}
		atHome := strings.HasPrefix(key, "Role/")
		if resource == "secrets" && (!atHome || verb != "get") && (key != "ClusterRole//gozer-manager" || verb != "create" && verb != "delete") {
			t.Errorf("%s may %s", key, p)
		}
	}
}

// TestSmallRoles pins the roles that can be listed whole.
func TestSmallRoles(t *testing.T) {
	rendered := render(t)
	for key, want := range map[string][]string{
		"Role/gate/gozer-manager": {"create gozer.dev/triggerevents", "delete gozer.dev/triggerevents", "get /secrets"},
		"Role/gate/gozer-web":     {"create gozer.dev/triggerevents", "get /secrets", "get gozer.dev/connections"},
		"Role/gate/gozer-merger":  {"get /secrets", "get gozer.dev/connections"},
	} {
		if diff := cmp.Diff(want, powers(rulesOf(t, rendered, key))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
}

func TestManagerMay(t *testing.T) {
	got := powers(rulesOf(t, render(t), "ClusterRole//gozer-manager"))
	kinds := []string{"tenants", "pipelines", "changequeues", "queueitems", "buildsets", "builds", "noderequests", "nodepools", "connections", "triggerevents", "semaphores", "holds"}
	made := []string{"pipelines", "changequeues", "queueitems", "buildsets", "builds", "noderequests", "semaphores"}
	for _, k := range kinds {
		removed := append([]string{"holds"}, made...)
		for verb, want := range map[string]bool{"get": true, "list": true, "watch": true, "create": slices.Contains(made, k), "update": slices.Contains(made, k), "patch": slices.Contains(made, k), "delete": slices.Contains(removed, k)} {
			if has := slices.Contains(got, verb+" gozer.dev/"+k); has != want {
				t.Errorf("%s %s: %v, want %v", verb, k, has, want)
			}
		}
		if !slices.Contains(got, "patch gozer.dev/"+k+"/status") {
			t.Errorf("the manager cannot write the status of %s", k)
		}
	}
	for _, p := range []string{"create /pods", "patch /pods", "delete /pods", "watch /pods", "create /events", "patch events.k8s.io/events",
		"update gozer.dev/tenants/finalizers", "update gozer.dev/queueitems/finalizers", "update gozer.dev/buildsets/finalizers",
		"update gozer.dev/builds/finalizers", "update gozer.dev/noderequests/finalizers"} {
		if !slices.Contains(got, p) {
			t.Errorf("the manager may not %s", p)
		}
	}
	// A build takes a warm node by a patch of its Pod's labels.
	if p := "update /pods"; slices.Contains(got, p) {
		t.Errorf("the manager may %s", p)
	}
}

func TestRolesOfPeople(t *testing.T) {
	admin, viewer := "ClusterRole//gozer-tenant-admin", "ClusterRole//gozer-viewer"
	rendered := render(t)
	got := powers(rulesOf(t, rendered, admin))
	for p, want := range map[string]bool{
		"create gozer.dev/tenants": true, "delete gozer.dev/holds": true, "patch gozer.dev/queueitems": true, "delete gozer.dev/queueitems": true,
		"create gozer.dev/queueitems": false, "update gozer.dev/builds": false, "list gozer.dev/builds": true, "create gozer.dev/connections": false,
	} {
		if slices.Contains(got, p) != want {
			t.Errorf("a tenant admin may %s: %v, want %v", p, !want, want)
		}
	}
	for _, p := range powers(rulesOf(t, rendered, viewer)) {
		if verb, _, _ := strings.Cut(p, " "); !slices.Contains([]string{"get", "list", "watch"}, verb) {
			t.Errorf("a viewer may %s", p)
		}
	}
	const aggregate = "rbac.authorization.k8s.io/aggregate-to-"
	off := render(t, "rbac.aggregate=false")
	for key, want := range map[string][]string{admin: {"admin"}, viewer: {"admin", "edit", "view"}} {
		for _, to := range []string{"admin", "edit", "view"} {
			if has := rendered[key].GetLabels()[aggregate+to] == "true"; has != slices.Contains(want, to) {
				t.Errorf("%s aggregates to %s: %v", key, to, has)
			}
			if off[key].GetLabels()[aggregate+to] != "" {
				t.Errorf("%s aggregates to %s though it should not", key, to)
			}
		}
	}
}

// TestManagerIsConfined: the rights on Pods are for those of builds; the policy
// that says so names the account that has them.
func TestManagerIsConfined(t *testing.T) {
	o := render(t)
	policy := get[admissionv1.ValidatingAdmissionPolicy](t, o, "ValidatingAdmissionPolicy//gozer-manager-pods").Spec
	binding := get[admissionv1.ValidatingAdmissionPolicyBinding](t, o, "ValidatingAdmissionPolicyBinding//gozer-manager-pods").Spec
	if binding.PolicyName != "gozer-manager-pods" || !slices.Contains(binding.ValidationActions, admissionv1.Deny) || *policy.FailurePolicy != admissionv1.Fail {
		t.Errorf("nothing is refused: %+v", binding)
	}
	if got := policy.MatchConditions[0].Expression; got != "request.userInfo.username == 'system:serviceaccount:gate:gozer-manager'" {
		t.Errorf("it is for %s", got)
	}
	if _, there := render(t, "rbac.confinePods=false")["ValidatingAdmissionPolicy//gozer-manager-pods"]; there {
		t.Error("rbac.confinePods=false leaves it")
	}
}
