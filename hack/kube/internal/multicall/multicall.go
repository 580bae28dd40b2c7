// Package multicall chooses which of several programs in one binary to run.
//
// A program is chosen by the name that the binary was called by (a link named
// kube-apiserver runs kube-apiserver), or else by the first argument
// (kube kube-apiserver --version), which is then taken off the arguments.
package multicall

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// Program is the main function of one program. It reads os.Args itself and
// may end the process; what it returns is the exit code otherwise.
type Program func() int

// Programs are the programs of a binary by their names.
type Programs map[string]Program

// Run runs the program that args asks for and returns its exit code.
// It sets os.Args to what the program would have seen as a binary of its own.
func (p Programs) Run(args []string, stderr io.Writer) int {
	name, rest, err := p.choose(args)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 2
	}
	os.Args = rest
	return p[name]()
}

// choose returns the name of the program and the arguments that it gets.
func (p Programs) choose(args []string) (string, []string, error) {
	if len(args) == 0 {
		return "", nil, p.usage("this binary")
	}
	self := filepath.Base(args[0])
	if _, ok := p[self]; ok {
		return self, args, nil
	}
	if len(args) > 1 {
		if _, ok := p[args[1]]; ok {
			return args[1], args[1:], nil
		}
	}
	return "", nil, p.usage(self)
}

// usage is the error of a call that names no program.
func (p Programs) usage(self string) error {
	names := make([]string, 0, len(p))
	for name := range p {
		names = append(names, name)
	}
	sort.Strings(names)
	return fmt.Errorf("usage: %s PROGRAM [ARGUMENT...], or call it through a link with the program's name; programs: %s",
		self, strings.Join(names, ", "))
}
