package main

import (
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/pflag"

	"github.com/gozer-dev/gozer/internal/gitrepo"
)

func TestLimitFlags(t *testing.T) {
	root := t.TempDir()
	var disk syscall.Statfs_t
	if err := syscall.Statfs(root, &disk); err != nil {
		t.Fatal(err)
	}
	size := int64(disk.Blocks) * disk.Bsize
	for name, tc := range map[string]struct {
		args  []string
		right func(o gitrepo.Options) bool
		wrong string
	}{
		"defaults": {nil, func(o gitrepo.Options) bool {
			return o.MaxBytes > size/10*7 && o.MaxBytes < size/10*9 && o.MaxFetchBytes == 10<<30 && o.MaxGitMemory == 1<<30 && o.PerHost == 8
		}, ""},
		"bytes":           {[]string{"--max-disk=40Gi"}, func(o gitrepo.Options) bool { return o.MaxBytes == 40<<30 }, ""},
		"no limit":        {[]string{"--max-disk=0"}, func(o gitrepo.Options) bool { return o.MaxBytes == 0 }, ""},
		"no quantity":     {[]string{"--max-disk=much"}, nil, "--max-disk=much is not a quantity like 40Gi"},
		"less than none":  {[]string{"--max-fetch=-1Gi"}, nil, "--max-fetch=-1Gi is not a quantity"},
		"too many parts":  {[]string{"--max-disk=120%"}, nil, "1% to 100%"},
		"too little":      {[]string{"--git-memory=1Mi"}, nil, "at least 64Mi"},
		"nobody may talk": {[]string{"--max-per-host=0"}, nil, "more than 0"},
	} {
		t.Run(name, func(t *testing.T) {
			var f limitFlags
			flags := pflag.NewFlagSet("merger", pflag.ContinueOnError)
			f.add(flags)
			if err := flags.Parse(tc.args); err != nil {
				t.Fatal(err)
			}
			o, err := f.options(root)
			if tc.wrong != "" && (err == nil || !strings.Contains(err.Error(), tc.wrong)) || tc.wrong == "" && (err != nil || !tc.right(o)) {
				t.Errorf("%+v, %v", o, err)
			}
		})
	}
}
