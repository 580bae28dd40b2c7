package logarchive

import (
	"bytes"
	"net/http"
	"path"
	"strings"
	"unicode/utf8"
)

// What files are served as. Strangers write them: text, whatever language it is
// in, is text and nothing a browser runs; images are those that cannot hold a
// script; all else is for download.
const (
	typeText = "text/plain; charset=utf-8"
	typeData = "application/octet-stream"
)

var typeImages = map[string]string{".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp"}

// sniffed is how much of a file is looked at.
const sniffed = 512

// typeOf decides by the name and the beginning of a file; for an image both must agree.
func typeOf(name string, beginning []byte) string {
	image := typeImages[strings.ToLower(path.Ext(name))]
	switch {
	case image != "" && http.DetectContentType(beginning) == image:
		return image
	case isText(beginning):
		return typeText
	}
	return typeData
}

// isText: UTF-8 without the control characters that text does not have. The
// last character may be cut.
func isText(b []byte) bool {
	for i := 0; i < utf8.UTFMax && len(b) > 0 && !utf8.Valid(b); i++ {
		b = b[:len(b)-1]
	}
	return utf8.Valid(b) && !bytes.ContainsFunc(b, func(r rune) bool {
		return r < ' ' && !strings.ContainsRune("\t\n\r\f\b\x1b", r)
	})
}

// safeType is what a type in the bucket, where others may write too, is served as.
func safeType(stored string) string {
	if stored == typeText {
		return typeText
	}
	for _, t := range typeImages {
		if stored == t {
			return t
		}
	}
	return typeData
}
