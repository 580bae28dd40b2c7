package chart

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

const finger = "finger.enabled=true"

// TestFinger: off unless it is wanted, and then with no rights at all.
func TestFinger(t *testing.T) {
	for key := range render(t, "networkPolicy.enabled=true") {
		if strings.Contains(key, "finger") {
			t.Errorf("%s is rendered by default", key)
		}
	}
	o := render(t, finger, "networkPolicy.enabled=true", "finger.service.type=NodePort", "finger.service.nodePort=30079")
	pod := podsOf(t, o, "finger")
	checkConfined(t, pod.Spec, "gozer-finger")
	if *pod.Spec.AutomountServiceAccountToken {
		t.Error("it has a token of Kubernetes")
	}
	for key := range o {
		if strings.Contains(key, "Role") && strings.Contains(key, "finger") {
			t.Errorf("it has rights: %s", key)
		}
	}
	want := []string{"--manager-url=http://gozer-manager.gate.svc:8080", "--token-key=/etc/gozer/token/key", "--bind=:7900"}
	if diff := cmp.Diff(want, pod.Spec.Containers[0].Args); diff != "" {
		t.Error(diff)
	}
	s := get[corev1.Service](t, o, "Service/gate/gozer-finger")
	if p := s.Spec.Ports[0]; p.Port != 79 || p.TargetPort.String() != "finger" || p.NodePort != 30079 || pod.Spec.Containers[0].Ports[0].Name != "finger" {
		t.Errorf("%+v", s.Spec)
	}
	checkSelector(t, "Service finger", s.Spec.Selector, pod.Labels)
	own := get[networkingv1.NetworkPolicy](t, o, "NetworkPolicy/gate/gozer-finger").Spec
	if len(own.PolicyTypes) != 2 || len(own.Egress) != 2 || own.Egress[1].To[0].PodSelector.MatchLabels["app.kubernetes.io/component"] != "manager" {
		t.Errorf("it reaches more than the manager: %+v", own.Egress)
	}
	from := get[networkingv1.NetworkPolicy](t, o, "NetworkPolicy/gate/gozer-manager").Spec.Ingress[0].From
	if !slices.ContainsFunc(from, func(p networkingv1.NetworkPolicyPeer) bool {
		return p.PodSelector != nil && p.PodSelector.MatchLabels["app.kubernetes.io/component"] == "finger"
	}) {
		t.Errorf("the manager does not answer it: %+v", from)
	}
}

func TestFingerInOnePod(t *testing.T) {
	o := render(t, finger, onePod, "networkPolicy.enabled=true")
	if o["Deployment/gate/gozer-finger"] != nil {
		t.Error("there is a Pod of its own")
	}
	pod := podsOf(t, o, "manager")
	if !slices.Contains(pod.Spec.Containers[0].Args, "--finger-bind=:7900") {
		t.Errorf("%q", pod.Spec.Containers[0].Args)
	}
	checkSelector(t, "Service finger", get[corev1.Service](t, o, "Service/gate/gozer-finger").Spec.Selector, pod.Labels)
}
