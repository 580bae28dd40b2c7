package layout

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"
)

// Options are what the caller chooses.
type Options struct {
	Name    string // of the cluster, its node, its network device and its cgroup
	Index   int    // which eighth of Network the cluster takes
	Network string // a private /16 that the machine does not use otherwise
	Dir     string // all files of the cluster
	Bin     string // where the binaries kube, coredns and gitea are
}

// MaxIndex is the greatest index of a cluster on one network.
const MaxIndex = 7

// maxDir bounds the directory's path: Unix sockets in it have paths of at most 107 bytes.
const maxDir = 64

var validName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,10}[a-z0-9]$`)

// Layout is where everything of one cluster is.
type Layout struct {
	Options
	HostIP   netip.Addr   // the machine's end of the wire
	NodeIP   netip.Addr   // the node's end: API server, DNS and Gitea listen on it
	Services netip.Prefix // ClusterIPs
	Pods     netip.Prefix // Pod addresses
	APIIP    netip.Addr   // ClusterIP of the API server: the first of Services
}

// New checks the options and derives the layout.
func New(o Options) (Layout, error) {
	if !validName.MatchString(o.Name) {
		return Layout{}, fmt.Errorf("--name %q: use 2 to 12 lower-case letters, digits and dashes, a letter first (it names a network device)", o.Name)
	}
	if o.Index < 0 || o.Index > MaxIndex {
		return Layout{}, fmt.Errorf("--index %d: use 0 to %d, another one for each cluster on this machine", o.Index, MaxIndex)
	}
	network, err := netip.ParsePrefix(o.Network)
	if err != nil || !network.Addr().Is4() || network.Bits() != 16 || network != network.Masked() {
		return Layout{}, fmt.Errorf("--network %q: use an IPv4 network of 16 bits, such as 10.213.0.0/16", o.Network)
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return Layout{}, err
	}
	if o.Bin, err = filepath.Abs(o.Bin); err != nil {
		return Layout{}, err
	}
	if err := checkDir(o.Dir); err != nil {
		return Layout{}, err
	}

	base := network.Addr().As4()
	addr := func(third, fourth int) netip.Addr {
		return netip.AddrFrom4([4]byte{base[0], base[1], byte(third), byte(fourth)})
	}
	return Layout{
		Options:  o,
		HostIP:   addr(0, 4*o.Index+1),
		NodeIP:   addr(0, 4*o.Index+2),
		Services: netip.PrefixFrom(addr(64+8*o.Index, 0), 21),
		Pods:     netip.PrefixFrom(addr(128+8*o.Index, 0), 21),
		APIIP:    addr(64+8*o.Index, 1),
	}, nil
}

// checkDir refuses directories that cannot work: see maxDir, and /run, /var/log
// and /var/lib/cni are replaced by the cluster's own where the cluster runs.
func checkDir(dir string) error {
	if len(dir) > maxDir {
		return fmt.Errorf("--dir %s: its path has %d bytes, at most %d work (it holds Unix sockets): choose a shorter one", dir, len(dir), maxDir)
	}
	for _, hidden := range []string{"/run", "/var/run", "/var/log", "/var/lib/cni", "/proc"} {
		if dir == hidden || strings.HasPrefix(dir, hidden+"/") {
			return fmt.Errorf("--dir %s: choose a directory outside %s, which the cluster replaces by its own", dir, hidden)
		}
	}
	return nil
}

// Path is a file or directory of the cluster.
func (l Layout) Path(elem ...string) string {
	return filepath.Join(append([]string{l.Dir}, elem...)...)
}

// LogFile is where the output of a program goes.
func (l Layout) LogFile(program string) string { return l.Path("logs", program+".log") }

// Kubeconfig is the file that makes its reader the cluster's admin.
func (l Layout) Kubeconfig() string { return l.Path("kubeconfig") }

// APIServer is the URL of the API server, for the machine and for Pods.
func (l Layout) APIServer() string { return "https://" + l.NodeIP.String() + ":6443" }

// GiteaURL is the URL of Gitea, for the machine and for Pods, with no slash at its end.
func (l Layout) GiteaURL() string { return "http://" + l.NodeIP.String() + ":3000" }

// ContainerdSocket is the address of containerd, where the cluster runs.
const ContainerdSocket = "/run/containerd/containerd.sock"

// HostContainerdSocket is the same socket seen from the machine.
func (l Layout) HostContainerdSocket() string { return l.Path(ContainerdSocket) }

// ControlSocket is the supervisor's.
func (l Layout) ControlSocket() string { return l.Path("supervisor.sock") }

// PIDFile names the supervisor's process.
func (l Layout) PIDFile() string { return l.Path("supervisor.pid") }
