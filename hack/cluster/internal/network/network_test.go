package network

import (
	"net/netip"
	"testing"

	"github.com/gozer-dev/gozer/hack/cluster/internal/layout"
)

func example(t *testing.T) layout.Layout {
	t.Helper()
	l, err := layout.New(layout.Options{Name: "gozer-demo", Network: "10.213.0.0/16", Dir: "/src/.build/cluster", Bin: "/src/.build/bin"})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestScripts(t *testing.T) {
	const host = `link add gozer-demo type veth peer name eth0 netns 42
addr add 10.213.0.1/30 dev gozer-demo
link set gozer-demo up
route add 10.213.64.0/21 via 10.213.0.2 dev gozer-demo
route add 10.213.128.0/21 via 10.213.0.2 dev gozer-demo
`
	if got := hostScript(example(t), 42); got != host {
		t.Errorf("on the machine:\n%s", got)
	}
	const node = `link set lo up
addr add 10.213.0.2/30 dev eth0
link set eth0 up
route add default via 10.213.0.1 dev eth0
`
	if got := nodeScript(example(t)); got != node {
		t.Errorf("in the namespace:\n%s", got)
	}
}

func TestOverlaps(t *testing.T) {
	cases := map[string]bool{
		"192.0.2.0/24":   false,
		"10.213.0.4/30":  false, // the next cluster's wire
		"10.213.0.0/30":  true,
		"10.213.64.0/21": true,
		"10.0.0.0/8":     true,
		"fd00::/64":      false,
	}
	for network, want := range cases {
		if got := overlaps(example(t), netip.MustParsePrefix(network)); got != want {
			t.Errorf("%s: got %v", network, got)
		}
	}
}
