package nodeagent

import (
	"archive/tar"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func tarOf(entries ...tar.Header) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range entries {
		body := []byte("evil")
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(body))
		}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if err := w.WriteHeader(&h); err != nil {
			panic(err)
		}
		if h.Typeflag == tar.TypeReg {
			_, _ = w.Write(body)
		}
	}
	_ = w.Close()
	return b.Bytes()
}

func link(name, target string) tar.Header {
	return tar.Header{Name: name, Linkname: target, Typeflag: tar.TypeSymlink}
}

func reg(name string) tar.Header { return tar.Header{Name: name} }
func dir(name string) tar.Header { return tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: 0o755} }

var hostile = map[string]struct {
	entries []tar.Header
	want    error
}{
	"parent":                     {[]tar.Header{reg("../evil")}, errEscapes},
	"parent in the middle":       {[]tar.Header{reg("a/../../evil")}, errEscapes},
	"absolute":                   {[]tar.Header{reg("/evil")}, errEscapes},
	"the directory itself":       {[]tar.Header{reg(".")}, errEscapes},
	"through a link out":         {[]tar.Header{link("l", ".."), reg("l/evil")}, errThrough},
	"through an absolute link":   {[]tar.Header{link("l", "/tmp"), reg("l/evil")}, errThrough},
	"through a link inside":      {[]tar.Header{dir("d"), link("l", "d"), reg("l/evil")}, errThrough},
	"directory over a link":      {[]tar.Header{link("l", ".."), dir("l"), reg("l/evil")}, errThrough},
	"link in place of directory": {[]tar.Header{dir("d"), link("d", ".."), reg("d/evil")}, errThrough},
	"link below a link":          {[]tar.Header{link("l", ".."), link("l/m", "x")}, errThrough},
	"file over a directory":      {[]tar.Header{reg("d/f"), reg("d")}, nil},
	"hard link":                  {[]tar.Header{{Name: "h", Linkname: "/etc/passwd", Typeflag: tar.TypeLink}}, errKind},
	"device":                     {[]tar.Header{{Name: "dev", Typeflag: tar.TypeChar}}, errKind},
	"fifo":                       {[]tar.Header{{Name: "fifo", Typeflag: tar.TypeFifo}}, errKind},
}

func TestUnpackRefuses(t *testing.T) {
	for name, tc := range hostile {
		t.Run(name, func(t *testing.T) {
			outside := t.TempDir()
			err := Unpack(bytes.NewReader(tarOf(tc.entries...)), filepath.Join(outside, "in"))
			if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("err = %v, want %v", err, tc.want)
			}
			onlyIn(t, outside)
		})
	}
}

// onlyIn checks that nothing but "in" came to be in dir.
func onlyIn(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "in" {
			t.Errorf("%s came to be outside", e.Name())
		}
	}
}

func TestUnpack(t *testing.T) {
	dirPath := filepath.Join(t.TempDir(), "made", "home")
	mod := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	in := tarOf(
		tar.Header{Name: "src/", Typeflag: tar.TypeDir, Mode: 0o500, ModTime: mod},
		tar.Header{Name: "src/run.sh", Mode: 0o4755, ModTime: mod},
		reg("no/directory/entry"),
		link("src/link", "../../../etc/passwd"),
		link("src/replaced", "/etc/passwd"),
		reg("src/replaced"),
		reg("src/run2"), reg("src/run2"),
	)
	for range 2 { // again over what is there
		if err := Unpack(bytes.NewReader(in), dirPath); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]string{}
	err := filepath.WalkDir(dirPath, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		fi, err := d.Info()
		rel, _ := filepath.Rel(dirPath, p)
		got[rel] = fi.Mode().String()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"src/run.sh": "-rwxr-xr-x", "no/directory/entry": "-rw-r--r--", "src/link": "Lrwxrwxrwx",
		"src/replaced": "-rw-r--r--", "src/run2": "-rw-r--r--",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, name := range []string{"src", "src/run.sh"} {
		if fi, err := os.Stat(filepath.Join(dirPath, name)); err != nil || !fi.ModTime().Equal(mod) {
			t.Errorf("%s: %v, %v", name, fi.ModTime(), err)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	for _, tc := range hostile {
		f.Add(tarOf(tc.entries...))
	}
	f.Add([]byte("no tar"))
	f.Fuzz(func(t *testing.T, b []byte) {
		outside := t.TempDir()
		_ = Unpack(bytes.NewReader(b), filepath.Join(outside, "in"))
		onlyIn(t, outside)
	})
}

func TestInstall(t *testing.T) {
	d := t.TempDir()
	for range 2 {
		if err := Install(d); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(d, "gozer"))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	fi, err := os.Stat(filepath.Join(d, "gozer"))
	if err != nil || fi.Mode() != 0o755 {
		t.Errorf("%v, %v", fi, err)
	}
	if entries, _ := os.ReadDir(d); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}
