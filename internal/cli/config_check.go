package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/confview"
	"github.com/gozer-dev/gozer/internal/layout"
)

func (e *env) configCheckCommand(name string) *cobra.Command {
	f := &configFlags{}
	c := &cobra.Command{
		Use:   "check [FILE...]",
		Short: "Tell what is wrong with a tenant's configuration, or with single files",
		Long: `Tell what is wrong with a tenant's configuration, or with single files.

With files, each is checked for itself: what it refers to is not looked for.
The exit code is 0 when all is well (warnings do not count), 1 when there are
errors, 2 when nothing can be said.`,
		Example: fmt.Sprintf(`  %[1]s config check .zuul.yaml
  %[1]s config check --tenant main.yaml --root src --connections zuul.conf
  %[1]s config check --tenant main.yaml --tenant-name acme --root src -o jsonl`, name),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return e.checkFiles(f, args)
			}
			return e.checkTenants(f)
		},
	}
	f.add(c, "text", "json", "jsonl")
	return c
}

func (e *env) checkTenants(f *configFlags) error {
	s, names, err := f.open()
	if err != nil {
		return err
	}
	failed := len(s.Errors) > 0
	for _, te := range s.Errors {
		fmt.Fprintf(e.Err, "%s: %v\n", f.TenantFile, te) //nolint:errcheck // nobody is left to tell
	}
	var all []*layout.Error
	for _, name := range names {
		l, err := s.Load(name)
		if err != nil {
			return unusable(err)
		}
		all = append(all, l.Errors()...)
	}
	if err := e.writeErrors(f.output, all); err != nil {
		return err
	}
	return result(failed, all)
}

// checkFiles checks files on their own.
func (e *env) checkFiles(f *configFlags, paths []string) error {
	var all []*layout.Error
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return unusable(err)
		}
		all = append(all, layout.FileErrors(path, configlang.Parse(string(content)))...)
	}
	if err := e.writeErrors(f.output, all); err != nil {
		return err
	}
	return result(false, all)
}

// result is the exit code.
func result(failed bool, errs []*layout.Error) error {
	for _, err := range errs {
		failed = failed || err.Severity == configlang.SeverityError
	}
	if failed {
		return errFound
	}
	return nil
}

func (e *env) writeErrors(output string, errs []*layout.Error) error {
	switch output {
	case "jsonl":
		w := newJSONLines(e.Out)
		for _, r := range confview.Errors(errs) {
			if err := w.Encode(r); err != nil {
				return err
			}
		}
		return w.done()
	case "json":
		// Editors want all, also the further errors of an object.
		records := []confview.ErrorRecord{}
		for _, err := range errs {
			records = append(records, confview.Error(err))
		}
		w := newJSONLines(e.Out)
		w.SetIndent("", "  ")
		if err := w.Encode(map[string]any{"errors": records}); err != nil {
			return err
		}
		return w.done()
	}
	return e.textErrors(errs)
}

func (e *env) textErrors(errs []*layout.Error) error {
	wrong, warnings := 0, 0
	for _, err := range errs {
		if err.Severity == configlang.SeverityWarning {
			warnings++
		} else {
			wrong++
		}
		often := ""
		if err.Uses > 1 {
			often = fmt.Sprintf(" (met %d times)", err.Uses)
		}
		if _, werr := fmt.Fprintf(e.Out, "%s%s: %s\n\n", err.Severity, often, err.Error()); werr != nil {
			return werr
		}
	}
	_, err := fmt.Fprintf(e.Out, "%d errors, %d warnings\n", wrong, warnings)
	return err
}
