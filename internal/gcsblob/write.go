package gcsblob

import (
	"context"
	"io"
	"net/http"
	"net/url"

	"gocloud.dev/blob/driver"
)

// NewTypedWriter implements driver.Bucket. The object is there when Close
// returns no error, and not at all when the context ends before.
func (b *bucket) NewTypedWriter(ctx context.Context, key, contentType string, o *driver.WriterOptions) (driver.Writer, error) {
	if o.BeforeWrite != nil {
		if err := o.BeforeWrite(func(any) bool { return false }); err != nil {
			return nil, err
		}
	}
	q := url.Values{"uploadType": {"media"}, "name": {key}}
	if o.IfNotExist {
		q.Set("ifGenerationMatch", "0")
	}
	in, out := io.Pipe()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.at+"/upload/storage/v1/b/"+url.PathEscape(b.name)+"/o?"+q.Encode(), in)
	if err != nil {
		return nil, err
	}
	if contentType == "" {
		contentType = "application/octet-stream"
	}
	req.Header.Set("Content-Type", contentType)
	w := &writer{ctx: ctx, out: out, done: make(chan error, 1)}
	go func() {
		resp, err := b.do(req)
		if err == nil {
			err = resp.Body.Close()
		}
		_ = in.CloseWithError(io.ErrClosedPipe) // whoever writes on is told; what went wrong, Close says
		w.done <- err
	}()
	return w, nil
}

type writer struct {
	ctx  context.Context
	out  *io.PipeWriter
	done chan error
}

// Write implements io.Writer.
func (w *writer) Write(b []byte) (int, error) { return w.out.Write(b) }

// Close implements io.Closer.
func (w *writer) Close() error {
	// Given up is not ended: the end of the body would make a short object.
	_ = w.out.CloseWithError(w.ctx.Err())
	return <-w.done
}
