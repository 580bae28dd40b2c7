package chart

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

func TestLint(t *testing.T) {
	if out, err := helm(t, "lint", "--strict", "charts/gozer"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestCopiesAreUpToDate: the chart's files are config's, every one, and nothing else.
func TestCopiesAreUpToDate(t *testing.T) {
	read := func(dir string) map[string]string {
		files := map[string]string{}
		paths, err := filepath.Glob(filepath.Join(moduleRoot(t), dir, "*"))
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s has no files: %v", dir, err)
		}
		for _, p := range paths {
			data, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			files[filepath.Base(p)] = string(data)
		}
		return files
	}
	for _, kind := range []string{"crd", "rbac"} {
		if diff := cmp.Diff(read("config/"+kind), read("charts/gozer/files/"+kind)); diff != "" {
			t.Errorf("charts/gozer/files/%s is not what config/%s is; run `make chart-sync` (-config +chart):\n%s", kind, kind, diff)
		}
	}
}

func TestCRDsAreRenderedUnchanged(t *testing.T) {
	for name, tc := range map[string]struct {
		set  []string
		keep string
		want bool
	}{
		"default":       {keep: "keep", want: true},
		"not kept":      {set: []string{"crds.keep=false"}, want: true},
		"not installed": {set: []string{"crds.install=false"}},
	} {
		t.Run(name, func(t *testing.T) {
			rendered := render(t, tc.set...)
			paths, err := filepath.Glob(filepath.Join(moduleRoot(t), "config/crd/*.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range paths {
				data, err := os.ReadFile(p)
				if err != nil {
					t.Fatal(err)
				}
				var want apiextensionsv1.CustomResourceDefinition
				if err := yaml.UnmarshalStrict(data, &want); err != nil {
					t.Fatal(err)
				}
				key := "CustomResourceDefinition//" + want.Name
				if !tc.want {
					if rendered[key] != nil {
						t.Errorf("%s is rendered", key)
					}
					continue
				}
				got := get[apiextensionsv1.CustomResourceDefinition](t, rendered, key)
				if got.Annotations["helm.sh/resource-policy"] != tc.keep {
					t.Errorf("%s: resource policy %q, want %q", key, got.Annotations["helm.sh/resource-policy"], tc.keep)
				}
				delete(got.Annotations, "helm.sh/resource-policy")
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-config +chart):\n%s", key, diff)
				}
			}
		})
	}
}

func TestArguments(t *testing.T) {
	for name, tc := range map[string]struct {
		set  []string
		role string
		want []string
	}{
		"manager": {role: "manager", want: []string{
			"--namespace=$(POD_NAMESPACE)", "--image=docker.io/local/gozer:0.1.0", "--ansible-image=docker.io/local/gozer-ansible:0.1.0", "--image-pull-policy=IfNotPresent",
			"--merger-url=https://gozer-merger.gate.svc:8080", "--manager-url=http://gozer-manager.gate.svc:8080", "--web-url=",
			"--token-key=/etc/gozer/token/key", "--data-dir=/var/lib/gozer", "--api-bind=:8080", "--health-bind=:8081",
			"--work-limit=0", "--item-ttl=1h", "--event-ttl=1h", "--logs-max-age=720h", "--logs-max-total=8Gi",
		}},
		"manager, changed": {role: "manager",
			set: []string{"image.repository=example.com/gozer", "image.tag=dev", "image.pullPolicy=Never", "web.externalURL=https://gozer.example.com",
				"retention.items=2h30m", "retention.events=10m", "logs.url=s3://logs?region=eu-west-1", "logs.maxAge=24h", "logs.maxTotal=0", "manager.extraArgs={--log-level=debug}"},
			want: []string{
				"--namespace=$(POD_NAMESPACE)", "--image=example.com/gozer:dev", "--ansible-image=example.com/gozer-ansible:dev", "--image-pull-policy=Never",
				"--merger-url=https://gozer-merger.gate.svc:8080", "--manager-url=http://gozer-manager.gate.svc:8080", "--web-url=https://gozer.example.com",
				"--token-key=/etc/gozer/token/key", "--data-dir=/var/lib/gozer", "--api-bind=:8080", "--health-bind=:8081",
				"--work-limit=0", "--item-ttl=2h30m", "--event-ttl=10m", "--logs-url=s3://logs?region=eu-west-1", "--logs-max-age=24h", "--logs-max-total=0", "--log-level=debug",
			}},
		"web": {role: "web", want: []string{
			"--namespace=$(POD_NAMESPACE)", "--manager-url=http://gozer-manager.gate.svc:8080", "--token-key=/etc/gozer/token/key", "--bind=:8080",
		}},
		"web, published": {role: "web", set: []string{"web.externalURL=https://gozer.example.com:8443/x"}, want: []string{
			"--namespace=$(POD_NAMESPACE)", "--manager-url=http://gozer-manager.gate.svc:8080", "--token-key=/etc/gozer/token/key", "--bind=:8080", "--origin=gozer.example.com:8443",
		}},
		"merger": {role: "merger", want: []string{
			"--namespace=$(POD_NAMESPACE)", "--token-key=/etc/gozer/token/key", "--data-dir=/var/lib/gozer", "--bind=:8080", "--max-disk=80%",
		}},
		"merger, changed": {role: "merger", set: []string{"merger.maxDisk=40Gi", "merger.extraArgs={--git-memory=2Gi}"}, want: []string{
			"--namespace=$(POD_NAMESPACE)", "--token-key=/etc/gozer/token/key", "--data-dir=/var/lib/gozer", "--bind=:8080", "--max-disk=40Gi", "--git-memory=2Gi",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c := podsOf(t, render(t, tc.set...), tc.role).Spec.Containers[0]
			if diff := cmp.Diff([]string{"gozer", tc.role}, c.Command); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tc.want, c.Args); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// podsOf is the template of a role's Pods: the merger is a StatefulSet, the others are Deployments.
func podsOf(t *testing.T, o objects, role string) corev1.PodTemplateSpec {
	t.Helper()
	if role == "merger" {
		return get[appsv1.StatefulSet](t, o, "StatefulSet/gate/gozer-merger").Spec.Template
	}
	return get[appsv1.Deployment](t, o, "Deployment/gate/gozer-"+role).Spec.Template
}

func TestPodsAreConfined(t *testing.T) {
	rendered := render(t)
	for _, role := range []string{"manager", "web", "merger"} {
		t.Run(role, func(t *testing.T) {
			pod := podsOf(t, rendered, role).Spec
			checkConfined(t, pod, "gozer-"+role)
			checkProbes(t, role, pod.Containers[0])
		})
	}
}

func checkConfined(t *testing.T, pod corev1.PodSpec, account string) {
	t.Helper()
	p, c := pod.SecurityContext, pod.Containers[0]
	s := c.SecurityContext
	if len(pod.Containers) != 1 || !*p.RunAsNonRoot || *p.RunAsUser != 65532 || *p.RunAsGroup != 65532 || p.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("the Pod is not confined: %+v", p)
	}
	if *s.AllowPrivilegeEscalation || *s.Privileged || !*s.ReadOnlyRootFilesystem || !cmp.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) || len(s.Capabilities.Add) > 0 {
		t.Errorf("the container is not confined: %+v", s)
	}
	if pod.HostNetwork || pod.HostPID || pod.HostIPC || pod.ServiceAccountName != account {
		t.Errorf("the Pod has more of the host, or another account, than it should: %+v", pod)
	}
	if c.Resources.Requests.Memory().IsZero() || c.Resources.Limits.Memory().IsZero() {
		t.Errorf("resources: %+v", c.Resources)
	}
}

func TestDeployments(t *testing.T) {
	rendered := render(t)
	for role, strategy := range map[string]appsv1.DeploymentStrategyType{
		"manager": appsv1.RecreateDeploymentStrategyType, "web": appsv1.RollingUpdateDeploymentStrategyType,
	} {
		d := get[appsv1.Deployment](t, rendered, "Deployment/gate/gozer-"+role)
		if *d.Spec.Replicas != 1 || d.Spec.Strategy.Type != strategy {
			t.Errorf("%s: %d replicas, strategy %s", role, *d.Spec.Replicas, d.Spec.Strategy.Type)
		}
		checkSelector(t, role, d.Spec.Selector.MatchLabels, d.Spec.Template.Labels)
	}
}

func checkSelector(t *testing.T, name string, selector, labels map[string]string) {
	t.Helper()
	for k, v := range selector {
		if labels[k] != v {
			t.Errorf("%s does not select its own Pods: %s", name, k)
		}
	}
}

func checkProbes(t *testing.T, role string, c corev1.Container) {
	t.Helper()
	port, ready, scheme := "http", "/healthz", corev1.URIScheme("")
	wantPorts := map[string]int32{"http": 8080}
	switch role {
	case "manager":
		port, ready = "health", "/readyz"
		wantPorts["health"], wantPorts["metrics"] = 8081, 8082
	case "merger":
		scheme, wantPorts["metrics"] = corev1.URISchemeHTTPS, 8082
	}
	ports := map[string]int32{}
	for _, p := range c.Ports {
		ports[p.Name] = p.ContainerPort
	}
	if diff := cmp.Diff(wantPorts, ports); diff != "" {
		t.Error(diff)
	}
	l, r := c.LivenessProbe.HTTPGet, c.ReadinessProbe.HTTPGet
	if l.Path != "/healthz" || l.Port.String() != port || r.Path != ready || r.Port.String() != port || l.Scheme != scheme || r.Scheme != scheme {
		t.Errorf("probes: %+v, %+v", l, r)
	}
}

func TestServices(t *testing.T) {
	rendered := render(t, "web.service.type=NodePort", "web.service.nodePort=30080", "manager.service.nodePort=30081")
	for role, want := range map[string]struct {
		kind corev1.ServiceType
		node int32
	}{"manager": {corev1.ServiceTypeClusterIP, 0}, "web": {corev1.ServiceTypeNodePort, 30080}, "merger": {corev1.ServiceTypeClusterIP, 0}} {
		s := get[corev1.Service](t, rendered, "Service/gate/gozer-"+role)
		p := s.Spec.Ports[0]
		if s.Spec.Type != want.kind || p.Name != "http" || p.Port != 8080 || p.TargetPort.String() != "http" || p.NodePort != want.node {
			t.Errorf("%s: %+v", role, s.Spec)
		}
		checkSelector(t, "Service "+role, s.Spec.Selector, podsOf(t, rendered, role).Labels)
	}
}

func TestTokenKey(t *testing.T) {
	s := get[corev1.Secret](t, render(t), "Secret/gate/gozer-token")
	other := get[corev1.Secret](t, render(t), "Secret/gate/gozer-token")
	if len(s.Data["key"]) != 32 || cmp.Equal(s.Data["key"], other.Data["key"]) {
		t.Errorf("the key has %d bytes: %s", len(s.Data["key"]), base64.StdEncoding.EncodeToString(s.Data["key"]))
	}
	if s.Annotations["helm.sh/resource-policy"] != "keep" {
		t.Error("the key is lost when the chart is uninstalled")
	}
	mine := render(t, "tokenKey.existingSecret=mine")
	if mine["Secret/gate/gozer-token"] != nil {
		t.Error("a key is made although there is one")
	}
	for _, role := range []string{"manager", "web", "merger"} {
		if v := podsOf(t, mine, role).Spec.Volumes[0]; v.Secret == nil || v.Secret.SecretName != "mine" || *v.Secret.DefaultMode != 0o440 {
			t.Errorf("%s mounts %+v", role, v)
		}
	}
}

func TestPersistence(t *testing.T) {
	rendered := render(t, "manager.persistence.enabled=true", "merger.persistence.enabled=true", "merger.persistence.existingClaim=mirrors")
	claims := map[string]string{}
	for _, role := range []string{"manager", "merger"} {
		for _, v := range podsOf(t, rendered, role).Spec.Volumes {
			if v.PersistentVolumeClaim != nil {
				claims[role] = v.PersistentVolumeClaim.ClaimName
			}
		}
	}
	if diff := cmp.Diff(map[string]string{"manager": "gozer-manager", "merger": "mirrors"}, claims); diff != "" {
		t.Error(diff)
	}
	if get[corev1.PersistentVolumeClaim](t, rendered, "PersistentVolumeClaim/gate/gozer-manager").Spec.StorageClassName != nil {
		t.Error("the claim does not leave the storage class to the cluster")
	}
	if s := get[appsv1.StatefulSet](t, rendered, "StatefulSet/gate/gozer-merger").Spec; len(s.VolumeClaimTemplates) != 0 {
		t.Error("a claim is made although there is one")
	}
}

func TestNetworkPolicies(t *testing.T) {
	for key := range render(t) {
		if strings.HasPrefix(key, "NetworkPolicy/") || strings.HasPrefix(key, "Ingress/") {
			t.Errorf("%s is rendered by default", key)
		}
	}
	rendered := render(t, "networkPolicy.enabled=true", "networkPolicy.tenantNamespaces={acme,other}")
	for _, key := range []string{"gate/gozer-manager", "gate/gozer-merger", "acme/gozer-executor", "acme/gozer-node", "other/gozer-executor", "other/gozer-node"} {
		p := get[networkingv1.NetworkPolicy](t, rendered, "NetworkPolicy/"+key)
		if len(p.Spec.PolicyTypes) == 0 || len(p.Spec.PodSelector.MatchLabels) == 0 {
			t.Errorf("%s: %+v", key, p.Spec)
		}
	}
	node := get[networkingv1.NetworkPolicy](t, rendered, "NetworkPolicy/acme/gozer-node")
	from := node.Spec.Ingress[0].From
	if len(node.Spec.Ingress) != 1 || len(from) != 1 || from[0].PodSelector.MatchLabels["gozer.dev/role"] != "executor" || from[0].NamespaceSelector != nil {
		t.Errorf("nodes answer to others than their tenant's executors: %+v", node.Spec.Ingress)
	}
	if len(get[networkingv1.NetworkPolicy](t, rendered, "NetworkPolicy/acme/gozer-executor").Spec.Ingress) != 0 {
		t.Error("executors can be reached")
	}
	if len(node.Spec.Egress) != 2 || node.Spec.Egress[1].To[0].IPBlock == nil {
		t.Errorf("nodes reach more than DNS and the ranges that are left: %+v", node.Spec.Egress)
	}
}

// TestNodesReachEachOther: those of one tenant do, in both directions, and nobody else
// comes in by that.
func TestNodesReachEachOther(t *testing.T) {
	rendered := render(t, "networkPolicy.enabled=true", "networkPolicy.tenantNamespaces={acme}", "networkPolicy.nodesReachEachOther=true")
	spec := get[networkingv1.NetworkPolicy](t, rendered, "NetworkPolicy/acme/gozer-node").Spec
	nodes := []networkingv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"gozer.dev/role": "node"}}}}
	if len(spec.Ingress) != 2 || len(spec.Egress) != 3 {
		t.Fatalf("the policy: %+v", spec)
	}
	if diff := cmp.Diff(networkingv1.NetworkPolicyIngressRule{From: nodes}, spec.Ingress[1]); diff != "" {
		t.Errorf("who comes in (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(networkingv1.NetworkPolicyEgressRule{To: nodes}, spec.Egress[1]); diff != "" {
		t.Errorf("what they reach (-want +got):\n%s", diff)
	}
}

func TestIngress(t *testing.T) {
	i := get[networkingv1.Ingress](t, render(t, "web.ingress.enabled=true", "web.externalURL=https://gozer.example.com:8443/x", "web.ingress.tlsSecret=cert"), "Ingress/gate/gozer-web")
	if i.Spec.Rules[0].Host != "gozer.example.com" || i.Spec.TLS[0].SecretName != "cert" {
		t.Errorf("%+v", i.Spec)
	}
	if _, err := template(t, "web.ingress.enabled=true"); err == nil || !strings.Contains(err.Error(), "set web.externalURL or web.ingress.host") {
		t.Errorf("an Ingress without a host: %v", err)
	}
}

func TestWrongValuesAreRefused(t *testing.T) {
	for name, tc := range map[string]struct{ set, want string }{
		"pull policy": {"image.pullPolicy=Sometimes", "pullPolicy"},
		//nolint:misspell // that is what is tried
		"misspelt":         {"manager.persistance.enabled=true", "persistance"},
		"misspelt at root": {"netwrokPolicy.enabled=true", "netwrokPolicy"},
		"URL":              {"web.externalURL=gozer.example.com", "externalURL"},
		"URL with a query": {"web.externalURL=https://g.example.com/?a", "externalURL"},
		"duration":         {"retention.items=1 day", "items"},
		"service type":     {"web.service.type=ExternalName", "type"},
		"node port":        {"web.service.nodePort=70000", "nodePort"},
		"replicas":         {"web.replicas=two", "replicas"},
		"argument":         {"manager.extraArgs={debug}", "extraArgs"},
		"image with a tag": {"image.tag=a b", "tag"},
		"namespace":        {"networkPolicy.tenantNamespaces={Acme}", "tenantNamespaces"},
		"nodes":            {"networkPolicy.nodesReachEachOther=often", "nodesReachEachOther"},
		"room on disk":     {"merger.maxDisk=much", "maxDisk"},
		"manager replicas": {"manager.replicas=2", "replicas"},
		"no merger":        {"merger.replicas=0", "replicas"},
		"one Pod":          {"onePod=true", "onePod"},
		"credentials":      {"logs.url=s3://key:secret@bucket", "url"},
		"another store":    {"logs.url=ftp://logs", "url"},
		"one Pod, spelt":   {"onePod.enable=true", "enable"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := template(t, tc.set)
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "schema") {
				t.Errorf("%s: %v", tc.set, err)
			}
		})
	}
}

// TestEveryValueIsDocumented: every section of values.yaml has a comment before it.
func TestEveryValueIsDocumented(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(moduleRoot(t), "charts/gozer/values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(data), "\n")
	for i, line := range lines {
		if line != "" && line[0] != ' ' && line[0] != '#' && i > 0 && !strings.HasPrefix(lines[i-1], "#") {
			t.Errorf("values.yaml:%d: %s has no comment", i+1, line)
		}
	}
}
