package gitrepo

import (
	"errors"

	"golang.org/x/sys/unix"
)

// limit bounds a process that has just started, and all that it starts: what it
// may allocate, and how large a file it may write; 0 is no bound. Without it, a
// few bytes from a stranger that unpack to gigabytes would end the merger.
func limit(pid int, memory, fileBytes int64) error {
	var errs []error
	for resource, most := range map[int]int64{unix.RLIMIT_DATA: memory, unix.RLIMIT_FSIZE: fileBytes} {
		if most > 0 {
			errs = append(errs, unix.Prlimit(pid, resource, &unix.Rlimit{Cur: uint64(most), Max: uint64(most)}, nil))
		}
	}
	if err := errors.Join(errs...); !errors.Is(err, unix.ESRCH) { // it has ended already
		return err
	}
	return nil
}
