package main

import (
	"context"
	"net/http"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/gozer-dev/gozer/internal/hosts"
	"github.com/gozer-dev/gozer/internal/intake"
	"github.com/gozer-dev/gozer/internal/web"
)

type webFlags struct {
	installation     installationFlags
	managerURL, bind string
	pages            pageFlags
}

// pageFlags are what the role is asked for by people.
type pageFlags struct {
	origins  []string
	maxOfOne int
}

func (f *pageFlags) add(fs *pflag.FlagSet) {
	fs.StringSliceVar(&f.origins, "origin", nil, "hosts whose pages may open console streams, besides the host that is asked; * stands for anything")
	fs.IntVar(&f.maxOfOne, "followers-per-address", 100, "how many logs one address may follow at once; below 0 is no limit")
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
	f.pages.add(c.Flags())
	return c
}

func runWeb(ctx context.Context, f webFlags) error {
	in, err := f.installation.open()
	if err != nil {
		return err
	}
	h, err := webHandler(in, f.managerURL, f.pages)
	if err != nil {
		return err
	}
	return serve(ctx, f.bind, h, in.log)
}

func webHandler(in installation, managerURL string, f pageFlags) (http.Handler, error) {
	api, err := plainClient()
	if err != nil {
		return nil, err
	}
	return web.New(web.Options{
		Intake: &intake.Handler{
			Connections: &hosts.Registry{Reader: api, Namespace: in.namespace, Now: time.Now},
			Store:       intake.Cluster{Client: api, Namespace: in.namespace}, Log: logf.Log.WithName("intake"), Now: time.Now,
		},
		ManagerURL: managerURL, Origins: f.origins, MaxOfOne: f.maxOfOne, Key: in.key, Log: logf.Log.WithName("web"),
	})
}
