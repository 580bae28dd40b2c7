package gitea

import (
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/gozer-dev/gozer/hack/cluster/internal/layout"
)

var update = flag.Bool("update", false, "rewrite the golden file")

func TestConfig(t *testing.T) {
	l, err := layout.New(layout.Options{Name: "gozer-demo", Network: "10.213.0.0/16", Dir: "/src/.build/cluster", Bin: "/src/.build/bin"})
	if err != nil {
		t.Fatal(err)
	}
	got := Config(l, "root")
	golden := filepath.Join("testdata", "app.ini")
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("the configuration differs; if that is meant, run: go test ./internal/gitea -update\n%s", got)
	}
}

func TestCreateToken(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if r.URL.Path != "/api/v1/users/gozer-admin/tokens" || user != Admin || password != "secret" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(map[string]string{"sha1": "abc"})
	}))
	defer server.Close()

	token, err := createToken(t.Context(), Credentials{URL: server.URL, User: Admin, Password: "secret"})
	if err != nil || token != "abc" {
		t.Errorf("got %q, %v", token, err)
	}
	if _, err := createToken(t.Context(), Credentials{URL: server.URL, User: Admin, Password: "wrong"}); err == nil {
		t.Error("a refusal is no error")
	}
}
