package cli

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
)

func TestEncryptKeyRefused(t *testing.T) {
	status := func(message string) string {
		return `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"` + message + `"}`
	}
	for name, tc := range map[string]struct {
		code int
		body string
		want string
	}{
		"unknown project": {404, "tenant acme has no project \"acme/web\"\n", `there is no such key: tenant acme has no project "acme/web"`},
		"no service":      {404, status(`services \"gozer-web\" not found`), `gozer-web does not answer: services "gozer-web" not found; is Gozer in the namespace gozer-system?`},
		"no Pod":          {503, status("no endpoints available"), "gozer-web does not answer: no endpoints available; is Gozer"},
		"forbidden":       {403, status("alice cannot get services/proxy"), "you may not ask gozer-web: alice cannot get services/proxy; it takes a role that may get services/proxy in gozer-system; or let"},
		"manager away":    {502, "the manager cannot be asked now; try again in a moment\n", "gozer-web answers Bad Gateway: the manager cannot be asked now"},
		"a web page":      {200, "<html>log in</html>", "gozer-web does not answer with a key: this is no key in PEM"},
		"hostile":         {404, "\x1b[31mred", "there is no such key: [31mred"},
	} {
		t.Run(name, func(t *testing.T) {
			stdin(t, "hunter2")
			e, out := cluster(t)
			e.proxy, _ = logServer(answer(tc.code, "", tc.body, false))
			code := run(t.Context(), e, []string{"gozerctl", "encrypt", "-n", "acme", "--project", "acme/web"})
			if code != 1 || !strings.HasPrefix(out.String(), "error: "+tc.want) || strings.Contains(out.String(), "\x1b") {
				t.Errorf("exit code %d: %s", code, out)
			}
		})
	}
	t.Run("broken off", func(t *testing.T) {
		e, out := cluster(t)
		e.proxy, _ = logServer(answer(200, "", "-----BEGIN", true))
		if code := run(t.Context(), e, []string{"gozerctl", "encrypt", "-n", "acme", "--project", "acme/web"}); code != 1 || !strings.Contains(out.String(), "cannot read the key") {
			t.Errorf("exit code %d: %s", code, out)
		}
	})
	t.Run("unreachable", func(t *testing.T) {
		e, out := cluster(t)
		e.proxy = func(context.Context, string) (*http.Response, error) { return nil, errors.New("no route") }
		if code := run(t.Context(), e, []string{"gozerctl", "encrypt", "-n", "acme", "--project", "acme/web"}); code != 1 || !strings.Contains(out.String(), "cannot reach gozer-web: no route") {
			t.Errorf("exit code %d: %s", code, out)
		}
	})
}
