package story

import (
	"context"
	"fmt"
	"time"

	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Stage is a forge and a cluster on which the story can be played. Setting it
// again changes nothing that is as it should be.
type Stage struct {
	Settings
	People
	Kube      client.WithWatch
	Clientset kubernetes.Interface
}

// Step is told before and after each part of a longer undertaking.
type Step func(name string, do func() error) error

// Quietly is a Step that tells nobody.
func Quietly(name string, do func() error) error {
	if err := do(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// Set sets the stage.
func Set(ctx context.Context, s Settings, step Step) (*Stage, error) {
	st := &Stage{Settings: s}
	if err := st.connect(); err != nil {
		return nil, err
	}
	for _, part := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"users and repositories on " + s.Forge.URL, st.setForge},
		{"helm install gozer", st.install},
		{"kubectl apply of Connection, NodePool, Tenant", st.apply},
		{"configuration in force", st.awaitReady},
		{"webhooks", st.setHooks},
		{"the first webhook arrives", st.awaitWebhook},
	} {
		if err := step(part.name, func() error { return part.do(ctx) }); err != nil {
			return nil, err
		}
	}
	return st, nil
}

// awaitWebhook waits until the web service can be reached by the way that
// webhooks take: rules of a Service take a moment to be in force.
func (st *Stage) awaitWebhook(ctx context.Context) error {
	return Await(ctx, 30*time.Second, "the web service at "+st.WebURL, func(ctx context.Context) (bool, string, error) {
		code, _, err := get(ctx, st.WebURL+"/healthz")
		return code == 200, fmt.Sprintf("it answers %d", code), err
	})
}
