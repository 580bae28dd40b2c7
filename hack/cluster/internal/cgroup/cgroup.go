// Package cgroup makes and removes the control group that holds all Pods of one
// local cluster, in every hierarchy that the machine has (version 1 or 2).
package cgroup

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Create makes the group. A kubelet that is told to put Pods there wants it to exist.
func Create(name string) error {
	v1, v2, err := mounted()
	if err != nil {
		return err
	}
	roots := v1
	if len(v1) == 0 {
		roots = v2
	}
	if len(roots) == 0 {
		return errors.New("no cgroup hierarchy is mounted: mount cgroup2 on /sys/fs/cgroup")
	}
	for _, root := range roots {
		enableControllers(root)
		dir := filepath.Join(root, name)
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("make control group: %w", err)
		}
		if err := copyCPUSet(root, dir); err != nil {
			return err
		}
	}
	return nil
}

// Remove deletes the group and those in it, once their processes have ended.
func Remove(name string) error {
	v1, v2, err := mounted()
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err = nil
		for _, root := range append(v1, v2...) {
			err = errors.Join(err, removeTree(filepath.Join(root, name)))
		}
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// removeTree removes directories only, the deepest first: the files of a
// control group cannot be removed and go with it.
func removeTree(dir string) error {
	var dirs []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return err
	})
	for _, path := range slices.Backward(dirs) {
		if rm := os.Remove(path); rm != nil && !errors.Is(rm, fs.ErrNotExist) {
			err = errors.Join(err, rm)
		}
	}
	return err
}

// mounted returns the mount points of the machine's hierarchies. A machine with
// both versions has its controllers in version 1, and runc makes groups in both.
func mounted() (v1, v2 []string, err error) {
	f, err := os.Open("/proc/self/mounts")
	if err != nil {
		return nil, nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	return parseMounts(f)
}

func parseMounts(mounts io.Reader) (v1, v2 []string, err error) {
	lines := bufio.NewScanner(mounts)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 3 {
			continue
		}
		switch fields[2] {
		case "cgroup":
			v1 = append(v1, fields[1])
		case "cgroup2":
			v2 = append(v2, fields[1])
		}
	}
	return v1, v2, lines.Err()
}

// enableControllers lets children of a version 2 root have limits. What the
// machine does not allow, the kubelet will say better.
func enableControllers(root string) {
	for _, controller := range []string{"cpu", "cpuset", "memory", "pids", "io", "hugetlb"} {
		_ = os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte("+"+controller), 0)
	}
}

// copyCPUSet: a new group of version 1's cpuset has no processor until it is given some.
func copyCPUSet(root, dir string) error {
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		value, err := os.ReadFile(filepath.Join(root, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), value, 0); err != nil {
			return fmt.Errorf("give control group its processors: %w", err)
		}
	}
	return nil
}
