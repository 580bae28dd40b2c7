package kube

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/gozer-dev/gozer/hack/cluster/internal/layout"
)

// API asks the API server a few things as the cluster's admin.
type API struct {
	layout layout.Layout
	http   *http.Client
}

// NewAPI needs the certificates that WriteCerts has written.
func NewAPI(l layout.Layout) (*API, error) {
	pair, err := tls.LoadX509KeyPair(l.Path("pki", "admin.crt"), l.Path("pki", "admin.key"))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(l.Path("pki", "ca.crt"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	transport := &http.Transport{TLSClientConfig: &tls.Config{
		Certificates: []tls.Certificate{pair}, RootCAs: roots, MinVersion: tls.VersionTLS12,
	}}
	return &API{layout: l, http: &http.Client{Transport: transport, Timeout: 5 * time.Second}}, nil
}

// Ready says why the API server is not ready; nil when it is.
func (a *API) Ready(ctx context.Context) error {
	return a.get(ctx, "/readyz", nil)
}

// NodeReady says why the node is not ready; nil when it is.
func (a *API) NodeReady(ctx context.Context) error {
	var node struct {
		Status struct {
			Conditions []struct{ Type, Status, Message string }
		}
	}
	if err := a.get(ctx, "/api/v1/nodes/"+a.layout.Name, &node); err != nil {
		return err
	}
	for _, c := range node.Status.Conditions {
		if c.Type == "Ready" {
			if c.Status == "True" {
				return nil
			}
			return fmt.Errorf("the node is not ready: %s", c.Message)
		}
	}
	return fmt.Errorf("the node has no Ready condition yet")
}

// AcceptsPods says why Pods cannot be created yet: the controllers make the
// default service account that each Pod has.
func (a *API) AcceptsPods(ctx context.Context) error {
	return a.get(ctx, "/api/v1/namespaces/default/serviceaccounts/default", nil)
}

func (a *API) get(ctx context.Context, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.layout.APIServer()+path, nil)
	if err != nil {
		return err
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", path, resp.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(into)
}
