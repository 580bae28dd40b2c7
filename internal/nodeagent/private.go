package nodeagent

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// keepPrivate takes the memory of this process from others of the same user:
// no ptrace, no /proc/PID/mem, no core. Secrets of scripts went through it, and
// what runs on the node later is to find none of them. Programs that it starts
// are as any other.
func keepPrivate() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("the memory of the process cannot be kept private: %w", err)
	}
	return nil
}
