package logstore

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gozer-dev/gozer/internal/buildspec"
)

// slowestFile is how long one file may take to come.
const slowestFile = 5 * time.Minute

// put takes a file of an attempt that still runs.
func (s *Server) put(w http.ResponseWriter, r *http.Request) {
	k, ok := s.writer(w, r)
	if !ok {
		return
	}
	if r.ContentLength < 0 {
		http.Error(w, "the size of the file must be said before it comes", http.StatusLengthRequired)
		return
	}
	if final, err := s.isFinal(r.Context(), k); err == nil && final {
		http.Error(w, ErrFinal.Error(), http.StatusGone)
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(slowestFile))
	err := s.archive().Put(r.Context(), k, r.PathValue("name"), r.ContentLength, r.Body)
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, buildspec.ErrFileName):
		http.Error(w, err.Error(), http.StatusBadRequest)
	case errors.Is(err, ErrTooMuch):
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
	case errors.Is(err, ErrNotFound):
		http.Error(w, "files are not kept here", http.StatusNotFound)
	default:
		http.Error(w, "the file cannot be kept now; try again", http.StatusServiceUnavailable)
	}
}

// isFinal: once its log has ended, an attempt is what it is.
func (s *Server) isFinal(ctx context.Context, k Key) (bool, error) {
	info, err := s.stat(ctx, k)
	return info.Final, err
}

// file serves one file, or says which there are.
func (s *Server) file(w http.ResponseWriter, r *http.Request) {
	k, ok := s.reader(w, r)
	if !ok {
		return
	}
	name := r.PathValue("name")
	if name == "" {
		s.list(w, r, k)
		return
	}
	if err := buildspec.CheckFileName(name); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if name == buildspec.LogName && s.liveLog(w, r, k) {
		return
	}
	f, err := s.archive().Stat(r.Context(), k, name)
	if errors.Is(err, ErrNotFound) {
		http.Error(w, "no such file: the build did not leave it, or it is older than files are kept", http.StatusNotFound)
		return
	}
	if err != nil {
		http.Error(w, "the file cannot be read now; try again", http.StatusServiceUnavailable)
		return
	}
	body := &keptFile{ctx: r.Context(), archive: s.archive(), key: k, file: f}
	defer body.Close()
	serveContent(w, r, f, body)
}

// liveLog serves as much of a log as there is while it is in the store.
func (s *Server) liveLog(w http.ResponseWriter, r *http.Request, k Key) bool {
	f, info, err := s.Store.OpenLog(k)
	if err != nil {
		return false
	}
	defer f.Close()
	serveContent(w, r, File{Name: buildspec.LogName, Size: info.Size, Type: "text/plain; charset=utf-8"}, io.NewSectionReader(f, 0, info.Size))
	return true
}

// serveContent serves ranges, one at a time: each may cost a request to the
// bucket, and a reader may ask for thousands at once.
func serveContent(w http.ResponseWriter, r *http.Request, f File, body io.ReadSeeker) {
	if strings.Contains(r.Header.Get("Range"), ",") {
		r.Header.Del("Range")
	}
	h := w.Header()
	harmless(h, f.Type)
	if f.ETag != "" {
		h.Set("ETag", quoted(f.ETag))
	}
	if !strings.HasPrefix(f.Type, "text/") && !strings.HasPrefix(f.Type, "image/") {
		h.Set("Content-Disposition", "attachment")
	}
	http.ServeContent(&patientAnswer{ResponseWriter: w, p: patient{w: w, rc: http.NewResponseController(w)}}, r, "", f.Modified, body)
}

// quoted: some buckets give tags as HTTP wants them, some without quotes.
func quoted(tag string) string {
	if strings.HasSuffix(tag, `"`) {
		return tag
	}
	return `"` + strings.ReplaceAll(tag, `"`, "") + `"`
}

// patientAnswer is an answer of which every write has its own deadline.
type patientAnswer struct {
	http.ResponseWriter
	p patient
}

func (a *patientAnswer) Write(b []byte) (int, error) { return a.p.Write(b) }

// list says what there is. The log is there from the beginning, wherever it is.
func (s *Server) list(w http.ResponseWriter, r *http.Request, k Key) {
	files, err := s.archive().List(r.Context(), k)
	if err != nil {
		http.Error(w, "the files cannot be listed now; try again", http.StatusServiceUnavailable)
		return
	}
	out := Files{Attempt: k.Attempt, Final: true, Files: slices.DeleteFunc(files, func(f File) bool { return buildspec.CheckFileName(f.Name) != nil })}
	if info, err := s.Store.Stat(k); err == nil {
		out.Final = info.Final
		out.Files = slices.DeleteFunc(out.Files, func(f File) bool { return f.Name == buildspec.LogName })
		out.Files = append(out.Files, File{Name: buildspec.LogName, Size: info.Size, Modified: info.Modified})
	}
	if len(out.Files) == 0 {
		refuse(w, ErrNotFound)
		return
	}
	slices.SortFunc(out.Files, func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-cache")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false) // else a name may take six times as much
	_ = enc.Encode(out)      // the client is gone: nobody to tell
}

// keptFile reads a file of the archive. It is opened where it is first read, so
// that looking at its size costs nothing.
type keptFile struct {
	ctx     context.Context //nolint:containedctx // it lives as long as one request
	archive Archive
	key     Key
	file    File
	offset  int64
	open    io.ReadCloser
}

// Read implements io.Reader.
func (f *keptFile) Read(b []byte) (int, error) {
	if f.offset >= f.file.Size {
		return 0, io.EOF
	}
	if f.open == nil {
		var err error
		if f.open, err = f.archive.Open(f.ctx, f.key, f.file.Name, f.offset); err != nil {
			return 0, err
		}
	}
	n, err := f.open.Read(b)
	f.offset += int64(n)
	return n, err
}

// Seek implements io.Seeker.
func (f *keptFile) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += f.offset
	case io.SeekEnd:
		offset += f.file.Size
	}
	if offset < 0 {
		return 0, errors.New("a place before the beginning")
	}
	if offset != f.offset {
		f.Close()
		f.offset = offset
	}
	return offset, nil
}

// Close lets go of what was opened.
func (f *keptFile) Close() {
	if f.open != nil {
		f.open.Close()
		f.open = nil
	}
}
