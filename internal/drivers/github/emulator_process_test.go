//go:build emulator

package github

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// emulatorFolder names the environment variable that says where the emulator is.
const emulatorFolder = "GOZER_GITHUB_EMULATOR"

// emulator is a GitHub that others wrote, npm's emulate, in a process of its own.
// What it answers wrongly, or has not, is said where a test meets it.
type emulator struct {
	addr string
	http http.Transport
}

// startEmulator starts an emulator that has what the seed says, and ends it with the
// test.
func startEmulator(t *testing.T, seed map[string]any) *emulator {
	t.Helper()
	dir := emulatorHome(t, seed)
	e := &emulator{addr: freePort(t)}
	_, port, _ := net.SplitHostPort(e.addr)
	// Strangers' code: Node lets it read its own folder, write nothing, and start nothing.
	cmd := exec.Command(filepath.Join(dir, "node"), "--permission", "--allow-fs-read="+dir+"/",
		"node_modules/emulate/dist/index.js", "start", "--service", "github", "--port", port, "--seed", seedName, "--base-url", "https://"+webHost)
	cmd.Dir, cmd.Env = dir, []string{"PATH=" + dir, "HOME=" + dir}
	// A group of its own, to be ended as a whole; and it ends with us, however we end.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Credential: nobody()}
	var said bytes.Buffer // to be read when it has ended
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatalf("the emulator does not start: %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		e.http.CloseIdleConnections()
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Errorf("the emulator (process %d) cannot be ended: %v", cmd.Process.Pid, err)
		}
		<-ended
		if t.Failed() {
			t.Logf("the emulator said:\n%s", said.String())
		}
	})
	eventually(t, "the emulator answers", func() error {
		select {
		case err := <-ended:
			t.Fatalf("the emulator ended: %v", err)
		default:
		}
		return e.call(t.Context(), "", http.MethodGet, "/rate_limit", nil, nil)
	})
	return e
}

// Names in the emulator's folder, and of the GitHub that it plays.
const (
	seedName = "seed.json"
	webHost  = "github.com"
	apiHost  = "api.github.com"
)

// emulatorHome is a copy of the emulator, with its seed, that whoever runs it may read:
// the folder that make filled may lie where nobody else may enter.
func emulatorHome(t *testing.T, seed map[string]any) string {
	t.Helper()
	from := os.Getenv(emulatorFolder)
	if from == "" {
		t.Fatalf("the emulator is not there: run `make test-emulator` (or set %s)", emulatorFolder)
	}
	dir, err := os.MkdirTemp("", "gozer-emulator-") //nolint:usetesting // t.TempDir lies in a folder that nobody else may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatalf("the emulator cannot be copied: %v; run `make test-emulator`", err)
	}
	text, err := json.Marshal(seed)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, seedName), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := giveAway(dir, nobody()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// nobody runs strangers' code where we are root; else it runs as we do.
func nobody() *syscall.Credential {
	if os.Geteuid() != 0 {
		return nil
	}
	const id = 65534
	return &syscall.Credential{Uid: id, Gid: id}
}

func giveAway(dir string, to *syscall.Credential) error {
	if to == nil {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, int(to.Uid), int(to.Gid)))
	})
}

// freePort of the loopback interface: the emulator takes no 0.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// patience is how long is waited for what the emulator does by itself.
const patience = 30 * time.Second

// eventually asks again until there is no error, and fails with the last one.
func eventually(t *testing.T, what string, ask func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		err := ask()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within %s: %v", what, patience, err)
		case <-again.C:
		}
	}
}

// RoundTrip sends the driver's requests, which are meant for GitHub, to the emulator,
// and nothing to anybody else.
func (e *emulator) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" || r.URL.Host != apiHost {
		return nil, fmt.Errorf("%s is asked, which is not GitHub's API", r.URL)
	}
	to := r.Clone(r.Context())
	to.URL.Scheme, to.URL.Host = "http", e.addr
	resp, err := e.http.RoundTrip(to)
	if err != nil {
		return nil, err
	}
	resp.Request = r
	if resp.StatusCode == http.StatusNotFound && r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/status") {
		return noStatuses(resp), nil
	}
	return resp, nil
}

// noStatuses is what GitHub answers for a commit that nobody set a status on. The
// emulator has no commit statuses, and without this one answer no change is read by
// REST; everything else of a change is the emulator's own.
func noStatuses(resp *http.Response) *http.Response {
	resp.Body.Close()
	out := *resp
	out.Status, out.StatusCode, out.ContentLength = "200 OK", http.StatusOK, -1
	out.Body = io.NopCloser(strings.NewReader(`{"state":"pending","statuses":[],"total_count":0}`))
	return &out
}

// call asks the emulator's API as somebody: what people do on GitHub's pages.
func (e *emulator) call(ctx context.Context, who, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://"+e.addr+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if who != "" {
		r.Header.Set("Authorization", "Bearer "+tokenOf(who))
	}
	resp, err := e.http.RoundTrip(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, answer)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

// tokenOf a person, as the seed has it.
func tokenOf(who string) string { return "token-of-" + who }

// do is call for what must work.
func (e *emulator) do(t *testing.T, who, method, path string, in, out any) {
	t.Helper()
	if err := e.call(t.Context(), who, method, path, in, out); err != nil {
		t.Fatalf("%s does: %v", who, err)
	}
}

// newKey of an App, as the PEM file that GitHub gives.
func newKey(t *testing.T) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
}
