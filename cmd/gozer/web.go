package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/hosts"
	"github.com/gozer-dev/gozer/internal/intake"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/token"
	"github.com/gozer-dev/gozer/internal/web"
)

type webFlags struct {
	namespace, managerURL, tokenKey, bind string
}

func webCommand() *cobra.Command {
	var f webFlags
	c := &cobra.Command{
		Use: "web", Short: "Take webhooks in and show pages", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runWeb(c.Context(), f) },
	}
	c.Flags().StringVar(&f.namespace, "namespace", "gozer-system", "the operator's namespace, where Connections and TriggerEvents are")
	c.Flags().StringVar(&f.managerURL, "manager-url", "http://gozer-manager:8080", "the manager, which keeps logs and history")
	c.Flags().StringVar(&f.tokenKey, "token-key", "/etc/gozer/token/key", "file with the installation's key")
	c.Flags().StringVar(&f.bind, "bind", ":8080", "address to listen on")
	return c
}

func runWeb(ctx context.Context, f webFlags) error {
	log := logger()
	key, err := token.ReadKey(f.tokenKey)
	if err != nil {
		return err
	}
	api, err := plainClient()
	if err != nil {
		return err
	}
	h, err := web.New(web.Options{
		Intake: &intake.Handler{
			Connections: &hosts.Registry{Reader: api, Namespace: f.namespace, Now: time.Now},
			Store:       eventStore{api, f.namespace}, Log: logf.Log.WithName("intake"), Now: time.Now,
		},
		ManagerURL: f.managerURL, Key: key, Log: logf.Log.WithName("web"),
	})
	if err != nil {
		return err
	}
	return serve(ctx, f.bind, h, log)
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
