package web

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestAddressOf(t *testing.T) {
	for _, tc := range []struct{ remote, said, want string }{
		{"192.0.2.1:80", "", "192.0.2.1"},
		{"192.0.2.1:80", "198.51.100.1", "192.0.2.1"}, // no proxy of ours
		{"10.0.0.1:80", "198.51.100.1", "198.51.100.1"},
		{"10.0.0.1:80", "1.2.3.4, 198.51.100.1", "198.51.100.1"},
		{"10.0.0.1:80", "nonsense", "10.0.0.1"},
		{"10.0.0.1:80", "", "10.0.0.1"},
		{"[2001:db8::1]:80", "", "2001:db8::/64"},
		{"[::ffff:10.0.0.1]:80", "2001:db8:0:1::2", "2001:db8:0:1::/64"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = tc.remote
		if tc.said != "" {
			r.Header.Set("X-Forwarded-For", tc.said)
		}
		if got := addressOf(r); got != tc.want {
			t.Errorf("%s, %s: %s", tc.remote, tc.said, got)
		}
	}
}

func TestPerAddress(t *testing.T) {
	p := perAddress{most: 1}
	one, other := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRequest(http.MethodGet, "/", nil)
	one.RemoteAddr, other.RemoteAddr = "192.0.2.1:80", "192.0.2.2:80"
	leave, ok := p.enter(one)
	if !ok {
		t.Fatal("the first is refused")
	}
	if _, again := p.enter(one); again {
		t.Error("a second of the same address")
	}
	if _, second := p.enter(other); !second {
		t.Error("another address is refused")
	}
	leave()
	if _, again := p.enter(one); !again {
		t.Error("a place that was given back is not free")
	}
}

// TestFollowersOfOneAddress: by either way to follow.
func TestFollowersOfOneAddress(t *testing.T) {
	f := newFixture(t, failed(), nil)
	f.append(t, "one\n", false)
	for range defaultOfOne {
		if _, err := until(t, console(t, f, `{"uuid":"b","logfile":"console.log"}`), "", "one\n"); err != nil {
			t.Fatal(err)
		}
	}
	resp, err := http.Get(f.web.URL + "/logs/acme/b?follow=true")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("followed: %s", resp.Status)
	}
	resp, err = http.Get(f.web.URL + "/api/tenant/acme/console-stream")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("console stream: %s", resp.Status)
	}
}
