package main

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/managerapi"
)

func TestFindIn(t *testing.T) {
	var all []gozer.Build
	add := func(name string) {
		all = append(all, gozer.Build{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: name}})
	}
	for i := range 1000 {
		add(fmt.Sprint("gate-web-", i))
	}
	add("gate-web")
	add("short")
	for prefix, want := range map[string]int{
		"gate-web-99": 11, "gate-web-1": managerapi.MaxFound + 2, "gate-we": 0, "short": 1, "shor": 0, "nothing-like-it": 0,
	} {
		if got := findIn(all, prefix); len(got) != want {
			t.Errorf("%s: %d: %v", prefix, len(got), got)
		}
	}
	exact := false
	for _, f := range findIn(all, "gate-web") {
		exact = exact || f.Name == "gate-web"
	}
	if !exact {
		t.Error("the one that is meant is left out")
	}
}
