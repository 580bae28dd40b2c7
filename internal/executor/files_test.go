package executor

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
)

// files are those that the manager has, but the log.
func (w *world) files() map[string]string {
	w.t.Helper()
	all, err := w.kept.List(w.t.Context(), w.logKey())
	if err != nil {
		w.t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range all {
		r, err := w.kept.Open(w.t.Context(), w.logKey(), f.Name, 0)
		if err != nil {
			w.t.Fatal(err)
		}
		b, _ := io.ReadAll(r)
		r.Close()
		out[f.Name] = string(b)
	}
	return out
}

// TestFilesOfScripts: what scripts put into logs/ is kept; links are not
// followed, and the manager may be away for a while.
func TestFilesOfScripts(t *testing.T) {
	w := newWorld(t)
	w.project(map[string]file{
		"t": script(`cd "$GOZER_LOG_DIR"; mkdir sub; echo one >'a b?.txt'; echo two >sub/x; : >empty; ln -s /etc/passwd link; mkfifo pipe; ln -s /etc sub/etc; exit 1` + "\n"),
		"p": script(`echo three >"$GOZER_LOG_DIR/post"; echo mine >"$GOZER_LOG_DIR/job-output.txt"` + "\n"),
	})
	w.spec.Run, w.spec.PostRun = w.playbooks("t"), w.playbooks("p")
	w.out.after("RUN END", func() { w.logAway.Store(12) })
	out, log := w.run()
	if out.Result != model.Failure || !strings.Contains(log, "Files kept: 4") {
		t.Errorf("%+v\n%s", out, log)
	}
	want := map[string]string{"a b?.txt": "one\n", "sub/x": "two\n", "empty": "", "post": "three\n"}
	if diff := cmp.Diff(want, w.files()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestFilesThatAreRefused: the build goes on, and people read what is missing.
func TestFilesThatAreRefused(t *testing.T) {
	w := newWorld(t)
	w.project(map[string]file{"t": script(`echo x >"$GOZER_LOG_DIR/good"; echo x >"$GOZER_LOG_DIR/bad\name"; truncate -s 101M "$GOZER_LOG_DIR/large"` + "\n")})
	w.spec.Run = w.playbooks("t")
	out, log := w.run()
	if out.Result != model.Success {
		t.Errorf("%+v", out)
	}
	for _, want := range []string{"Files kept: 1", `Not kept: "bad\\name": not the name of a file that can be kept`, `Not kept: "large": it has more than 104857600 bytes`} {
		if !strings.Contains(log, want) {
			t.Errorf("%q is not in:\n%s", want, log)
		}
	}
	if diff := cmp.Diff(map[string]string{"good": "x\n"}, w.files()); diff != "" {
		t.Error(diff)
	}
}

func TestLeftDir(t *testing.T) {
	dir := t.TempDir()
	for _, err := range []error{
		os.MkdirAll(filepath.Join(dir, "logs", "sub"), 0o755), os.WriteFile(filepath.Join(dir, "secret"), []byte("s"), 0o600),
		os.WriteFile(filepath.Join(dir, "logs", "sub", "a"), []byte("a"), 0o600), os.Symlink("../secret", filepath.Join(dir, "logs", "link")),
		os.Symlink("sub/a", filepath.Join(dir, "logs", "inner")), unix.Mkfifo(filepath.Join(dir, "logs", "pipe"), 0o600),
		os.Symlink("logs", filepath.Join(dir, "other")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"logs": "sub/a", "other": "", "none": "", "secret": ""} {
		var l left
		if err := l.addDir(t.Context(), dir, name); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range l.files {
			got = append(got, f.name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, left out %q", name, got, l.out)
		}
	}
	// A file that a link has replaced since is not opened.
	var l left
	if err := l.addDir(t.Context(), dir, "logs"); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "logs", "sub", "a")
	for _, err := range []error{os.Remove(file), os.Symlink("../../secret", file)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if f, err := l.files[0].open(); err == nil {
		f.Close()
		t.Error("a link was followed")
	}
}

// TestLeftTar: a node may send whatever it likes.
func TestLeftTar(t *testing.T) {
	var stream bytes.Buffer
	w := tar.NewWriter(&stream)
	add := func(h tar.Header, body string) {
		h.Size = int64(len(body))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(w, body)
	}
	add(tar.Header{Name: "good"}, "1")
	add(tar.Header{Name: "good"}, "2")
	add(tar.Header{Name: "good/below"}, "3")
	add(tar.Header{Name: "../out"}, "4")
	add(tar.Header{Name: "/abs"}, "5")
	add(tar.Header{Name: "a/../../b"}, "6")
	add(tar.Header{Name: buildspec.LogName}, "7")
	add(tar.Header{Name: "new\nline"}, "8")
	add(tar.Header{Name: "link", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, "")
	add(tar.Header{Name: "hard", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"}, "")
	add(tar.Header{Name: "last"}, "9")
	var l left
	dir := t.TempDir()
	if err := l.addTar(&stream, dir); err != nil {
		t.Error(err)
	}
	var got []string
	for _, f := range l.files {
		r, err := f.open()
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(r)
		r.Close()
		got = append(got, f.name+"="+string(b))
	}
	if diff := cmp.Diff([]string{"good=1", "last=9"}, got); diff != "" {
		t.Errorf("%s; left out %q", diff, l.out)
	}
}

func TestBoundsOfFiles(t *testing.T) {
	var l left
	for i := range buildspec.MaxFiles + 5 {
		if name := fmt.Sprint("f", i); l.fits(name, 1) {
			l.add(name, 1, nil)
		}
	}
	if len(l.files) != buildspec.MaxFiles || len(l.out) != 5 || l.more != 0 {
		t.Errorf("%d files, %d left out", len(l.files), len(l.out))
	}
	l = left{}
	for i := range 4 {
		if name := fmt.Sprint("f", i); l.fits(name, buildspec.MaxFileBytes-10) {
			l.add(name, buildspec.MaxFileBytes-10, nil)
		}
	}
	if len(l.files) != 2 || l.total > buildspec.MaxFilesBytes {
		t.Errorf("%d files of %d bytes", len(l.files), l.total)
	}
}

// TestFolderOfMillions: no more is looked at, and remembered, than people can be told of.
func TestFolderOfMillions(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "logs", "z"), 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range maxVisited {
		if err := os.Symlink("nowhere", filepath.Join(dir, "logs", fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	var l left
	if err := l.addDir(t.Context(), dir, "logs"); !errors.Is(err, errTooMany) {
		t.Errorf("error %v", err)
	}
	if len(l.out) != shownOut || len(l.out)+l.more < maxVisited-1 || l.visited != maxVisited+1 {
		t.Errorf("%d, and %d more, of %d", len(l.out), l.more, l.visited)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l = left{}
	if err := l.addDir(ctx, dir, "logs"); !errors.Is(err, context.Canceled) || l.visited > 1 {
		t.Errorf("given up: %v after %d", err, l.visited)
	}
}

// TestFolderWithoutAnEnd: nothing is kept below a name that is too long, so
// nobody goes there.
func TestFolderWithoutAnEnd(t *testing.T) {
	dir := t.TempDir()
	deep := filepath.Join(dir, "logs", strings.Repeat("d/", 400))
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	var l left
	if err := l.addDir(t.Context(), dir, "logs"); err != nil || l.visited > 300 || len(l.out) != 1 {
		t.Errorf("%v, %d, %q", err, l.visited, l.out)
	}
}
