package chart

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
)

const threeURLs = "https://gozer-merger-0.gozer-merger-peers.gate.svc:8080,https://gozer-merger-1.gozer-merger-peers.gate.svc:8080,https://gozer-merger-2.gozer-merger-peers.gate.svc:8080"

func argument(t *testing.T, o objects, role, name string) string {
	t.Helper()
	for _, a := range podsOf(t, o, role).Spec.Containers[0].Args {
		if v, ok := strings.CutPrefix(a, "--"+name+"="); ok {
			return v
		}
	}
	return ""
}

// TestReplicasOfTheMerger: manager and mergers know the same names, and the
// names are those that Kubernetes gives the Pods.
func TestReplicasOfTheMerger(t *testing.T) {
	for name, tc := range map[string]struct {
		set  []string
		n    int32
		urls string
	}{
		"one":   {nil, 1, ""},
		"three": {[]string{"merger.replicas=3"}, 3, threeURLs},
	} {
		t.Run(name, func(t *testing.T) {
			o := render(t, tc.set...)
			if diff := cmp.Diff([]string{tc.urls, tc.urls}, []string{argument(t, o, "manager", "merger-replicas"), argument(t, o, "merger", "peers")}); diff != "" {
				t.Error(diff)
			}
			s := get[appsv1.StatefulSet](t, o, "StatefulSet/gate/gozer-merger")
			if *s.Spec.Replicas != tc.n || s.Spec.ServiceName != "gozer-merger-peers" || s.Spec.PodManagementPolicy != appsv1.ParallelPodManagement {
				t.Errorf("%+v", s.Spec)
			}
			checkSelector(t, "the StatefulSet", s.Spec.Selector.MatchLabels, s.Spec.Template.Labels)
			names := get[corev1.Service](t, o, "Service/gate/gozer-merger-peers")
			if names.Spec.ClusterIP != corev1.ClusterIPNone {
				t.Errorf("the replicas have no names: %+v", names.Spec)
			}
			checkSelector(t, "the headless Service", names.Spec.Selector, s.Spec.Template.Labels)
			many := tc.n > 1
			if (o["PodDisruptionBudget/gate/gozer-merger"] != nil) != many || (len(s.Spec.Template.Spec.TopologySpreadConstraints) > 0) != many {
				t.Errorf("disruption budget %v, spread %v", o["PodDisruptionBudget/gate/gozer-merger"], s.Spec.Template.Spec.TopologySpreadConstraints)
			}
			if many {
				checkAvailability(t, o, s.Spec.Template)
			}
		})
	}
}

func checkAvailability(t *testing.T, o objects, pods corev1.PodTemplateSpec) {
	t.Helper()
	b := get[policyv1.PodDisruptionBudget](t, o, "PodDisruptionBudget/gate/gozer-merger")
	if b.Spec.MaxUnavailable.IntValue() != 1 {
		t.Errorf("%+v", b.Spec)
	}
	checkSelector(t, "the disruption budget", b.Spec.Selector.MatchLabels, pods.Labels)
	c := pods.Spec.TopologySpreadConstraints[0]
	if c.TopologyKey != corev1.LabelHostname || c.WhenUnsatisfiable != corev1.ScheduleAnyway {
		t.Errorf("%+v", c)
	}
	checkSelector(t, "the spread", c.LabelSelector.MatchLabels, pods.Labels)
}

// TestVolumesOfReplicas: each has its own, and an upgrade does not change the
// template, which Kubernetes would refuse.
func TestVolumesOfReplicas(t *testing.T) {
	o := render(t, "merger.replicas=2", "merger.persistence.enabled=true", "merger.persistence.storageClass=fast")
	s := get[appsv1.StatefulSet](t, o, "StatefulSet/gate/gozer-merger").Spec
	if len(s.VolumeClaimTemplates) != 1 || s.VolumeClaimTemplates[0].Name != "data" || *s.VolumeClaimTemplates[0].Spec.StorageClassName != "fast" {
		t.Fatalf("%+v", s.VolumeClaimTemplates)
	}
	for _, v := range s.Template.Spec.Volumes {
		if v.Name == "data" {
			t.Errorf("the Pods have %+v instead", v)
		}
	}
	want := map[string]string{"app.kubernetes.io/name": "gozer", "app.kubernetes.io/component": "merger"}
	if diff := cmp.Diff(want, s.VolumeClaimTemplates[0].Labels); diff != "" {
		t.Errorf("labels that may change with the version: %s", diff)
	}
	if p := s.PersistentVolumeClaimRetentionPolicy; p.WhenDeleted != appsv1.RetainPersistentVolumeClaimRetentionPolicyType || p.WhenScaled != appsv1.DeletePersistentVolumeClaimRetentionPolicyType {
		t.Errorf("%+v", p)
	}
	_, err := template(t, "merger.replicas=2", "merger.persistence.enabled=true", "merger.persistence.existingClaim=mirrors")
	if err == nil || !strings.Contains(err.Error(), "leave it empty when merger.replicas is more than 1") {
		t.Errorf("two replicas with one volume: %v", err)
	}
}

// TestReplicasReachOneAnother: git is served through any of them.
func TestReplicasReachOneAnother(t *testing.T) {
	p := get[networkingv1.NetworkPolicy](t, render(t, "networkPolicy.enabled=true"), "NetworkPolicy/gate/gozer-merger")
	var from []string
	for _, peer := range p.Spec.Ingress[0].From {
		if peer.NamespaceSelector == nil {
			from = append(from, peer.PodSelector.MatchLabels["app.kubernetes.io/component"])
		}
	}
	if diff := cmp.Diff([]string{"manager", "merger"}, from); diff != "" {
		t.Error(diff)
	}
}
