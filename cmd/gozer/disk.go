package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/gozer-dev/gozer/internal/gitrepo"
)

// limitFlags bound what mirrors and git may take. They are quantities as in a
// Pod's resources.
type limitFlags struct {
	maxDisk, maxFetch, gitMemory string
	perHost                      int
}

func (f *limitFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.maxDisk, "max-disk", "80%", "what all mirrors may take on disk before those go that were not used for longest: like 40Gi, or a part of the disk like 80%; 0 is no limit")
	flags.StringVar(&f.maxFetch, "max-fetch", "10Gi", "what one fetch may bring")
	flags.StringVar(&f.gitMemory, "git-memory", "1Gi", "what one git process may allocate; leave room for several in the container's limit")
	flags.IntVar(&f.perHost, "max-per-host", 8, "git processes that may talk to one code host at once")
}

// options of a store in a directory.
func (f *limitFlags) options(root string) (o gitrepo.Options, err error) {
	o = gitrepo.Options{Root: root, PerHost: f.perHost, KeepScopes: scopeAge}
	if o.MaxBytes, err = diskBudget(f.maxDisk, root); err != nil {
		return o, err
	}
	if o.MaxFetchBytes, err = quantity("max-fetch", f.maxFetch); err != nil {
		return o, err
	}
	if o.MaxGitMemory, err = quantity("git-memory", f.gitMemory); err != nil {
		return o, err
	}
	if f.perHost < 1 || o.MaxFetchBytes < 1 || o.MaxGitMemory < 64<<20 {
		return o, fmt.Errorf("--max-per-host and --max-fetch must be more than 0, and --git-memory at least 64Mi")
	}
	return o, nil
}

func diskBudget(value, root string) (int64, error) {
	percent, ok := strings.CutSuffix(value, "%")
	if !ok {
		return quantity("max-disk", value)
	}
	n, err := strconv.ParseInt(percent, 10, 64)
	if err != nil || n < 1 || n > 100 {
		return 0, fmt.Errorf("--max-disk=%s: a part of the disk is 1%% to 100%%", value)
	}
	if err := os.MkdirAll(root, 0o700); err != nil {
		return 0, err
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(root, &fs); err != nil {
		return 0, fmt.Errorf("--max-disk=%s: the size of the disk of %s: %w; give a number of bytes", value, root, err)
	}
	return int64(fs.Blocks) / 100 * n * fs.Bsize, nil //nolint:gosec // a size fits
}

func quantity(flag, value string) (int64, error) {
	q, err := resource.ParseQuantity(value)
	if err != nil || q.Sign() < 0 {
		return 0, fmt.Errorf("--%s=%s is not a quantity like 40Gi", flag, value)
	}
	return q.Value(), nil
}
