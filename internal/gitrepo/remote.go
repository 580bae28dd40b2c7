package gitrepo

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
)

// Remote is where a project is fetched from.
type Remote struct {
	// URL is http or https, without credentials in it.
	URL string
	// Username and Password are sent as basic auth when either is set.
	Username, Password string
}

// String leaves the credentials out.
func (r Remote) String() string { return r.URL }

// GoString leaves the credentials out, for %#v.
func (r Remote) GoString() string { return fmt.Sprintf("gitrepo.Remote{URL: %q}", r.URL) }

func (r Remote) check(allowFile bool) error {
	if allowFile && filepath.IsAbs(r.URL) {
		return nil
	}
	u, err := url.Parse(r.URL)
	switch {
	case err != nil:
		return errors.New("the remote's URL cannot be parsed; check the Connection") // err would quote it
	case u.User != nil:
		return errors.New("the remote's URL has credentials in it; put them into the Connection's secret")
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("remote %s: only http and https are supported", r.URL)
	case u.Host == "":
		return fmt.Errorf("remote %s has no host", r.URL)
	case strings.ContainsAny(r.Username, ":\r\n\x00") || strings.ContainsAny(r.Password, "\r\n\x00"):
		return fmt.Errorf("remote %s: user name or password has a character that basic auth cannot carry", r.URL)
	}
	return nil
}

func (r Remote) hasCredentials() bool { return r.Username != "" || r.Password != "" }

func (r Remote) basic() string {
	return base64.StdEncoding.EncodeToString([]byte(r.Username + ":" + r.Password))
}

// config is the configuration for commands that talk to this remote. With
// credentials, redirects are not followed: a header must not reach another host.
func (r Remote) config() []configPair {
	c := []configPair{
		{"http.lowSpeedLimit", "1000"},
		{"http.lowSpeedTime", "30"},
	}
	if r.hasCredentials() {
		c = append(c,
			configPair{"http.extraHeader", "Authorization: Basic " + r.basic()},
			configPair{"http.followRedirects", "false"})
	}
	return c
}

// redact blots the credentials out of what git said.
func (r Remote) redact(s string) string {
	if !r.hasCredentials() {
		return s
	}
	s = strings.ReplaceAll(s, r.basic(), "***")
	if r.Password != "" {
		s = strings.ReplaceAll(s, r.Password, "***")
	}
	return s
}
