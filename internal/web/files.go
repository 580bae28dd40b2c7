package web

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"github.com/gozer-dev/gozer/internal/logstore"
	"github.com/gozer-dev/gozer/internal/managerapi"
)

//go:embed files.html
var filesHTML string

var filesPage = template.Must(template.New("files").Parse(filesHTML))

// pageFiles is how many files the page of a build names.
const pageFiles = 50

// fileList is what a build left behind, as pages show it.
type fileList struct {
	Files []fileView
	// Link is where all are; More says that some are left out, of All.
	Link string
	More bool
	All  int
	// Missing says why there are none.
	Missing string
}

type fileView struct{ Name, Link, Size string }

// fileList asks the manager; links begin with base. At most so many are shown, 0 is all.
func (s *server) fileList(ctx context.Context, path, base string, most int) fileList {
	var found logstore.Files
	err := s.get(ctx, path+"/", &found)
	switch {
	case errors.Is(err, managerapi.ErrNotFound):
		return fileList{Missing: "There are no files."}
	case err != nil:
		return fileList{Missing: "The files cannot be listed now."}
	}
	return filesOf(found.Files, base, most)
}

func filesOf(files []logstore.File, base string, most int) fileList {
	out := fileList{Link: base, All: len(files)}
	for i, f := range files {
		if i == most && most > 0 {
			out.More = true
			break
		}
		out.Files = append(out.Files, fileView{Name: f.Name, Link: base + escapePath(f.Name), Size: sizeOf(f.Size)})
	}
	return out
}

// escapePath writes a name with its slashes as part of a link that is relative.
func escapePath(name string) string {
	parts := strings.Split(name, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}

// sizeOf is a size for people.
func sizeOf(n int64) string {
	size, units := float64(n), []string{"B", "KiB", "MiB", "GiB"}
	for size >= 1024 && len(units) > 1 {
		size, units = size/1024, units[1:]
	}
	if units[0] == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", size, units[0])
}

// listing is a page of all files.
func (s *server) listing(w http.ResponseWriter, r *http.Request, path string) {
	var found logstore.Files
	err := s.get(r.Context(), path+"/", &found)
	if errors.Is(err, managerapi.ErrNotFound) {
		http.Error(w, "there are no files: the build has not begun, or it is older than files are kept", http.StatusNotFound)
		return
	}
	if err != nil {
		s.log.Error(err, "Cannot list files", "path", path)
		http.Error(w, unreachable, http.StatusBadGateway)
		return
	}
	base := "./"
	if r.PathValue("attempt") == "" {
		base = fmt.Sprintf("./%d/", found.Attempt)
	}
	w.Header().Set("Vary", "Accept")
	s.render(w, filesPage, struct {
		fileList
		Style                template.CSS
		Build, Tenant, Title string
	}{filesOf(found.Files, base, 0), template.CSS(styleCSS), r.PathValue("build"), r.PathValue("namespace"), //nolint:gosec // our own file
		fmt.Sprintf("attempt %d", found.Attempt)})
}
