package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// process finds the one process of this machine whose command line and control
// groups fit. No other is ever touched.
func process(fits func(cmdline []string, cgroups string) bool) (int, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	var found []int
	for _, dir := range dirs {
		cmdline, err1 := os.ReadFile(filepath.Join(dir, "cmdline"))
		cgroups, err2 := os.ReadFile(filepath.Join(dir, "cgroup"))
		if err1 != nil || err2 != nil || len(cmdline) == 0 {
			continue // it has ended, or is the kernel's
		}
		if fits(strings.Split(strings.TrimRight(string(cmdline), "\x00"), "\x00"), string(cgroups)) {
			pid, err := strconv.Atoi(filepath.Base(dir))
			if err != nil {
				return 0, err
			}
			found = append(found, pid)
		}
	}
	if len(found) != 1 {
		return 0, fmt.Errorf("%d processes fit, not one", len(found))
	}
	return found[0], nil
}

// managerProcess is `gozer manager` in a Pod of the tests' cluster.
func managerProcess() (int, error) {
	return process(func(cmdline []string, cgroups string) bool {
		return len(cmdline) > 1 && filepath.Base(cmdline[0]) == "gozer" && cmdline[1] == "manager" &&
			strings.Contains(cgroups, ":/"+stage.ClusterName+"/kubepods/")
	})
}

// forgeProcess is the Gitea of the tests' cluster, known by its configuration.
func forgeProcess() (int, error) {
	config := filepath.Join(stage.ClusterDir, "gitea", "app.ini")
	return process(func(cmdline []string, _ string) bool {
		return len(cmdline) > 3 && cmdline[1] == "web" && cmdline[3] == config
	})
}

// kill sends a signal to a process that was found just now.
func kill(find func() (int, error), signal syscall.Signal) error {
	pid, err := find()
	if err != nil {
		return err
	}
	return syscall.Kill(pid, signal)
}
