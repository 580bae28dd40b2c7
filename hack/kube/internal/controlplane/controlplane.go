// Package controlplane has the two programs that an API server needs: etcd and
// kube-apiserver. Both binaries of this module are built on it: the small one,
// for tests of controllers, holds nothing else.
package controlplane

import (
	"os"
	_ "time/tzdata" // time zones of CronJobs

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"          // --logging-format=json
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // metrics of the client
	_ "k8s.io/component-base/metrics/prometheus/version"  // metric of the version
	"k8s.io/kubernetes/cmd/kube-apiserver/app"

	"github.com/gozer-dev/gozer/hack/kube/internal/multicall"
)

// Programs are etcd and kube-apiserver.
func Programs() multicall.Programs {
	return multicall.Programs{
		"etcd":           etcd,
		"kube-apiserver": func() int { return cli.Run(app.NewAPIServerCommand()) },
	}
}

// etcd runs etcd, which ends the process itself when it fails.
func etcd() int {
	etcdmain.Main(os.Args)
	return 0
}
