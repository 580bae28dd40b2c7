package kube

import (
	"github.com/gozer-dev/gozer/hack/cluster/internal/layout"
	"github.com/gozer-dev/gozer/hack/cluster/internal/supervise"
)

const (
	etcdURL   = "http://127.0.0.1:2379"
	apiLocal  = "https://127.0.0.1:6443"
	needEtcd  = etcdURL + "/health"
	needAPI   = apiLocal + "/readyz"
	needCRI   = "unix:" + layout.ContainerdSocket
	kubeProxy = "kube-proxy"
)

// APIReady is the URL that answers 200 when the API server is ready.
func APIReady(l layout.Layout) string { return l.APIServer() + "/readyz" }

// Units are the programs of the cluster. Those that follow the API server wait
// for it, because some of them end, and are started again later, when it is not there.
func Units(l layout.Layout, containerd string) []supervise.Unit {
	return []supervise.Unit{
		{Name: "containerd", Path: containerd, Args: []string{"containerd", "--config", l.Path("etc", "containerd.toml")}},
		{Name: "etcd", Args: etcdArgs(l)},
		{Name: "kube-apiserver", Args: apiserverArgs(l), Needs: []string{needEtcd}},
		{Name: "kube-controller-manager", Args: controllerManagerArgs(l), Needs: []string{needAPI}},
		{Name: "kube-scheduler", Args: schedulerArgs(l), Needs: []string{needAPI}},
		{Name: "kubelet", Args: kubeletArgs(l), Needs: []string{needCRI, needAPI}},
		{Name: kubeProxy, Args: proxyArgs(l), Needs: []string{needAPI}},
		{
			Name: "coredns", Path: l.Bin + "/coredns", Needs: []string{needAPI},
			Args: []string{"coredns", "-conf", l.Path("etc", "Corefile")},
		},
	}
}

// Complete fills in what all units have in common.
func Complete(l layout.Layout, units []supervise.Unit) []supervise.Unit {
	for i := range units {
		u := &units[i]
		if u.Path == "" {
			u.Path = l.Bin + "/kube"
		}
		u.Log, u.Dir = l.LogFile(u.Name), l.Dir
		u.Env = append(u.Env, "HOME="+l.Dir)
	}
	return units
}

// etcdArgs: the data dies with the cluster, so it need not survive a power cut.
func etcdArgs(l layout.Layout) []string {
	return []string{
		"etcd",
		"--name=" + l.Name,
		"--data-dir=" + l.Path("etcd"),
		"--listen-client-urls=" + etcdURL,
		"--advertise-client-urls=" + etcdURL,
		"--listen-peer-urls=http://127.0.0.1:2380",
		"--initial-advertise-peer-urls=http://127.0.0.1:2380",
		"--initial-cluster=" + l.Name + "=http://127.0.0.1:2380",
		"--unsafe-no-fsync",
		"--quota-backend-bytes=4294967296",
		"--log-level=warn",
	}
}

func apiserverArgs(l layout.Layout) []string {
	pki := func(file string) string { return l.Path("pki", file) }
	return []string{
		"kube-apiserver",
		"--advertise-address=" + l.NodeIP.String(),
		"--bind-address=0.0.0.0",
		"--secure-port=6443",
		"--etcd-servers=" + etcdURL,
		"--service-cluster-ip-range=" + l.Services.String(),
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true",
		"--client-ca-file=" + pki("ca.crt"),
		"--tls-cert-file=" + pki("kube-apiserver.crt"),
		"--tls-private-key-file=" + pki("kube-apiserver.key"),
		"--kubelet-client-certificate=" + pki("kube-apiserver.crt"),
		"--kubelet-client-key=" + pki("kube-apiserver.key"),
		"--kubelet-certificate-authority=" + pki("ca.crt"),
		"--kubelet-preferred-address-types=InternalIP",
		"--service-account-issuer=https://kubernetes.default.svc." + clusterDomain,
		"--service-account-key-file=" + pki("service-accounts.crt"),
		"--service-account-signing-key-file=" + pki("service-accounts.key"),
		"--shutdown-delay-duration=0s",
		"--profiling=false",
	}
}

func controllerManagerArgs(l layout.Layout) []string {
	return []string{
		"kube-controller-manager",
		"--kubeconfig=" + l.Path("pki", "kube-controller-manager.kubeconfig"),
		"--bind-address=127.0.0.1",
		"--use-service-account-credentials",
		"--service-account-private-key-file=" + l.Path("pki", "service-accounts.key"),
		"--root-ca-file=" + l.Path("pki", "ca.crt"),
		"--leader-elect=false",
		"--allocate-node-cidrs=false",
		"--kube-api-qps=200",
		"--kube-api-burst=400",
		"--profiling=false",
	}
}

func schedulerArgs(l layout.Layout) []string {
	return []string{
		"kube-scheduler",
		"--kubeconfig=" + l.Path("pki", "kube-scheduler.kubeconfig"),
		"--bind-address=127.0.0.1",
		"--leader-elect=false",
		"--kube-api-qps=200",
		"--kube-api-burst=400",
		"--profiling=false",
	}
}

func kubeletArgs(l layout.Layout) []string {
	return []string{
		"kubelet",
		"--config=" + l.Path("etc", "kubelet.json"),
		"--kubeconfig=" + l.Path("pki", "kubelet.kubeconfig"),
		"--root-dir=" + l.Path("kubelet"),
		"--hostname-override=" + l.Name,
		"--node-ip=" + l.NodeIP.String(),
	}
}

// proxyArgs: the kernel's limits of connections belong to the whole machine and stay as they are.
func proxyArgs(l layout.Layout) []string {
	return []string{
		kubeProxy,
		"--kubeconfig=" + l.Path("pki", "kube-proxy.kubeconfig"),
		"--hostname-override=" + l.Name,
		"--proxy-mode=iptables",
		"--cluster-cidr=" + l.Pods.String(),
		"--conntrack-max-per-core=0",
		"--conntrack-min=0",
		"--iptables-min-sync-period=100ms",
		"--oom-score-adj=0",
		"--healthz-bind-address=127.0.0.1:10256",
		"--metrics-bind-address=127.0.0.1:10249",
	}
}
