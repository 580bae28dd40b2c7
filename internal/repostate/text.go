package repostate

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Refs sorted by name. As JSON, and packed, they are text.
type Refs []Ref

// Text is a line for each ref, object and name, and after an annotated tag a
// line with the commit behind a ^. It is what git writes into packed-refs.
func (r Refs) Text() string {
	var b strings.Builder
	for _, ref := range r {
		b.WriteString(ref.Object + " " + ref.Name + "\n")
		if ref.Peeled != "" {
			b.WriteString("^" + ref.Peeled + "\n")
		}
	}
	return b.String()
}

// ParseRefs reads what Text wrote, from wherever it was kept.
func ParseRefs(text string) (Refs, error) {
	var out Refs
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if peeled, ok := strings.CutPrefix(line, "^"); ok && len(out) > 0 {
			out[len(out)-1].Peeled = peeled
			continue
		}
		object, name, _ := strings.Cut(line, " ")
		out = append(out, Ref{Name: name, Object: object})
	}
	for _, r := range out {
		if err := checkRef(r); err != nil {
			return nil, fmt.Errorf("list of refs: %w", err)
		}
	}
	if !slices.IsSortedFunc(out, func(a, b Ref) int {
		if a.Name == b.Name {
			return -1
		}
		return strings.Compare(a.Name, b.Name)
	}) {
		return nil, errors.New("list of refs: it is not sorted, or has a ref twice")
	}
	return out, nil
}

// MarshalText implements encoding.TextMarshaler.
func (r Refs) MarshalText() ([]byte, error) { return []byte(r.Text()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Refs) UnmarshalText(text []byte) (err error) {
	*r, err = ParseRefs(string(text))
	return err
}

// MaxPacked bounds what Pack gives, in bytes; an object of Kubernetes can have 1.5 MB.
const MaxPacked = 1_100_000

// Pack compresses the text.
func (r Refs) Pack() ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.DefaultCompression)
	if err == nil {
		_, err = w.Write([]byte(r.Text()))
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return nil, err
	}
	if b.Len() > MaxPacked {
		return nil, fmt.Errorf("the %d branches and tags take %d bytes; at most %d can be kept: delete branches and tags that nobody needs", len(r), b.Len(), MaxPacked)
	}
	return b.Bytes(), nil
}

// maxText bounds what Unpack makes.
const maxText = 64 << 20

// Unpack reads what Pack made.
func Unpack(packed []byte) (Refs, error) {
	zipped, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("list of refs: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(zipped, maxText))
	if err != nil {
		return nil, fmt.Errorf("list of refs: %w", err)
	}
	return ParseRefs(string(text))
}
