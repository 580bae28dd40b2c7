package supervise

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Sandbox is what the cluster sees in place of the machine's own.
type Sandbox struct {
	Dir   string            `json:"dir"`   // the cluster's directory
	Binds map[string]string `json:"binds"` // directory of the machine -> what is there instead
}

// Sysctls are kernel settings of the whole machine that a kubelet wants to
// change. The cluster sees them as already set, and the machine's stay as they are.
var Sysctls = map[string]string{
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/keys/root_maxbytes": "25000000",
}

// Enter arranges the mounts of this process's own namespace. Only process 1 of
// fresh mount and process namespaces may call it.
func (b Sandbox) Enter() error {
	if os.Getpid() != 1 {
		return fmt.Errorf("this command is started by \"up\" in namespaces of its own: call \"up\"")
	}
	// What is mounted here must not appear on the machine (slave), and Pods may
	// ask for mounts that propagate (shared).
	for _, flags := range []uintptr{syscall.MS_REC | syscall.MS_SLAVE, syscall.MS_REC | syscall.MS_SHARED} {
		if err := syscall.Mount("", "/", "", flags, ""); err != nil {
			return fmt.Errorf("separate the mounts: %w", err)
		}
	}
	if err := syscall.Mount("proc", "/proc", "proc", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	for name, value := range Sysctls {
		if err := b.fakeSysctl(name, value); err != nil {
			return err
		}
	}
	for target, source := range b.Binds {
		if err := bind(source, target); err != nil {
			return err
		}
	}
	return nil
}

// fakeSysctl puts an ordinary file in the place of a kernel setting.
func (b Sandbox) fakeSysctl(name, value string) error {
	target := filepath.Join("/proc/sys", name)
	if _, err := os.Stat(target); err != nil {
		return nil //nolint:nilerr // this kernel has no such setting, so no one can change it
	}
	source := filepath.Join(b.Dir, "sysctl", name)
	if err := os.MkdirAll(filepath.Dir(source), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(source, []byte(value+"\n"), 0o644); err != nil {
		return err
	}
	return bind(source, target)
}

func bind(source, target string) error {
	if err := syscall.Mount(source, target, "", syscall.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount %s on %s: %w", source, target, err)
	}
	return nil
}
