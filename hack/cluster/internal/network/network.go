// Package network joins the cluster's network namespace to the machine by one
// pair of devices, and tells the machine the way to Services and Pods. It
// changes no firewall rule and no setting of the machine: what it makes is gone
// when the namespace is.
package network

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/gozer-dev/gozer/hack/cluster/internal/layout"
)

// Join makes the device pair to the namespace of the process with that id.
func Join(ctx context.Context, l layout.Layout, pid int) error {
	if err := checkFree(l); err != nil {
		return err
	}
	if err := batch(ctx, nil, hostScript(l, pid)); err != nil {
		return err
	}
	enter := []string{"nsenter", "--target", strconv.Itoa(pid), "--net"}
	if err := batch(ctx, enter, nodeScript(l)); err != nil {
		return err
	}
	forward := append(enter, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
	return run(ctx, forward, "")
}

// hostScript is for "ip -batch" on the machine.
func hostScript(l layout.Layout, pid int) string {
	return fmt.Sprintf(`link add %[1]s type veth peer name eth0 netns %[2]d
addr add %[3]s/30 dev %[1]s
link set %[1]s up
route add %[4]s via %[5]s dev %[1]s
route add %[6]s via %[5]s dev %[1]s
`, l.Name, pid, l.HostIP, l.Services, l.NodeIP, l.Pods)
}

// nodeScript is for "ip -batch" in the cluster's namespace.
func nodeScript(l layout.Layout) string {
	return fmt.Sprintf(`link set lo up
addr add %s/30 dev eth0
link set eth0 up
route add default via %s dev eth0
`, l.NodeIP, l.HostIP)
}

func batch(ctx context.Context, prefix []string, script string) error {
	return run(ctx, append(prefix, "ip", "-batch", "-"), script)
}

func run(ctx context.Context, argv []string, stdin string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // all arguments are made here
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s\n%s", strings.Join(argv, " "), err, out, stdin)
	}
	return nil
}

// checkFree refuses addresses that the machine has in use already.
func checkFree(l layout.Layout) error {
	if Exists(l.Name) {
		return fmt.Errorf("a network device %s exists already: run \"down\" first, or choose another --name", l.Name)
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return err
	}
	for _, address := range addresses {
		prefix, err := netip.ParsePrefix(address.String())
		if err == nil && overlaps(l, prefix.Masked()) {
			return fmt.Errorf("this machine uses %s already: choose another --index, or a --network that it does not use", prefix)
		}
	}
	return nil
}

// overlaps says whether the cluster would take addresses of the network.
func overlaps(l layout.Layout, network netip.Prefix) bool {
	wire := netip.PrefixFrom(l.HostIP, 30).Masked()
	return network.Overlaps(wire) || network.Overlaps(l.Services) || network.Overlaps(l.Pods)
}

// Exists says whether the machine has a network device with that name.
func Exists(name string) bool {
	_, err := os.Stat("/sys/class/net/" + name)
	return err == nil
}

// AwaitGone returns when the device pair is gone, and with it the routes over
// it. The kernel removes it soon after the last process of its namespace.
func AwaitGone(ctx context.Context, name string) error {
	for deadline := time.Now().Add(5 * time.Second); Exists(name); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			return run(ctx, []string{"ip", "link", "delete", name}, "")
		}
	}
	return nil
}
