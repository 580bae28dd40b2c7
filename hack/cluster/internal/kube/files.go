package kube

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gozer-dev/gozer/hack/cluster/internal/layout"
)

// Machine is what the configuration takes from the machine.
type Machine struct {
	CNIBin      string // directory of the CNI plugins
	Snapshotter string // how containerd stacks layers: overlayfs, or native where that does not work
}

// PauseImage keeps a Pod's namespaces. It must be imported before Pods run.
const PauseImage = "docker.io/local/pause:dev"

// Files returns the configuration files by their paths.
func Files(l layout.Layout, m Machine) map[string][]byte {
	return map[string][]byte{
		l.Path("etc", "containerd.toml"):          containerdConfig(l, m),
		l.Path("etc", "cni", "10-gozer.conflist"): cniConfig(l),
		l.Path("etc", "kubelet.json"):             kubeletConfig(l),
		l.Path("etc", "Corefile"):                 corefile(l),
		l.Path("etc", "resolv.conf"):              fmt.Appendf(nil, "nameserver %s\n", l.NodeIP),
	}
}

// containerdConfig is for containerd 1.6 and later, which converts it.
func containerdConfig(l layout.Layout, m Machine) []byte {
	return fmt.Appendf(nil, `version = 2
root = %q
state = "/run/containerd/state"
oom_score = 0
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]

[grpc]
  address = %q

[plugins."io.containerd.internal.v1.opt"]
  path = %q

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %q
  # Lowering an OOM score needs CAP_SYS_RESOURCE, which root has not everywhere.
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"

  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = %q

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = %q
    conf_dir = %q
    max_conf_num = 1
`, l.Path("containerd"), layout.ContainerdSocket, l.Path("containerd", "opt"), PauseImage, m.Snapshotter, m.CNIBin, l.Path("etc", "cni"))
}

// cniConfig gives each Pod a wire of its own to the node. There is no bridge:
// packets between Pods are routed, so that Services work for Pods of one node
// whatever the machine's settings for bridges are.
func cniConfig(l layout.Layout) []byte {
	return indent(map[string]any{
		"cniVersion": "0.4.0",
		"name":       l.Name,
		"plugins": []any{
			map[string]any{
				"type": "ptp", "ipMasq": true, "mtu": 1500,
				"ipam": map[string]any{
					"type": "host-local", "dataDir": l.Path("cni", "networks"),
					"ranges": []any{[]any{map[string]any{"subnet": l.Pods.String()}}},
					"routes": []any{map[string]any{"dst": "0.0.0.0/0"}},
				},
			},
			map[string]any{"type": "portmap", "capabilities": map[string]any{"portMappings": true}},
		},
	})
}

// kubeletConfig starts Pods quickly, and never throws out a Pod or an image
// because the machine's disk, which it shares with all else, is full.
func kubeletConfig(l layout.Layout) []byte {
	return indent(map[string]any{
		"apiVersion": "kubelet.config.k8s.io/v1beta1",
		"kind":       "KubeletConfiguration",
		"authentication": map[string]any{
			"anonymous": map[string]any{"enabled": false},
			"webhook":   map[string]any{"enabled": true},
			"x509":      map[string]any{"clientCAFile": l.Path("pki", "ca.crt")},
		},
		"authorization":                 map[string]any{"mode": "Webhook"},
		"tlsCertFile":                   l.Path("pki", "kubelet.crt"),
		"tlsPrivateKeyFile":             l.Path("pki", "kubelet.key"),
		"address":                       l.NodeIP.String(),
		"healthzBindAddress":            "127.0.0.1",
		"containerRuntimeEndpoint":      "unix://" + layout.ContainerdSocket,
		"cgroupDriver":                  "cgroupfs",
		"cgroupRoot":                    "/" + l.Name,
		"failCgroupV1":                  false,
		"failSwapOn":                    false,
		"clusterDNS":                    []string{l.NodeIP.String()},
		"clusterDomain":                 clusterDomain,
		"resolvConf":                    l.Path("etc", "resolv.conf"),
		"podLogsDir":                    "/var/log/pods",
		"volumePluginDir":               l.Path("kubelet", "volume-plugins"),
		"maxPods":                       250,
		"oomScoreAdj":                   0,
		"serializeImagePulls":           false,
		"registryPullQPS":               0,
		"eventRecordQPS":                100,
		"eventBurst":                    200,
		"kubeAPIQPS":                    200,
		"kubeAPIBurst":                  400,
		"syncFrequency":                 "10s",
		"nodeStatusUpdateFrequency":     "5s",
		"imageGCHighThresholdPercent":   100,
		"imageGCLowThresholdPercent":    99,
		"localStorageCapacityIsolation": false,
		// Tests kill programs on purpose, many times in a row.
		"crashLoopBackOff": map[string]string{"maxContainerRestartPeriod": "1s"},
		"evictionHard": map[string]string{
			"imagefs.available": "0%", "imagefs.inodesFree": "0%", "nodefs.available": "0%", "nodefs.inodesFree": "0%",
			"memory.available": "100Mi",
		},
	})
}

// corefile answers for Services and refuses all other names at once: there is
// no way from the cluster to name servers outside.
func corefile(l layout.Layout) []byte {
	return fmt.Appendf(nil, `.:53 {
    bind %s
    errors
    ready %s:8181
    kubernetes %s in-addr.arpa {
        kubeconfig %s
        ttl 1
    }
}
`, l.NodeIP, l.NodeIP, clusterDomain, l.Path("pki", "coredns.kubeconfig"))
}

// kubeconfig is in JSON, which is YAML too.
func kubeconfig(l layout.Layout, ca, cert, key []byte) []byte {
	return indent(map[string]any{
		"apiVersion": "v1",
		"kind":       "Config",
		"clusters": []any{map[string]any{"name": l.Name, "cluster": map[string]any{
			"server": l.APIServer(), "certificate-authority-data": ca,
		}}},
		"users": []any{map[string]any{"name": l.Name, "user": map[string]any{
			"client-certificate-data": cert, "client-key-data": key,
		}}},
		"contexts": []any{map[string]any{"name": l.Name, "context": map[string]any{
			"cluster": l.Name, "user": l.Name,
		}}},
		"current-context": l.Name,
	})
}

func indent(v any) []byte {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(v); err != nil {
		panic(fmt.Sprintf("maps of strings are always JSON: %v", err))
	}
	return []byte(b.String())
}
