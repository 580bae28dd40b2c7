package gcsblob

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"gocloud.dev/blob/driver"
)

// resource is an object as the API describes it; sizes are texts there.
type resource struct {
	Name        string    `json:"name"`
	Size        int64     `json:"size,string"`
	ContentType string    `json:"contentType"`
	ETag        string    `json:"etag"`
	MD5         []byte    `json:"md5Hash"`
	Created     time.Time `json:"timeCreated"`
	Updated     time.Time `json:"updated"`
}

// Attributes implements driver.Bucket.
func (b *bucket) Attributes(ctx context.Context, key string) (*driver.Attributes, error) {
	var r resource
	if err := b.get(ctx, b.object(key), &r); err != nil {
		return nil, err
	}
	return &driver.Attributes{ContentType: r.ContentType, CreateTime: r.Created, ModTime: r.Updated, Size: r.Size, MD5: r.MD5, ETag: r.ETag}, nil
}

// ListPaged implements driver.Bucket.
func (b *bucket) ListPaged(ctx context.Context, o *driver.ListOptions) (*driver.ListPage, error) {
	if o.BeforeList != nil {
		if err := o.BeforeList(func(any) bool { return false }); err != nil {
			return nil, err
		}
	}
	q := url.Values{"fields": {"nextPageToken,prefixes,items(name,size,md5Hash,updated)"}}
	for name, value := range map[string]string{"prefix": o.Prefix, "delimiter": o.Delimiter, "pageToken": string(o.PageToken)} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if o.PageSize > 0 {
		q.Set("maxResults", strconv.Itoa(o.PageSize))
	}
	var found struct {
		Items    []resource `json:"items"`
		Prefixes []string   `json:"prefixes"`
		Next     string     `json:"nextPageToken"`
	}
	if err := b.get(ctx, b.objects()+"?"+q.Encode(), &found); err != nil {
		return nil, err
	}
	page := &driver.ListPage{NextPageToken: []byte(found.Next)}
	for _, r := range found.Items {
		page.Objects = append(page.Objects, &driver.ListObject{Key: r.Name, ModTime: r.Updated, Size: r.Size, MD5: r.MD5})
	}
	for _, p := range found.Prefixes {
		page.Objects = append(page.Objects, &driver.ListObject{Key: p, IsDir: true})
	}
	slices.SortFunc(page.Objects, func(x, y *driver.ListObject) int { return cmp.Compare(x.Key, y.Key) })
	return page, nil
}

// reader implements driver.Reader.
type reader struct {
	io.ReadCloser
	attributes driver.ReaderAttributes
}

// Attributes implements driver.Reader.
func (r *reader) Attributes() *driver.ReaderAttributes { return &r.attributes }

// As implements driver.Reader.
func (*reader) As(any) bool { return false }

// NewRangeReader implements driver.Bucket.
func (b *bucket) NewRangeReader(ctx context.Context, key string, offset, length int64, _ *driver.ReaderOptions) (driver.Reader, error) {
	if length == 0 { // no range says that
		a, err := b.Attributes(ctx, key)
		if err != nil {
			return nil, err
		}
		return &reader{http.NoBody, driver.ReaderAttributes{ContentType: a.ContentType, ModTime: a.ModTime, Size: a.Size}}, nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.object(key)+"?alt=media", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept-Encoding", "identity") // the size is that of the object
	switch {
	case length > 0:
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", offset, offset+length-1))
	case offset > 0:
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	}
	resp, err := b.do(req)
	if err != nil {
		return nil, err
	}
	if req.Header.Get("Range") != "" && resp.StatusCode != http.StatusPartialContent {
		resp.Body.Close()
		return nil, &statusError{resp.StatusCode, "a part was asked for, and the whole came"}
	}
	return &reader{resp.Body, attributesOf(resp)}, nil
}

// attributesOf reads what an answer with content says of the object.
func attributesOf(resp *http.Response) driver.ReaderAttributes {
	a := driver.ReaderAttributes{ContentType: resp.Header.Get("Content-Type"), Size: resp.ContentLength}
	a.ModTime, _ = http.ParseTime(resp.Header.Get("Last-Modified"))
	if _, size, ok := strings.Cut(resp.Header.Get("Content-Range"), "/"); ok {
		a.Size, _ = strconv.ParseInt(size, 10, 64)
	}
	return a
}
