// Command kube is every program of a Kubernetes node and its control plane in
// one binary: etcd, kube-apiserver, kube-controller-manager, kube-scheduler,
// kubelet, kube-proxy, and kubectl to look at it.
package main

import (
	"context"
	"maps"
	"os"

	_ "k8s.io/client-go/plugin/pkg/client/auth" // logins that kubeconfig files name
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"

	"github.com/gozer-dev/gozer/hack/kube/internal/controlplane"
	"github.com/gozer-dev/gozer/hack/kube/internal/multicall"
)

func main() {
	programs := multicall.Programs{
		"kube-controller-manager": func() int { return cli.Run(controllermanager.NewControllerManagerCommand()) },
		"kube-proxy":              func() int { return cli.Run(proxy.NewProxyCommand()) },
		"kube-scheduler":          func() int { return cli.Run(scheduler.NewSchedulerCommand()) },
		"kubelet":                 func() int { return cli.Run(kubelet.NewKubeletCommand(context.Background())) },
		"kubectl":                 kubectl,
	}
	maps.Copy(programs, controlplane.Programs())
	os.Exit(programs.Run(os.Args, os.Stderr))
}

// kubectl runs kubectl as its own main function does.
func kubectl() int {
	logs.GlogSetter(cmd.GetLogVerbosity(os.Args)) //nolint:errcheck // kubectl ignores it too: -v is read again later
	if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err)
	}
	return 0
}
