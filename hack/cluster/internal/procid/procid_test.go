package procid

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestParseStat(t *testing.T) {
	const tail = " S 1 2 3 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2 3"
	cases := map[string]struct {
		stat    string
		start   uint64
		state   string
		wantErr bool
	}{
		"plain":             {stat: "12 (sh)" + tail, start: 987654, state: "S"},
		"spaces, brackets":  {stat: "12 (a) b (c))" + tail, start: 987654, state: "S"},
		"no name":           {stat: "12 sh S 1", wantErr: true},
		"cut short":         {stat: "12 (sh) S 1 2", wantErr: true},
		"start not numeric": {stat: "12 (sh) S 1 2 3 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 x 1", state: "S", wantErr: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			start, state, err := parseStat(tc.stat)
			if start != tc.start || state != tc.state || (err != nil) != tc.wantErr {
				t.Errorf("got %d, %q, %v", start, state, err)
			}
		})
	}
}

func TestAlive(t *testing.T) {
	self, err := Of(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if !self.Alive() {
		t.Error("this process is not alive")
	}
	if (ID{PID: self.PID, Start: self.Start + 1}).Alive() {
		t.Error("another process with the same id is taken for this one")
	}
	if (ID{}).Alive() {
		t.Error("the zero ID is alive")
	}

	child := exec.Command("true")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	id, err := Of(child.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	if id.Alive() {
		t.Error("an ended process is alive")
	}
	if err := id.Signal(9); err != nil {
		t.Errorf("signal to an ended process: %v", err)
	}
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pid")
	if id, err := Read(path); err != nil || id != (ID{}) {
		t.Errorf("no file: got %v, %v", id, err)
	}
	want := ID{PID: 12, Start: 34}
	if err := want.Write(path); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(path); err != nil || got != want {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if err := os.WriteFile(path, []byte("12\n junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err == nil {
		t.Error("junk was read without an error")
	}
}
