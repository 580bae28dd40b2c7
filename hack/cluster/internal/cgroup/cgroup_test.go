package cgroup

import (
	"strings"
	"testing"
)

func TestParseMounts(t *testing.T) {
	cases := map[string]struct{ mounts, v1, v2 string }{
		"version 1 and a version 2 beside it": {
			mounts: "proc /proc proc rw 0 0\ncgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\ncgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n",
			v1:     "/sys/fs/cgroup/cpu /sys/fs/cgroup/memory",
			v2:     "/sys/fs/cgroup/unified",
		},
		"version 2": {mounts: "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n", v2: "/sys/fs/cgroup"},
		"none":      {mounts: "proc /proc proc rw 0 0\n\n"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			v1, v2, err := parseMounts(strings.NewReader(tc.mounts))
			if err != nil || strings.Join(v1, " ") != tc.v1 || strings.Join(v2, " ") != tc.v2 {
				t.Errorf("got %v, %v, %v", v1, v2, err)
			}
		})
	}
}
