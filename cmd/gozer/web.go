package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/hosts"
	"github.com/gozer-dev/gozer/internal/intake"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/web"
)

type webFlags struct {
	installation     installationFlags
	managerURL, bind string
}

func webCommand() *cobra.Command {
	var f webFlags
	c := &cobra.Command{
		Use: "web", Short: "Take webhooks in and show pages", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runWeb(c.Context(), f) },
	}
	f.installation.add(c.Flags())
	c.Flags().StringVar(&f.managerURL, "manager-url", "http://gozer-manager:8080", "the manager, which keeps logs and history")
	c.Flags().StringVar(&f.bind, "bind", ":8080", "address to listen on")
	return c
}

func runWeb(ctx context.Context, f webFlags) error {
	in, err := f.installation.open()
	if err != nil {
		return err
	}
	h, err := webHandler(in, f.managerURL)
	if err != nil {
		return err
	}
	return serve(ctx, f.bind, h, in.log)
}

func webHandler(in installation, managerURL string) (http.Handler, error) {
	api, err := plainClient()
	if err != nil {
		return nil, err
	}
	return web.New(web.Options{
		Intake: &intake.Handler{
			Connections: &hosts.Registry{Reader: api, Namespace: in.namespace, Now: time.Now},
			Store:       eventStore{api, in.namespace}, Log: logf.Log.WithName("intake"), Now: time.Now,
		},
		ManagerURL: managerURL, Key: in.key, Log: logf.Log.WithName("web"),
	})
}

// eventStore makes events durable as TriggerEvents.
type eventStore struct {
	client    client.Client
	namespace string
}

// Save implements intake.Store.
func (s eventStore) Save(ctx context.Context, e model.TriggerEvent, delivery string) error {
	obj := convert.TriggerEventObject(s.namespace, e, delivery)
	if err := s.client.Create(ctx, obj); client.IgnoreAlreadyExists(err) != nil {
		return fmt.Errorf("TriggerEvent %s: %w", e.Name, err)
	}
	return nil
}
