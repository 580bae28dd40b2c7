// Package procid names a process so that it cannot be taken for another one:
// by its id and by when it started. Ids are used again; the pair is not.
package procid

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// ID names one process since the machine booted.
type ID struct {
	PID int `json:"pid"`
	// Start is when the process started, in clock ticks since boot: field 22 of /proc/PID/stat.
	Start uint64 `json:"start"`
}

// Of returns the identity of the process that now has the id.
func Of(pid int) (ID, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ID{}, err
	}
	start, _, err := parseStat(string(stat))
	return ID{PID: pid, Start: start}, err
}

// Alive says whether this very process still runs. A zombie does not.
func (id ID) Alive() bool {
	if id.PID <= 0 {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", id.PID))
	if err != nil {
		return false
	}
	start, state, err := parseStat(string(stat))
	return err == nil && start == id.Start && state != "Z" && state != "X"
}

// Signal sends the signal to this very process; it is no error when the process has ended.
func (id ID) Signal(sig syscall.Signal) error {
	if !id.Alive() {
		return nil
	}
	err := syscall.Kill(id.PID, sig)
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// Write keeps the identity in a file.
func (id ID) Write(path string) error {
	data, err := json.Marshal(id)
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}

// Read returns the identity kept in a file, and the zero ID when there is no such file.
func Read(path string) (ID, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return ID{}, nil
	}
	if err != nil {
		return ID{}, err
	}
	var id ID
	if err := json.Unmarshal(data, &id); err != nil {
		return ID{}, fmt.Errorf("%s is not a pid file of this program (%w): remove it after looking whether its process runs", path, err)
	}
	return id, nil
}

// parseStat returns the start time and the state letter from /proc/PID/stat.
// The second field is the program's name in parentheses and may hold anything,
// spaces and parentheses too, so fields are counted from its last parenthesis.
func parseStat(stat string) (start uint64, state string, err error) {
	end := strings.LastIndexByte(stat, ')')
	if end < 0 {
		return 0, "", fmt.Errorf("no program name in %q", stat)
	}
	fields := strings.Fields(stat[end+1:])
	const stateField, startField = 0, 22 - 3 // fields 3 and 22 of the whole line
	if len(fields) <= startField {
		return 0, "", fmt.Errorf("too few fields in %q", stat)
	}
	start, err = strconv.ParseUint(fields[startField], 10, 64)
	return start, fields[stateField], err
}
