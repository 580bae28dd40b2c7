package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gozer-dev/gozer/internal/finger"
	"github.com/gozer-dev/gozer/internal/logfollow"
	"github.com/gozer-dev/gozer/internal/managerapi"
	"github.com/gozer-dev/gozer/internal/token"
)

func fingerCommand() *cobra.Command {
	var f webFlags
	c := &cobra.Command{
		Use: "finger", Short: "Show logs of builds to finger BUILD@HOST", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runFinger(c.Context(), f) },
	}
	f.installation.add(c.Flags())
	c.Flags().StringVar(&f.managerURL, "manager-url", "http://gozer-manager:8080", "the manager, which has the logs")
	c.Flags().StringVar(&f.bind, "bind", ":7900", "address to listen on; finger asks port 79")
	return c
}

func runFinger(ctx context.Context, f webFlags) error {
	in, err := f.installation.open()
	if err != nil {
		return err
	}
	return serveFinger(ctx, in, f.managerURL, f.bind)
}

func serveFinger(ctx context.Context, in installation, managerURL, bind string) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", bind)
	if err != nil {
		return fmt.Errorf("finger at %s: %w", bind, err)
	}
	return fingerServer(in, managerURL).Serve(ctx, l)
}

// What the logs take that are followed by finger; its Pod is small.
const (
	fingerFeeds = 48
	fingerRings = 8 << 20
)

func fingerServer(in installation, managerURL string) *finger.Server {
	return &finger.Server{Log: in.log, Hub: &logfollow.Hub{MaxFeeds: fingerFeeds, MaxRings: fingerRings, Source: &logfollow.Source{
		URL: strings.TrimRight(managerURL, "/"), Bearer: "Bearer " + in.key.For(token.Internal, managerapi.Role),
		Transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			ResponseHeaderTimeout: 20 * time.Second,
			MaxIdleConnsPerHost:   16,
			ReadBufferSize:        64 << 10, // what comes of a log goes on to its followers in as few parts
			IdleConnTimeout:       time.Minute,
		},
	}}}
}
