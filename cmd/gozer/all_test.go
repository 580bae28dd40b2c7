package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/gozer-dev/gozer/internal/gitrepo"
	"github.com/gozer-dev/gozer/internal/identity"
	"github.com/gozer-dev/gozer/internal/token"
)

// TestFlagsOfAll: what can be set for the roles can be set here, but for their
// other replicas and for what one process has once.
func TestFlagsOfAll(t *testing.T) {
	all := allCommand().Flags()
	var missing []string
	for _, role := range []*pflag.FlagSet{managerCommand().Flags(), mergerCommand().Flags(), webCommand().Flags()} {
		role.VisitAll(func(f *pflag.Flag) {
			if all.Lookup(f.Name) == nil {
				missing = append(missing, f.Name)
			}
		})
	}
	if diff := cmp.Diff([]string{"merger-replicas", "bind", "peers", "bind"}, missing); diff != "" {
		t.Error(diff)
	}
	at := map[string]string{}
	all.VisitAll(func(f *pflag.Flag) {
		if strings.HasSuffix(f.Name, "bind") || strings.HasSuffix(f.Name, "data-dir") {
			if other, ok := at[f.DefValue]; ok {
				t.Errorf("--%s and --%s are both %s", f.Name, other, f.DefValue)
			}
			at[f.DefValue] = f.Name
		}
	})
}

func TestOwnURL(t *testing.T) {
	for bind, want := range map[string]string{
		":8080":          "http://localhost:8080",
		"0.0.0.0:8080":   "http://localhost:8080",
		"[::]:80":        "http://localhost:80",
		"127.0.0.1:8080": "http://127.0.0.1:8080",
		"[fd00::1]:8080": "http://[fd00::1]:8080",
	} {
		if got, err := ownURL(bind); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", bind, got, err, want)
		}
	}
	if _, err := ownURL("8080"); err == nil || !strings.Contains(err.Error(), "--api-bind=8080 is not an address like :8080") {
		t.Error(err)
	}
}

// onFreePorts are the flags of a process with data of its own.
func onFreePorts(t *testing.T) allFlags {
	t.Helper()
	var f allFlags
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.add(fs)
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, token.NewKey(), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"--image=gozer", "--ansible-image=gozer-ansible", "--token-key=" + key, "--data-dir=" + t.TempDir(), "--merger-data-dir=" + t.TempDir()}
	for _, name := range []string{"api-bind", "health-bind", "metrics-bind", "merger-bind", "web-bind"} {
		l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is closed when all have theirs, so that no two are the same
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		args = append(args, "--"+name+"="+l.Addr().String())
	}
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestAll runs the three roles against a real API server and asks each.
func TestAll(t *testing.T) {
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		assets, _ = filepath.Abs("../../.build/envtest")
	}
	server := &envtest.Environment{CRDDirectoryPaths: []string{"../../config/crd"}, ErrorIfCRDPathMissing: true, BinaryAssetsDirectory: assets}
	if _, err := server.Start(); err != nil {
		t.Fatalf("no API server (%v); `make envtest` builds it, and KUBEBUILDER_ASSETS says where it is", err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	useKubeconfig(t, server.KubeConfig)
	f := onFreePorts(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- runAll(ctx, f, metrics.Registry) }()
	awaitAnswer(t, "http://"+f.manager.healthBind+"/readyz", ended)

	key, err := token.ReadKey(f.installation.tokenKey)
	if err != nil {
		t.Fatal(err)
	}
	self, err := identity.New(key, identity.Manager, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		url  string
		tls  *tls.Config
		code int
		want []string
	}{
		"numbers of manager and merger": {"http://" + f.manager.metricsBind + "/metrics", nil, 200, []string{"controller_runtime_max_concurrent_reconciles", "gozer_merger_merges_total 0"}},
		"the merger":                    {"https://" + f.mergerBind + "/healthz", self.Client(identity.Merger), 200, []string{"ok"}},
		"web asks the manager":          {"http://" + f.webBind + "/api/builds", nil, 200, []string{"[]"}},
		"others do not":                 {"http://" + f.manager.apiBind + "/api/builds", nil, 401, nil},
	} {
		t.Run(name, func(t *testing.T) {
			// Controllers begin, and count, when their caches are full: some time after it is ready.
			wrong := ""
			for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); <-time.After(50 * time.Millisecond) {
				code, body := ask(t, tc.url, tc.tls)
				missing := slices.DeleteFunc(slices.Clone(tc.want), func(w string) bool { return strings.Contains(body, w) })
				if wrong = ""; code == tc.code && len(missing) == 0 {
					break
				}
				wrong = fmt.Sprintf("%d, without %q: %s", code, missing, body)
			}
			if wrong != "" {
				t.Error(wrong)
			}
		})
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("a signal ended it with %v", err)
	}
	nothingIsLeft(t, f)
}

// TestAllEndsWithItsParts: an API server that fails is the manager's affair, and ends all.
func TestAllEndsWithItsParts(t *testing.T) {
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "broken", http.StatusForbidden) }))
	t.Cleanup(broken.Close)
	useKubeconfig(t, fmt.Appendf(nil, `{"clusters": [{"name": "c", "cluster": {"server": %q}}], "contexts": [{"name": "x", "context": {"cluster": "c"}}], "current-context": "x"}`, broken.URL))
	f := onFreePorts(t)
	if err := runAll(t.Context(), f, prometheus.NewRegistry()); err == nil {
		t.Error("it ended without an error")
	}
	nothingIsLeft(t, f)
}

func nothingIsLeft(t *testing.T, f allFlags) {
	t.Helper()
	for _, at := range []string{f.manager.apiBind, f.mergerBind, f.webBind} {
		if c, err := net.Dial("tcp", at); err == nil { //nolint:noctx // it is this machine
			_ = c.Close()
			t.Errorf("%s answers still", at)
		}
	}
	store, err := gitrepo.NewStore(gitrepo.Options{Root: filepath.Join(f.mergerDataDir, "mirrors")})
	if err != nil {
		t.Fatal(err)
	}
	_ = store.Close()
}

func useKubeconfig(t *testing.T, content []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", path)
}

// awaitAnswer asks until the answer is yes, or all has ended.
func awaitAnswer(t *testing.T, url string, ended <-chan error) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(time.Minute); ; {
		select {
		case err := <-ended:
			t.Fatalf("it ended: %v", err)
		case <-deadline:
			t.Fatalf("%s does not answer", url)
		case <-tick.C:
			if code, _ := ask(t, url, nil); code == http.StatusOK {
				return
			}
		}
	}
}

// ask gives code 0 when nobody answers.
func ask(t *testing.T, url string, config *tls.Config) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
	resp, err := c.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}
