package kube

import (
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/gozer-dev/gozer/hack/cluster/internal/layout"
	"github.com/gozer-dev/gozer/hack/cluster/internal/pki"
)

// clusterDomain is the domain of the names of Services.
const clusterDomain = "cluster.local"

// client is a user of the API server that gets a kubeconfig of its own.
type client struct {
	file string // name of its kubeconfig and of its certificate
	pki.Subject
}

// clients are the users of the API server.
func clients(l layout.Layout) []client {
	return []client{
		{"admin", pki.Subject{Name: "admin", Group: "system:masters"}},
		{"coredns", pki.Subject{Name: "coredns", Group: "system:masters"}},
		{"kube-controller-manager", pki.Subject{Name: "system:kube-controller-manager"}},
		{"kube-scheduler", pki.Subject{Name: "system:kube-scheduler"}},
		{"kube-proxy", pki.Subject{Name: "system:kube-proxy"}},
		{"kubelet", pki.Subject{Name: "system:node:" + l.Name, Group: "system:nodes", Names: []string{l.Name}, IPs: ips(l.NodeIP.String())}},
	}
}

// apiserver is the name by which the API server is known to its clients.
func apiserver(l layout.Layout) pki.Subject {
	return pki.Subject{
		Name:  "kube-apiserver",
		Group: "system:masters", // it is also its identity towards the kubelet
		Names: []string{
			"localhost", l.Name, "kubernetes", "kubernetes.default", "kubernetes.default.svc",
			"kubernetes.default.svc." + clusterDomain,
		},
		IPs: ips("127.0.0.1", l.NodeIP.String(), l.APIIP.String()),
	}
}

func ips(addresses ...string) []net.IP {
	parsed := make([]net.IP, len(addresses))
	for i, address := range addresses {
		parsed[i] = net.ParseIP(address)
	}
	return parsed
}

// WriteCerts makes all certificates, keys and kubeconfigs.
func WriteCerts(l layout.Layout) error {
	dir := l.Path("pki")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	ca, err := pki.NewAuthority(l.Name)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.crt"), ca.PEM, 0o644); err != nil {
		return err
	}
	tokens, err := pki.NewSigningKey()
	if err != nil {
		return err
	}
	if err := tokens.Write(dir, "service-accounts"); err != nil {
		return err
	}
	if err := issue(ca, apiserver(l), dir, "kube-apiserver"); err != nil {
		return err
	}
	for _, c := range clients(l) {
		if err := issue(ca, c.Subject, dir, c.file); err != nil {
			return err
		}
		if err := writeKubeconfig(l, ca, c.file); err != nil {
			return err
		}
	}
	return nil
}

func issue(ca *pki.Authority, s pki.Subject, dir, name string) error {
	pair, err := ca.Issue(s)
	if err != nil {
		return err
	}
	return pair.Write(dir, name)
}

// writeKubeconfig writes the kubeconfig of a client; the admin's has everything
// in it, so that the one file may be copied elsewhere.
func writeKubeconfig(l layout.Layout, ca *pki.Authority, name string) error {
	path := l.Path("pki", name+".kubeconfig")
	if name == "admin" {
		path = l.Kubeconfig()
	}
	read := func(suffix string) []byte {
		data, err := os.ReadFile(l.Path("pki", name+suffix))
		if err != nil {
			panic(fmt.Sprintf("a file written just now is gone: %v", err))
		}
		return data
	}
	return os.WriteFile(path, kubeconfig(l, ca.PEM, read(".crt"), read(".key")), 0o600)
}
