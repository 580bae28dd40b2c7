package chart

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
)

const onePod = "onePod.enabled=true"

// TestOnePod: the Deployment of the manager runs all, and nothing else runs. It
// is the same Deployment, so that Kubernetes ends one manager before another
// begins when the mode is switched.
func TestOnePod(t *testing.T) {
	o := render(t, onePod, "merger.maxDisk=40Gi", "manager.extraArgs={--relative-priority}", "merger.extraArgs={--git-memory=2Gi}", "onePod.resources.limits.memory=5Gi")
	var workloads []string
	for key := range o {
		if kind, _, _ := strings.Cut(key, "/"); slices.Contains([]string{"Deployment", "StatefulSet", "PodDisruptionBudget", "ServiceAccount"}, kind) {
			workloads = append(workloads, key)
		}
	}
	slices.Sort(workloads)
	if diff := cmp.Diff([]string{"Deployment/gate/gozer-manager", "ServiceAccount/gate/gozer-manager"}, workloads); diff != "" {
		t.Error(diff)
	}
	d, three := get[appsv1.Deployment](t, o, workloads[0]).Spec, get[appsv1.Deployment](t, render(t), workloads[0]).Spec
	if *d.Replicas != 1 || d.Strategy.Type != appsv1.RecreateDeploymentStrategyType || !cmp.Equal(d.Selector, three.Selector) {
		t.Errorf("%+v", d)
	}
	pod := d.Template.Spec
	checkConfined(t, pod, "gozer-manager")
	c := pod.Containers[0]
	if diff := cmp.Diff([]string{"gozer", "all"}, c.Command); diff != "" {
		t.Error(diff)
	}
	want := append(slices.Clone(three.Template.Spec.Containers[0].Args),
		"--merger-data-dir=/var/lib/gozer-merger", "--merger-bind=:8443", "--max-disk=40Gi", "--web-bind=:8090", "--relative-priority", "--git-memory=2Gi")
	if diff := cmp.Diff(want, c.Args); diff != "" {
		t.Error(diff)
	}
	if got := c.Resources.Limits.Memory().String(); got != "5Gi" {
		t.Errorf("it may take %s, not what onePod.resources says", got)
	}
}

// TestServicesOfOnePod: URLs in reports, Ingresses and webhooks stay as they are.
func TestServicesOfOnePod(t *testing.T) {
	set := []string{"web.service.type=NodePort", "web.service.nodePort=30080", "web.ingress.enabled=true", "web.externalURL=https://gozer.example.com"}
	o, three := render(t, append(set, onePod)...), render(t, set...)
	pods := podsOf(t, o, "manager")
	ports := map[string]int32{}
	for _, p := range pods.Spec.Containers[0].Ports {
		ports[p.Name] = p.ContainerPort
	}
	if diff := cmp.Diff(map[string]int32{"http": 8080, "health": 8081, "metrics": 8082, "merger": 8443, "web": 8090}, ports); diff != "" {
		t.Error(diff)
	}
	for role, want := range map[string]int32{"manager": 8080, "merger": 8443, "web": 8090} {
		key := "Service/gate/gozer-" + role
		s, was := get[corev1.Service](t, o, key), get[corev1.Service](t, three, key)
		checkSelector(t, key, s.Spec.Selector, pods.Labels)
		if got := ports[s.Spec.Ports[0].TargetPort.String()]; got != want {
			t.Errorf("%s leads to port %d, want %d", key, got, want)
		}
		s.Spec.Selector, s.Spec.Ports[0].TargetPort = was.Spec.Selector, was.Spec.Ports[0].TargetPort
		if diff := cmp.Diff(was, s); diff != "" {
			t.Errorf("%s (-three +one):\n%s", key, diff)
		}
	}
	const ingress = "Ingress/gate/gozer-web"
	if diff := cmp.Diff(three[ingress], o[ingress]); diff != "" {
		t.Error(diff)
	}
}

// TestRightsOfOnePod: its account may do what the three may, and nothing more.
func TestRightsOfOnePod(t *testing.T) {
	o := render(t, onePod)
	rights := func(o objects, accounts ...string) []string {
		var out []string
		for key := range o {
			var subjects []rbacv1.Subject
			var ref rbacv1.RoleRef
			var role string
			switch kind, _, _ := strings.Cut(key, "/"); kind {
			case "RoleBinding":
				b := get[rbacv1.RoleBinding](t, o, key)
				subjects, ref, role = b.Subjects, b.RoleRef, b.RoleRef.Kind+"/gate/"+b.RoleRef.Name
			case "ClusterRoleBinding":
				b := get[rbacv1.ClusterRoleBinding](t, o, key)
				subjects, ref, role = b.Subjects, b.RoleRef, b.RoleRef.Kind+"//"+b.RoleRef.Name
			default:
				continue
			}
			for _, s := range subjects {
				if s.Kind != "ServiceAccount" || s.Namespace != namespace || !slices.Contains(accounts, s.Name) {
					t.Errorf("%s is for %+v", key, s)
				}
			}
			for _, p := range powers(rulesOf(t, o, role)) {
				out = append(out, ref.Kind+" "+p)
			}
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	if diff := cmp.Diff(rights(render(t), "gozer-manager", "gozer-web", "gozer-merger"), rights(o, "gozer-manager")); diff != "" {
		t.Errorf("(-three +one):\n%s", diff)
	}
}

// TestVolumesOfOnePod: data and mirrors are apart, each as it is configured.
func TestVolumesOfOnePod(t *testing.T) {
	for name, tc := range map[string]struct {
		set  []string
		want map[string]string // claims by mount
	}{
		"none":         {nil, map[string]string{"/var/lib/gozer": "", "/var/lib/gozer-merger": ""}},
		"both":         {[]string{"manager.persistence.enabled=true", "merger.persistence.enabled=true"}, map[string]string{"/var/lib/gozer": "gozer-manager", "/var/lib/gozer-merger": "gozer-merger"}},
		"existing one": {[]string{"merger.persistence.enabled=true", "merger.persistence.existingClaim=data-gozer-merger-0"}, map[string]string{"/var/lib/gozer": "", "/var/lib/gozer-merger": "data-gozer-merger-0"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := render(t, append(tc.set, onePod)...)
			pod := podsOf(t, o, "manager").Spec
			claims := map[string]string{}
			for _, v := range pod.Volumes {
				for _, m := range pod.Containers[0].VolumeMounts {
					if m.Name == v.Name && strings.HasPrefix(m.MountPath, "/var/") {
						claims[m.MountPath] = ""
						if v.PersistentVolumeClaim != nil {
							claims[m.MountPath] = v.PersistentVolumeClaim.ClaimName
						}
					}
				}
			}
			if diff := cmp.Diff(tc.want, claims); diff != "" {
				t.Error(diff)
			}
			for _, claim := range []string{"gozer-manager", "gozer-merger"} {
				used := slices.Contains([]string{claims["/var/lib/gozer"], claims["/var/lib/gozer-merger"]}, claim)
				if made := o["PersistentVolumeClaim/gate/"+claim] != nil; made != used {
					t.Errorf("claim %s: made %v, used %v", claim, made, used)
				}
			}
		})
	}
}

// TestNetworkOfOnePod: executors alone reach logs and merges, whoever may the rest.
func TestNetworkOfOnePod(t *testing.T) {
	o := render(t, onePod, "networkPolicy.enabled=true", "networkPolicy.tenantNamespaces={acme}")
	if o["NetworkPolicy/gate/gozer-merger"] != nil {
		t.Error("there is a policy for Pods that there are not")
	}
	p := get[networkingv1.NetworkPolicy](t, o, "NetworkPolicy/gate/gozer-manager")
	pods := podsOf(t, o, "manager")
	checkSelector(t, "the policy", p.Spec.PodSelector.MatchLabels, pods.Labels)
	for _, rule := range p.Spec.Ingress {
		var ports []string
		for _, port := range rule.Ports {
			ports = append(ports, port.Port.String())
		}
		want := []string{"web", "metrics"}
		if len(rule.From) > 0 {
			want = []string{"http", "merger"}
			if len(rule.From) != 1 || rule.From[0].PodSelector.MatchLabels["gozer.dev/role"] != "executor" {
				t.Errorf("%v are open to %+v", ports, rule.From)
			}
		}
		if diff := cmp.Diff(want, ports); diff != "" {
			t.Error(diff)
		}
	}
	out := get[networkingv1.NetworkPolicy](t, o, "NetworkPolicy/acme/gozer-executor").Spec.Egress[2]
	ports := map[string]int{}
	for _, c := range pods.Spec.Containers[0].Ports {
		for _, port := range out.Ports {
			if port.Port.IntVal == c.ContainerPort {
				ports[c.Name]++
			}
		}
	}
	if diff := cmp.Diff(map[string]int{"http": 1, "merger": 1}, ports); diff != "" || len(out.Ports) != 2 {
		t.Errorf("executors reach %+v: %s", out.Ports, diff)
	}
	if got := out.To[0].PodSelector.MatchExpressions[0].Values; !slices.Contains(got, pods.Labels["app.kubernetes.io/component"]) {
		t.Errorf("executors reach %v", got)
	}
}

func TestOnePodHasOneOfEach(t *testing.T) {
	for _, set := range []string{"merger.replicas=2", "web.replicas=2", "web.replicas=0"} {
		_, err := template(t, onePod, set)
		if err == nil || !strings.Contains(err.Error(), "set merger.replicas and web.replicas to 1, or onePod.enabled to false") {
			t.Errorf("%s: %v", set, err)
		}
	}
}
