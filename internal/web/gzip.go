package web

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
)

// gzipFrom is the size from which compressing is worth it.
const gzipFrom = 1400

// takesGzip says whether a visitor has asked for gzip.
func takesGzip(h http.Header) bool {
	for part := range strings.SplitSeq(h.Get("Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(part, ";")
		if strings.TrimSpace(name) == "gzip" && strings.ReplaceAll(q, " ", "") != "q=0" {
			return true
		}
	}
	return false
}

// compress makes a whole answer with text a compressed one. Parts stay as they
// are, for they are parts of what is not compressed, and so does what is followed.
func compress(resp *http.Response) {
	h := resp.Header
	if resp.StatusCode != http.StatusOK || resp.Request.Method == http.MethodHead || resp.ContentLength < gzipFrom || h.Get("Content-Encoding") != "" {
		return
	}
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	if kind != "text/plain" && kind != "application/json" {
		return
	}
	plain := resp.Body
	in, out := io.Pipe()
	go func() {
		defer plain.Close() //nolint:errcheck // a body that was read
		z, _ := gzip.NewWriterLevel(out, gzip.BestSpeed)
		_, err := io.Copy(z, plain)
		if err == nil {
			err = z.Close()
		}
		_ = out.CloseWithError(err)
	}()
	resp.Body, resp.ContentLength = in, -1
	h.Del("Content-Length")
	h.Del("Accept-Ranges")
	h.Set("Content-Encoding", "gzip")
	h.Set("Vary", "Accept, Accept-Encoding")
	if tag := h.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		h.Set("ETag", "W/"+tag) // the same content, other bytes
	}
}
