package multicall

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	saved := os.Args
	t.Cleanup(func() { os.Args = saved })

	cases := map[string]struct {
		args     []string
		wantCode int
		wantArgs string
	}{
		"by link":           {args: []string{"/opt/bin/etcd", "--version"}, wantCode: 10, wantArgs: "/opt/bin/etcd --version"},
		"by first argument": {args: []string{"/opt/bin/kube", "kubectl", "get", "pods"}, wantCode: 11, wantArgs: "kubectl get pods"},
		"the link wins":     {args: []string{"kubectl", "etcd"}, wantCode: 11, wantArgs: "kubectl etcd"},
		"unknown program":   {args: []string{"kube", "kubeadm"}, wantCode: 2},
		"no program":        {args: []string{"kube"}, wantCode: 2},
		"no arguments":      {wantCode: 2},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var seen string
			programs := Programs{
				"etcd":    func() int { seen = strings.Join(os.Args, " "); return 10 },
				"kubectl": func() int { seen = strings.Join(os.Args, " "); return 11 },
			}
			var stderr bytes.Buffer
			if code := programs.Run(tc.args, &stderr); code != tc.wantCode {
				t.Errorf("exit code %d, want %d", code, tc.wantCode)
			}
			if seen != tc.wantArgs {
				t.Errorf("the program saw %q, want %q", seen, tc.wantArgs)
			}
			if tc.wantCode == 2 && !strings.Contains(stderr.String(), "programs: etcd, kubectl") {
				t.Errorf("the usage does not name the programs: %q", stderr.String())
			}
		})
	}
}
