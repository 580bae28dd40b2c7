// Command testapi is etcd and kube-apiserver in one binary: what tests of
// controllers against a real API server need, and quicker to build than all
// of Kubernetes.
package main

import (
	"os"

	"github.com/gozer-dev/gozer/hack/kube/internal/controlplane"
)

func main() {
	os.Exit(controlplane.Programs().Run(os.Args, os.Stderr))
}
