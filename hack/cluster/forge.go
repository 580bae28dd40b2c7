package main

import (
	"context"
	"time"

	"github.com/gozer-dev/gozer/hack/cluster/internal/gitea"
	"github.com/gozer-dev/gozer/hack/cluster/internal/steps"
	"github.com/gozer-dev/gozer/hack/cluster/internal/supervise"
)

// giteaUp starts Gitea, in the cluster's network, with or without the cluster.
func giteaUp(ctx context.Context, s *session) error {
	if err := requirePrograms("git", "ip", "nsenter"); err != nil {
		return err
	}
	if err := s.requireBinaries("gitea"); err != nil {
		return err
	}
	unlock, err := s.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.ensureSupervisor(ctx); err != nil {
		return err
	}
	if err := gitea.WriteConfig(s.Layout); err != nil {
		return err
	}
	if err := s.client().Apply(ctx, gitea.Unit(s.Layout)); err != nil {
		return err
	}
	err = s.log.Await(ctx, steps.Wait{For: "Gitea", Within: time.Minute, LogFile: s.LogFile("gitea"), Probe: func(ctx context.Context) error {
		return supervise.Probe(ctx, gitea.HealthURL(s.Layout))
	}})
	if err != nil {
		return err
	}
	if err := gitea.EnsureAdmin(ctx, s.Layout); err != nil {
		return err
	}
	s.log.Done("%s (credentials: %s)", s.GiteaURL(), gitea.CredentialsFile(s.Layout))
	return nil
}

// giteaDown ends Gitea and deletes its data, and ends all when nothing else runs.
func giteaDown(ctx context.Context, s *session) error {
	unlock, err := s.lock()
	if err != nil {
		return err
	}
	defer unlock()
	id, err := s.supervisor()
	if err != nil {
		return err
	}
	if id.Alive() {
		if err := s.client().Stop(ctx, "gitea"); err != nil {
			return err
		}
		if rest, err := s.client().Statuses(ctx); err == nil && len(rest) == 0 {
			if err := s.clean(ctx); err != nil {
				return err
			}
		}
	}
	if err := gitea.Remove(s.Layout); err != nil {
		return err
	}
	s.log.Done("Gitea is down")
	return nil
}
