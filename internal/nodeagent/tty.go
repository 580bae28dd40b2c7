package nodeagent

import (
	"fmt"
	"os"
	"syscall"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// openTTY makes a terminal of that size. The master is a file of the runtime's
// poller, so that reading it can have a deadline; pty.Open's own is not.
func openTTY(size *pty.Winsize) (master, slave *os.File, err error) {
	m, slave, err := pty.Open()
	if err != nil {
		return nil, nil, fmt.Errorf("open a terminal: %w; the container needs /dev/ptmx and /dev/pts", err)
	}
	defer m.Close()
	fd, err := unix.FcntlInt(m.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		err = syscall.SetNonblock(fd, true)
	}
	if err != nil {
		slave.Close()
		return nil, nil, fmt.Errorf("open a terminal: %w", err)
	}
	master = os.NewFile(uintptr(fd), m.Name())
	_ = resizeTTY(master, size) // a terminal of no size is still one
	return master, slave, nil
}

func resizeTTY(master *os.File, size *pty.Winsize) error {
	c, err := master.SyscallConn()
	if err != nil {
		return err
	}
	var ierr error
	err = c.Control(func(fd uintptr) {
		ierr = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{
			Row: size.Rows, Col: size.Cols, Xpixel: size.X, Ypixel: size.Y,
		})
	})
	if err != nil {
		return err
	}
	return ierr
}
