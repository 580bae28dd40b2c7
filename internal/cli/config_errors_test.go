package cli

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/configsource"
	"github.com/gozer-dev/gozer/internal/confview"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/managerapi"
	"github.com/gozer-dev/gozer/internal/token"
	"github.com/gozer-dev/gozer/internal/web"
)

// TestConfigErrors: the command, the API server's proxy, the web role and the manager.
func TestConfigErrors(t *testing.T) {
	var records []confview.ErrorRecord
	for _, e := range layout.FileErrors(".zuul.yaml", configlang.Parse("- job:\n    name: unit\n    voting: maybe\n    cleanup-run: x.yaml\n")) {
		records = append(records, confview.Error(e))
	}
	key := token.NewKey()
	manager := httptest.NewServer(managerapi.New(managerapi.Options{Key: key, Log: logr.Discard(),
		ConfigErrors: func(_ context.Context, tenant string) ([]confview.ErrorRecord, error) {
			switch tenant {
			case "acme":
				return records, nil
			case "clean":
				return nil, nil
			}
			return nil, configsource.ErrNoTenant
		}}))
	t.Cleanup(manager.Close)
	pages, err := web.New(web.Options{Intake: http.NotFoundHandler(), ManagerURL: manager.URL, Key: key, Log: logr.Discard()})
	if err != nil {
		t.Fatal(err)
	}
	kube := httptest.NewServer(http.StripPrefix("/api/v1/namespaces/gozer-system/services/http:gozer-web:http/proxy", pages))
	t.Cleanup(kube.Close)
	for name, tc := range map[string]struct {
		tenant string
		args   []string
		code   int
		want   []string
	}{
		"all": {"acme", nil, 1, []string{
			"error: .zuul.yaml:3:13: this must be true or false, not a string (job unit)\n", "    3 |     voting: maybe\n      |             ^^^^^\n",
			"warning: .zuul.yaml:4:18: [Cleanup Run Deprecation] ", "1 error, 1 warning\n"}},
		"json lines":   {"acme", []string{"-o", "jsonl"}, 1, []string{`"severity":"error","name":"Unknown","stanza":"job","item":"unit"`}},
		"clean":        {"clean", nil, 0, []string{"0 errors, 0 warnings\n"}},
		"no tenant":    {"nobody", nil, 1, []string{"there is no such tenant"}},
		"wrong format": {"acme", []string{"-o", "xml"}, 2, []string{"--output is text or jsonl"}},
		"too much":     {"acme", []string{"x"}, 2, []string{"is too much"}},
	} {
		t.Run(name, func(t *testing.T) {
			e, out := cluster(t)
			e.namespace = tc.tenant
			if e.proxy, err = proxyOf(&rest.Config{Host: kube.URL}); err != nil { //nolint:bodyclose // it makes a client
				t.Fatal(err)
			}
			code := run(t.Context(), e, append([]string{"gozerctl", "config", "errors", "-n", tc.tenant}, tc.args...))
			if code != tc.code {
				t.Errorf("exit code %d, want %d", code, tc.code)
			}
			for _, want := range tc.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("no %q in:\n%s", want, out)
				}
			}
		})
	}
}
