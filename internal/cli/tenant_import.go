package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gozer-dev/gozer/internal/statusview"
	"github.com/gozer-dev/gozer/internal/tenantfile"
)

func (e *env) tenantCommand(name string) *cobra.Command {
	c := &cobra.Command{
		Use:     "tenant",
		Short:   "Turn a Zuul tenant file into Tenants",
		Example: fmt.Sprintf("  %s tenant import main.yaml -o manifests/", name),
		Args:    noArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(e.tenantImportCommand(name))
	return c
}

// importOptions say what is imported and where to.
type importOptions struct {
	file, output, connections string
	tenants                   []string
	force                     bool
}

func (e *env) tenantImportCommand(name string) *cobra.Command {
	var o importOptions
	c := &cobra.Command{
		Use:   "import FILE -o FOLDER [--connections ZUUL.CONF]",
		Short: "Write manifests for the tenants of a Zuul tenant file",
		Long: `Write manifests for the tenants of a Zuul tenant file.

There is a file for every tenant, with its namespace and a Tenant, one for all global semaphores, and
one for the connections that a zuul.conf has. What cannot be written as a manifest is listed. No
cluster is asked, and nothing is written when the tenant file has errors.`,
		Example: fmt.Sprintf(`  %[1]s tenant import main.yaml -o manifests/
  %[1]s tenant import main.yaml -o manifests/ --connections /etc/zuul/zuul.conf --tenant-name acme`, name),
		Args: exactly("the tenant file"),
		RunE: func(_ *cobra.Command, args []string) error {
			if o.file = args[0]; o.output == "" {
				return usage("say with -o which folder to write to")
			}
			return e.tenantImport(o)
		},
	}
	f := c.Flags()
	f.StringVarP(&o.output, "output", "o", "", "folder to write to; it is made if it is not there")
	f.StringVar(&o.connections, "connections", "", "the zuul.conf, or a YAML list of name, driver and hostname")
	f.StringSliceVar(&o.tenants, "tenant-name", nil, "tenant of the file; all of them when not given")
	f.BoolVar(&o.force, "force", false, "overwrite files that are there")
	return c
}

func (e *env) tenantImport(o importOptions) error {
	i, err := e.readImport(o)
	if err != nil {
		return err
	}
	if err := i.convert(); err != nil {
		return err
	}
	if err := i.write(o); err != nil {
		return err
	}
	return i.summary(e.Out, o)
}

// imported is what was read and what is made of it.
type imported struct {
	// source is the tenant file's name without folders.
	source      string
	file        *tenantfile.File
	connections []tenantfile.Connection
	// withConnections says that they were given.
	withConnections bool
	// namespace that Gozer runs in.
	namespace string

	outputs []output
	notes   notes
}

// output is a file to write.
type output struct {
	name, content string
	// what is in it, for people.
	what string
}

// readImport reads the files and picks the tenants. Errors in them are told.
func (e *env) readImport(o importOptions) (*imported, error) {
	content, err := readBounded(o.file)
	if err != nil {
		return nil, err
	}
	i := &imported{source: statusview.Clean(filepath.Base(o.file)), namespace: e.operatorNamespace}
	var errs []tenantfile.Error
	if i.file, errs = tenantfile.Parse(content); len(errs) > 0 {
		return nil, e.refused(o.file, errs)
	}
	if err := i.pick(o.tenants); err != nil {
		return nil, err
	}
	if o.connections == "" {
		return i, nil
	}
	if content, err = readBounded(o.connections); err != nil {
		return nil, err
	}
	if i.connections, errs = tenantfile.ParseConnections(content); len(errs) > 0 {
		return nil, e.refused(o.connections, errs)
	}
	i.withConnections = true
	hostnames := map[string]string{}
	for _, c := range i.connections {
		if c.Hostname != "" {
			hostnames[c.Name] = c.Hostname
		}
	}
	for _, t := range i.file.Tenants {
		errs = append(errs, t.Check(hostnames)...)
	}
	if len(errs) > 0 {
		return nil, e.refused(o.file, errs)
	}
	return i, nil
}

// readBounded reads a file, and no more of it than is ever used.
func readBounded(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const most = 16 << 20
	content, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", name, err)
	}
	return content, nil
}

// refused tells every error of a file.
func (e *env) refused(file string, errs []tenantfile.Error) error {
	for _, err := range errs {
		fmt.Fprintf(e.Err, "%s: %s\n", statusview.Clean(file), statusview.Clean(err.Error()))
	}
	return fmt.Errorf("%s has %s; nothing was written", file, count(len(errs), "error", "errors"))
}

// pick keeps the tenants that were asked for.
func (i *imported) pick(names []string) error {
	if len(names) == 0 {
		return nil
	}
	var known []string
	for _, t := range i.file.Tenants {
		known = append(known, t.Name)
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return fmt.Errorf("%s has no tenant %q%s", i.source, name, didYouMean(name, known))
		}
	}
	i.file.Tenants = slices.DeleteFunc(i.file.Tenants, func(t tenantfile.Tenant) bool { return !slices.Contains(names, t.Name) })
	i.file.Ignored = slices.DeleteFunc(i.file.Ignored, func(g tenantfile.Ignored) bool { return g.Tenant != "" && !slices.Contains(names, g.Tenant) })
	used := func(s tenantfile.GlobalSemaphore) bool {
		return slices.ContainsFunc(i.file.Tenants, func(t tenantfile.Tenant) bool { return slices.Contains(t.Semaphores, s.Name) })
	}
	i.file.GlobalSemaphores = slices.DeleteFunc(i.file.GlobalSemaphores, func(s tenantfile.GlobalSemaphore) bool { return !used(s) })
	return nil
}

// write puts the files where they belong: all of them, or none when one is there already.
func (i *imported) write(o importOptions) error {
	if err := os.MkdirAll(o.output, 0o755); err != nil {
		return err
	}
	var there []string
	for _, f := range i.outputs {
		if _, err := os.Lstat(filepath.Join(o.output, f.name)); err == nil {
			there = append(there, f.name)
		}
	}
	if len(there) > 0 && !o.force {
		return fmt.Errorf("%s has %s already; nothing was written: use --force to overwrite, or another folder", o.output, strings.Join(there, ", "))
	}
	for _, f := range i.outputs {
		if err := replace(filepath.Join(o.output, f.name), f.content); err != nil {
			return err
		}
	}
	return nil
}

// replace writes a file at once: nobody sees half of it, and a link is not followed.
func replace(name, content string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".import-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if _, err = f.WriteString(content); err == nil {
		err = f.Chmod(0o644)
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	return err
}
