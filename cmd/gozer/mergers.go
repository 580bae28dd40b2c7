package main

import (
	"time"

	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/gozer-dev/gozer/internal/identity"
	"github.com/gozer-dev/gozer/internal/merger"
)

// mergersOf is what the manager has merges made by: the replicas, when they are
// listed, else whoever answers at the URL.
func mergersOf(url string, replicas []string, self *identity.Identity) (merger.Merger, error) {
	if len(replicas) == 0 {
		return merger.NewClient(url, self)
	}
	clients, err := mergerClients(replicas, self)
	if err != nil {
		return nil, err
	}
	var all []merger.Replica
	for _, c := range clients {
		all = append(all, merger.Replica{Name: c.Name(), Merger: c})
	}
	r := merger.NewRouter(all, time.Now)
	return r, r.Register(metrics.Registry)
}

func mergerClients(urls []string, self *identity.Identity) ([]*merger.Client, error) {
	var all []*merger.Client
	for _, u := range urls {
		c, err := merger.NewClient(u, self)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// peersOf are the replicas that a merger is one of; none when it is alone.
func peersOf(urls []string, self *identity.Identity) (*merger.Peers, error) {
	if len(urls) == 0 {
		return nil, nil
	}
	clients, err := mergerClients(urls, self)
	return merger.NewPeers(clients, time.Now), err
}
