package gcsblob

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
)

// Scheme of URLs of these buckets.
const Scheme = "gs"

const (
	endpoint = "https://storage.googleapis.com"
	scope    = "https://www.googleapis.com/auth/devstorage.read_write"
	emulator = "STORAGE_EMULATOR_HOST"
)

func init() { blob.DefaultURLMux().RegisterBucket(Scheme, opener{}) }

type opener struct{}

// OpenBucketURL implements blob.BucketURLOpener.
func (opener) OpenBucketURL(ctx context.Context, u *url.URL) (*blob.Bucket, error) {
	if u.Host == "" || strings.Trim(u.Path, "/") != "" || len(u.Query()) > 0 {
		return nil, fmt.Errorf("the URL of a bucket of Google Cloud Storage must be like gs://bucket, not %q", u.Redacted())
	}
	client := &http.Client{Transport: transport()}
	if host := os.Getenv(emulator); host != "" {
		if !strings.Contains(host, "://") {
			host = "http://" + host
		}
		return Open(client, strings.TrimSuffix(host, "/"), u.Host), nil
	}
	// Its tokens are asked for by the same client.
	ctx = context.WithValue(context.WithoutCancel(ctx), oauth2.HTTPClient, client)
	found, err := google.FindDefaultCredentials(ctx, scope)
	if err != nil {
		return nil, fmt.Errorf("no credentials for Google Cloud Storage: %w; bind the Pod's service account to one of Google's, or set GOOGLE_APPLICATION_CREDENTIALS", err)
	}
	return Open(oauth2.NewClient(ctx, found.TokenSource), endpoint, u.Host), nil
}

// Times after which a server that does not answer is given up. All of a transfer
// is bounded by whoever asks for it: they know its size.
const (
	dialTime   = 10 * time.Second
	answerTime = time.Minute
)

func transport() *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialTime}).DialContext,
		TLSHandshakeTimeout:   dialTime,
		ResponseHeaderTimeout: answerTime,
		IdleConnTimeout:       time.Minute,
		MaxIdleConnsPerHost:   16,
		ForceAttemptHTTP2:     true,
	}
}

// Open makes a bucket that is asked for at an endpoint by a client that adds credentials.
func Open(client *http.Client, at, name string) *blob.Bucket {
	return blob.NewBucket(&bucket{client: client, at: at, name: name})
}

// bucket implements driver.Bucket.
type bucket struct {
	client   *http.Client
	at, name string
}

// statusError is an answer that is not what was asked for.
type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string {
	return fmt.Sprintf("Google Cloud Storage answers %d: %s", e.code, e.text)
}

var errLeftOut = errors.New("not available for Google Cloud Storage")

// ErrorCode implements driver.Bucket.
func (b *bucket) ErrorCode(err error) gcerrors.ErrorCode {
	var s *statusError
	switch {
	case errors.Is(err, errLeftOut):
		return gcerrors.Unimplemented
	case !errors.As(err, &s):
		return gcerrors.Unknown
	}
	switch s.code {
	case http.StatusNotFound:
		return gcerrors.NotFound
	case http.StatusUnauthorized, http.StatusForbidden:
		return gcerrors.PermissionDenied
	case http.StatusPreconditionFailed:
		return gcerrors.FailedPrecondition
	case http.StatusTooManyRequests:
		return gcerrors.ResourceExhausted
	case http.StatusBadRequest, http.StatusRequestedRangeNotSatisfiable:
		return gcerrors.InvalidArgument
	}
	return gcerrors.Unknown
}

// As implements driver.Bucket: there is nothing beneath.
func (*bucket) As(any) bool { return false }

// ErrorAs implements driver.Bucket.
func (*bucket) ErrorAs(error, any) bool { return false }

// Close implements driver.Bucket.
func (*bucket) Close() error { return nil }

// Copy implements driver.Bucket.
func (*bucket) Copy(context.Context, string, string, *driver.CopyOptions) error { return errLeftOut }

// SignedURL implements driver.Bucket.
func (*bucket) SignedURL(context.Context, string, *driver.SignedURLOptions) (string, error) {
	return "", errLeftOut
}

// objects is the URL of all objects, object that of one.
func (b *bucket) objects() string {
	return b.at + "/storage/v1/b/" + url.PathEscape(b.name) + "/o"
}

func (b *bucket) object(key string) string { return b.objects() + "/" + url.PathEscape(key) }

// do sends a request; an answer that is not a success is an error.
func (b *bucket) do(req *http.Request) (*http.Response, error) {
	resp, err := b.client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 500)) // it only says more
	return nil, &statusError{resp.StatusCode, strings.Join(strings.Fields(string(said)), " ")}
}

// get asks for JSON.
func (b *bucket) get(ctx context.Context, address string, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	resp, err := b.do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(out)
}

// Delete implements driver.Bucket.
func (b *bucket) Delete(ctx context.Context, key string, _ *driver.DeleteOptions) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, b.object(key), nil)
	if err != nil {
		return err
	}
	resp, err := b.do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
