package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/offline"
)

// exitError ends the program with a code. Without a message nothing more is to be said.
type exitError struct {
	code int
	error
}

// unusable is input that nothing can be said about.
func unusable(err error) error { return exitError{code: 2, error: err} }

// errFound says that there are errors, which were told.
var errFound = exitError{code: 1, error: errors.New("")}

// configFlags choose a tenant on disk.
type configFlags struct {
	offline.Options
	tenants []string
	output  string
}

func (e *env) configCommand(name string) *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Check and explain configuration, on disk or in force",
		Long: `Check and explain configuration. "errors" tells what is wrong with the
configuration that a tenant has in force; the others work on disk, without a
cluster.

The projects of a tenant file lie below one or more roots, each as
ROOT/<name as in the tenant file>: a folder, a git checkout or a bare
repository. A folder counts as the default branch; ROOT/<name>@<branch> is a
further one, with + for / in the branch's name.`,
		Example: fmt.Sprintf("  %s config check --tenant main.yaml --root src", name),
		Args:    noArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(e.configCheckCommand(name), e.configJobsCommand(name), e.configExplainCommand(name), e.configErrorsCommand(name))
	return c
}

// add adds the flags; formats are the first that is the default.
func (f *configFlags) add(c *cobra.Command, formats ...string) {
	c.Flags().StringVar(&f.TenantFile, "tenant", "", "tenant file (Zuul's main.yaml)")
	c.Flags().StringSliceVar(&f.tenants, "tenant-name", nil, "tenant of the file; all of them when not given")
	c.Flags().StringArrayVar(&f.Roots, "root", nil, "folder with the projects; may repeat, the first that has a project wins")
	c.Flags().StringVar(&f.Connections, "connections", "", "names and hosts of connections: a zuul.conf, or a YAML list of name, driver and hostname")
	c.Flags().StringVar(&f.Branches, "branches", "", "JSON file with the branches of projects, the default branch first; others have master only")
	c.Flags().StringVarP(&f.output, "output", "o", formats[0], fmt.Sprintf("one of %v", formats))
	c.PreRunE = func(*cobra.Command, []string) error {
		if !slices.Contains(formats, f.output) {
			return usage("--output is one of %v, not %q", formats, f.output)
		}
		return nil
	}
}

// open reads the tenant file and chooses the tenants.
func (f *configFlags) open() (*offline.Source, []string, error) {
	if f.TenantFile == "" || len(f.Roots) == 0 {
		return nil, nil, usage("give --tenant FILE and --root DIR")
	}
	s, err := offline.Open(f.Options)
	if err != nil {
		return nil, nil, unusable(err)
	}
	if len(f.tenants) == 0 {
		return s, s.Tenants(), nil
	}
	return s, f.tenants, nil
}

// one loads the only tenant that is meant.
func (f *configFlags) one() (*layout.Layout, error) {
	s, names, err := f.open()
	if err != nil {
		return nil, err
	}
	if len(names) != 1 {
		return nil, usage("give --tenant-name: the file has the tenants %v", names)
	}
	l, err := s.Load(names[0])
	if err != nil {
		return nil, unusable(err)
	}
	return l, nil
}

// jsonLines writes values as JSON, one a line.
type jsonLines struct {
	*json.Encoder
	buffer *bufio.Writer
}

func newJSONLines(w io.Writer) jsonLines {
	b := bufio.NewWriter(w)
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	return jsonLines{e, b}
}

func (j jsonLines) done() error { return j.buffer.Flush() }
