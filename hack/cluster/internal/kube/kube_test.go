package kube

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gozer-dev/gozer/hack/cluster/internal/layout"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func example(t *testing.T, dir string) layout.Layout {
	t.Helper()
	l, err := layout.New(layout.Options{Name: "gozer-demo", Network: "10.213.0.0/16", Dir: dir, Bin: "/src/.build/bin"})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestGolden shows every configuration file and command line as they are written.
func TestGolden(t *testing.T) {
	l := example(t, "/src/.build/cluster")
	got := map[string][]byte{}
	for path, data := range Files(l, Machine{CNIBin: "/usr/lib/cni", Snapshotter: "overlayfs"}) {
		got[filepath.Base(path)] = data
	}
	var commands strings.Builder
	for _, u := range Complete(l, Units(l, "/usr/bin/containerd")) {
		commands.WriteString(u.Path + "\n  " + strings.Join(u.Args, "\n  ") + "\n  needs " + strings.Join(u.Needs, ", ") + "\n")
	}
	got["commands.txt"] = []byte(commands.String())

	for name, data := range got {
		golden := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(golden, data, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if string(data) != string(want) {
			t.Errorf("%s differs from its golden file; if that is meant, run: go test ./internal/kube -update\n%s", name, data)
		}
	}
}

func TestAPIServerIsKnownByAllItsNames(t *testing.T) {
	s := apiserver(example(t, "/src/.build/cluster"))
	all := strings.Join(s.Names, " ")
	for _, ip := range s.IPs {
		all += " " + ip.String()
	}
	for _, want := range []string{"localhost", "kubernetes.default.svc.cluster.local", "127.0.0.1", "10.213.0.2", "10.213.64.1"} {
		if !strings.Contains(all, want) {
			t.Errorf("the certificate is not for %s: %s", want, all)
		}
	}
}

func TestWriteCerts(t *testing.T) {
	dir, err := os.MkdirTemp("", "kube")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l := example(t, dir)
	if err := WriteCerts(l); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(l.Kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Clusters []struct {
			Cluster struct {
				Server string
				CA     []byte `json:"certificate-authority-data"`
			}
		}
	}
	if err := json.Unmarshal(data, &config); err != nil {
		t.Fatal(err)
	}
	if c := config.Clusters[0].Cluster; c.Server != "https://10.213.0.2:6443" || !strings.HasPrefix(string(c.CA), "-----BEGIN CERTIFICATE") {
		t.Errorf("unexpected cluster %+v", c)
	}
	for _, c := range clients(l)[1:] {
		if _, err := os.Stat(l.Path("pki", c.file+".kubeconfig")); err != nil {
			t.Error(err)
		}
	}
}
