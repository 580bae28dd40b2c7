package layout

import (
	"fmt"
	"strings"
	"testing"
)

func good() Options {
	return Options{Name: "gozer-demo", Network: "10.213.0.0/16", Dir: "/src/.build/cluster", Bin: "/src/.build/bin"}
}

func TestNew(t *testing.T) {
	cases := map[int]string{
		0: "10.213.0.1 10.213.0.2 10.213.64.0/21 10.213.128.0/21 10.213.64.1",
		1: "10.213.0.5 10.213.0.6 10.213.72.0/21 10.213.136.0/21 10.213.72.1",
		7: "10.213.0.29 10.213.0.30 10.213.120.0/21 10.213.184.0/21 10.213.120.1",
	}
	for index, want := range cases {
		o := good()
		o.Index = index
		l, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(l.HostIP, l.NodeIP, l.Services, l.Pods, l.APIIP); got != want {
			t.Errorf("index %d: got %s, want %s", index, got, want)
		}
	}
}

func TestClustersDoNotOverlap(t *testing.T) {
	for i := 0; i <= MaxIndex; i++ {
		for j := 0; j < i; j++ {
			oi, oj := good(), good()
			oi.Index, oj.Index = i, j
			a, _ := New(oi)
			b, _ := New(oj)
			if a.Pods.Overlaps(b.Pods) || a.Services.Overlaps(b.Services) || a.Pods.Overlaps(b.Services) || a.NodeIP == b.NodeIP {
				t.Errorf("clusters %d and %d overlap", i, j)
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	cases := map[string]struct {
		change func(*Options)
		want   string
	}{
		"long name":       {func(o *Options) { o.Name = "a-name-too-long" }, "--name"},
		"name with slash": {func(o *Options) { o.Name = "../x" }, "--name"},
		"index":           {func(o *Options) { o.Index = 8 }, "--index 8"},
		"narrow network":  {func(o *Options) { o.Network = "10.0.0.0/24" }, "--network"},
		"host bits":       {func(o *Options) { o.Network = "10.213.1.0/16" }, "--network"},
		"IPv6":            {func(o *Options) { o.Network = "fd00::/16" }, "--network"},
		"long path":       {func(o *Options) { o.Dir = "/" + strings.Repeat("x", 70) }, "shorter"},
		"hidden path":     {func(o *Options) { o.Dir = "/run/x" }, "outside /run"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			o := good()
			tc.change(&o)
			if _, err := New(o); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}
