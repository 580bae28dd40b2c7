package nodeagent

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNewIdentity(t *testing.T) {
	for name, tc := range map[string]struct {
		environ                []string
		user, passwdHome, home string
		want                   []string
	}{
		"image with everything": {
			[]string{"PATH=/opt/bin:/bin", "HOME=/home/ci", "SHELL=/bin/bash", "GOFLAGS=-v"}, "ci", "/home/ci", "",
			[]string{"GOFLAGS=-v", "HOME=/home/ci", "PATH=/opt/bin:/bin", "SHELL=/bin/bash", "USER=ci", "LOGNAME=ci"},
		},
		"unknown uid, the runtime says HOME=/": {
			[]string{"HOME=/"}, unknownUser, "", "",
			[]string{"HOME=/tmp", "PATH=" + defaultPath, "SHELL=/bin/sh", "USER=gozer", "LOGNAME=gozer"},
		},
		"home by option": {
			[]string{"HOME=/root", "PATH=/bin"}, "root", "/root", "/workspace",
			[]string{"HOME=/workspace", "PATH=/bin", "SHELL=/bin/sh", "USER=root", "LOGNAME=root"},
		},
		"a shell that is none": {
			[]string{"SHELL=/usr/sbin/nologin", "PATH=/bin"}, "www", "/nonexistent", "",
			[]string{"PATH=/bin", "HOME=/tmp", "SHELL=/bin/sh", "USER=www", "LOGNAME=www"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := map[string]string{}
			for _, kv := range newIdentity(tc.environ, tc.user, tc.passwdHome, tc.home, "").env {
				got[kv] = ""
			}
			want := map[string]string{}
			for _, kv := range tc.want {
				want[kv] = ""
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
