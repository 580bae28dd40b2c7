package cli

import (
	"bytes"
	"context"
	"crypto/rsa"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/gozer-dev/gozer/internal/secretcrypt"
)

const testKeys = "../secretcrypt/testdata/"

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// stdin gives the command something to read.
func stdin(t *testing.T, text string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "stdin")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stdin
	os.Stdin = f
	t.Cleanup(func() { os.Stdin = before; f.Close() })
}

// encrypt runs the command; keys come from the test's key.
func encrypt(t *testing.T, in string, args ...string) (code int, out, errs string, paths []string) {
	t.Helper()
	stdin(t, in)
	e, _ := cluster(t)
	var o, w bytes.Buffer
	e.Out, e.Err = &o, &w
	e.proxy = func(_ context.Context, path string) (*http.Response, error) {
		paths = append(paths, path)
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(read(t, testKeys+"public.pem")))}, nil
	}
	code = run(t.Context(), e, append([]string{"gozerctl", "encrypt"}, args...))
	return code, o.String(), w.String(), paths
}

// decrypted is the secret that was printed, in plain.
func decrypted(t *testing.T, text string) (name string, data map[string]string) {
	t.Helper()
	var secrets []struct {
		Secret struct {
			Name string
			Data map[string]yaml.Node
		}
	}
	if err := yaml.Unmarshal([]byte(text), &secrets); err != nil || len(secrets) != 1 {
		t.Fatalf("%v in\n%s", err, text)
	}
	data = map[string]string{}
	for field, node := range secrets[0].Secret.Data {
		var chunks []string
		if err := node.Decode(&chunks); err != nil || node.Tag != secretcrypt.Tag {
			t.Fatalf("%s %v in\n%s", node.Tag, err, text)
		}
		plain, err := secretcrypt.Decrypt(testKey(t), chunks)
		if err != nil {
			t.Fatal(err)
		}
		data[field] = string(plain)
	}
	return secrets[0].Secret.Name, data
}

func testKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	k, err := secretcrypt.ParsePrivateKey(read(t, testKeys+"private.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestEncrypt(t *testing.T) {
	const base = "/api/v1/namespaces/gozer-system/services/http:gozer-web:http/proxy/api/tenant/"
	file := filepath.Join(t.TempDir(), "value")
	if err := os.WriteFile(file, []byte(" hunter2 \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("€uro ", 1000)
	for name, tc := range map[string]struct {
		in        string
		args      []string
		secret    string
		field     string
		want      string
		path, err string
	}{
		"from a pipe":       {in: "hunter2\n", args: []string{"--project", "acme/web", "-n", "acme"}, want: "hunter2", path: base + "acme/key/acme/web.pub"},
		"with a dash":       {in: "hunter2\n", args: []string{"--project", "acme/web", "-n", "acme", "--infile", "-", "--outfile", "-"}, want: "hunter2", path: base + "acme/key/acme/web.pub"},
		"--tenant":          {in: "hunter2", args: []string{"--project", "git.example.com/acme/web", "--tenant", "acme"}, want: "hunter2", path: base + "acme/key/git.example.com/acme/web.pub"},
		"both the same":     {in: "hunter2", args: []string{"--project", "acme/web", "--tenant", "acme", "-n", "acme"}, want: "hunter2", path: base + "acme/key/acme/web.pub"},
		"another namespace": {in: "hunter2", args: []string{"--project", "a/b", "-n", "acme", "--operator-namespace", "g"}, want: "hunter2", path: "/api/v1/namespaces/g/services/http:gozer-web:http/proxy/api/tenant/acme/key/a/b.pub"},
		"names":             {in: "hunter2", args: []string{"--public-key", testKeys + "public.pem", "--secret-name", "registry", "--field-name", "pass word"}, secret: "registry", field: "pass word", want: "hunter2"},
		"a key in PKCS#1":   {in: "hunter2", args: []string{"--public-key", testKeys + "public.pkcs1.pem"}, want: "hunter2"},
		"the file's key":    {in: "hunter2", args: []string{"--public-key", testKeys + "public.pem", "--project", "acme/web", "--tenant", "acme"}, want: "hunter2"},
		"stripped":          {in: " \t\r\n hunter2 \n\n", args: []string{"--public-key", testKeys + "public.pem"}, want: "hunter2"},
		"not stripped":      {in: " hunter2\n", args: []string{"--public-key", testKeys + "public.pem", "--no-strip"}, want: " hunter2\n"},
		"spaces only":       {in: " \n", args: []string{"--public-key", testKeys + "public.pem", "--no-strip"}, want: " \n"},
		"a file":            {args: []string{"--public-key", testKeys + "public.pem", "--infile", file}, want: " hunter2 \n", err: "note: the value has white space around it, as the file has, for instance a newline at its end; standard input leaves it out\n"},
		"a key from a pipe": {in: "BEGIN\nEND\n", args: []string{"--public-key", testKeys + "public.pem"}, want: "BEGIN\nEND", err: "note: the value has several lines, and the white space around them was left out; --no-strip or --infile keeps it\n"},
		"a key from a file": {args: []string{"--public-key", testKeys + "public.pem", "--infile", testKeys + "plain.txt", "--no-strip"}, want: string(read(t, testKeys+"plain.txt")), err: "note: the value has white space around it, as the file has, for instance a newline at its end; standard input leaves it out\n"},
		"long":              {in: long, args: []string{"--public-key", testKeys + "public.pem", "--no-strip"}, want: long},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs, paths := encrypt(t, tc.in, tc.args...)
			if code != 0 {
				t.Fatalf("exit code %d: %s", code, errs)
			}
			if tc.secret == "" {
				tc.secret, tc.field = "<name>", "<fieldname>"
			}
			secret, data := decrypted(t, out)
			if diff := cmp.Diff(map[string]string{tc.field: tc.want}, data); diff != "" || secret != tc.secret {
				t.Errorf("%s: %s", secret, diff)
			}
			if diff := cmp.Diff(tc.err, errs); diff != "" {
				t.Error(diff)
			}
			if got := strings.Join(paths, " "); got != tc.path {
				t.Errorf("asked for %s, want %s", got, tc.path)
			}
			if strings.Contains(out+errs, "hunter2") {
				t.Errorf("the value is shown:\n%s%s", out, errs)
			}
		})
	}
}

// TestEncryptGolden: all but the encrypted bytes is as it always is.
func TestEncryptGolden(t *testing.T) {
	out := filepath.Join(t.TempDir(), "secret.yaml")
	code, printed, errs, _ := encrypt(t, "hunter2", "--public-key", testKeys+"public.pem", "--secret-name", "registry", "--field-name", "password", "--outfile", out)
	if code != 0 || printed != "" || errs != "" {
		t.Fatalf("exit code %d: %s%s", code, printed, errs)
	}
	want := "- secret:\n    name: registry\n    data:\n      password: !encrypted/pkcs1-oaep\n        - " + strings.Repeat(strings.Repeat("x", 69)+"\n          ", 9) + strings.Repeat("x", 63) + "\n"
	lines := strings.SplitAfter(string(read(t, out)), "\n")
	for i, line := range lines {
		if i > 3 && line != "" {
			text := strings.TrimRight(line, "\n")
			lines[i] = text[:10] + strings.Repeat("x", len(text)-10) + "\n"
		}
	}
	if diff := cmp.Diff(want, strings.Join(lines, "")); diff != "" {
		t.Error(diff)
	}
	if _, data := decrypted(t, string(read(t, out))); data["password"] != "hunter2" {
		t.Error("it is not what was encrypted")
	}
}

func TestEncryptErrors(t *testing.T) {
	key := []string{"--public-key", testKeys + "public.pem"}
	for name, tc := range map[string]struct {
		in   string
		args []string
		code int
		want string
	}{
		"no key":              {"hunter2", nil, 2, "say whose key with --project, or give the key with --public-key"},
		"an argument":         {"", append(key, "hunter2!"), 2, "is too much: this command takes flags only"},
		"two tenants":         {"hunter2", []string{"--project", "a/b", "-n", "acme", "--tenant", "other"}, 2, "--tenant other and -n acme are not the same"},
		"no project":          {"hunter2", []string{"--project", "a b"}, 2, `"a b" is not a project`},
		"an escaping project": {"hunter2", []string{"--project", "a/%2e%2e/b"}, 2, "is not a project"},
		"a project with ?":    {"hunter2", []string{"--project", "a/b?c"}, 2, "is not a project"},
		"a bad name":          {"hunter2", append(key, "--secret-name", "a\nb"), 2, "--secret-name must be a name"},
		"an empty field":      {"hunter2", append(key, "--field-name", ""), 2, "--field-name must be a name"},
		"empty":               {"", key, 1, "there is nothing to encrypt"},
		"only white space":    {" \n\t", key, 1, "there is nothing to encrypt"},
		"not text":            {"hunter2\xff", key, 1, "is not UTF-8 text"},
		"too long":            {strings.Repeat("hunter2 ", 1<<16+1), key, 1, "has more than 524288 bytes"},
		"no such file":        {"", append(key, "--infile", "/no/such/file"), 1, "cannot read the value: open /no/such/file"},
		"a directory":         {"", append(key, "--infile", "."), 1, "cannot read the value"},
		"no such key":         {"hunter2", []string{"--public-key", "/no/such/key"}, 1, "cannot read the public key: open /no/such/key"},
		"a private key":       {"hunter2", []string{"--public-key", testKeys + "private.pem"}, 1, "private.pem: this is a private key"},
		"nowhere to write":    {"hunter2", append(key, "--outfile", "/no/such/file"), 1, "open /no/such/file"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs, _ := encrypt(t, tc.in, tc.args...)
			if code != tc.code || !strings.Contains(errs, tc.want) || out != "" {
				t.Errorf("exit code %d: %s%s", code, out, errs)
			}
			if strings.Contains(errs, "hunter2") && tc.in != "" {
				t.Errorf("the value is shown: %s", errs)
			}
		})
	}
}

// TestEncryptOffline: with a key at hand no cluster is needed.
func TestEncryptOffline(t *testing.T) {
	stdin(t, "hunter2")
	t.Setenv("KUBECONFIG", "/no/such/file")
	var out, errs bytes.Buffer
	code := Main(t.Context(), []string{"gozerctl", "encrypt", "--public-key", testKeys + "public.pem"}, Streams{Out: &out, Err: &errs})
	if code != 0 || errs.String() != "" {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	if _, data := decrypted(t, out.String()); data["<fieldname>"] != "hunter2" {
		t.Error("it is not what was encrypted")
	}
}
