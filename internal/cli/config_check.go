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
	return e.checked(f.output, len(s.Errors), all)
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
	return e.checked(f.output, 0, all)
}

// checked writes what was found. JSON lines have an error each time that it is
// met, and the first of each object only, as Zuul counts; the others have all.
// told are the errors of the tenant file, which were told already.
func (e *env) checked(output string, told int, errs []*layout.Error) error {
	var records []confview.ErrorRecord
	if output == "jsonl" {
		records = confview.Errors(errs)
	} else {
		for _, err := range errs {
			records = append(records, confview.Error(err))
		}
	}
	if err := e.writeErrors(output, told, records); err != nil {
		return err
	}
	return result(told > 0, records)
}

// result is the exit code.
func result(failed bool, records []confview.ErrorRecord) error {
	for _, r := range records {
		failed = failed || r.Severity == string(configlang.SeverityError)
	}
	if failed {
		return errFound
	}
	return nil
}

func (e *env) writeErrors(output string, told int, records []confview.ErrorRecord) error {
	w := newJSONLines(e.Out)
	switch output {
	case "jsonl":
		for _, r := range records {
			if err := w.Encode(r); err != nil {
				return err
			}
		}
	case "json":
		w.SetIndent("", "  ")
		if err := w.Encode(map[string]any{"errors": append([]confview.ErrorRecord{}, records...)}); err != nil {
			return err
		}
	default:
		wrong, warnings := told, 0
		for _, r := range records {
			if r.Severity == string(configlang.SeverityWarning) {
				warnings++
			} else {
				wrong++
			}
			fmt.Fprintf(w.buffer, "%s\n\n", r) //nolint:errcheck // the flush below tells
		}
		fmt.Fprintf(w.buffer, "%s, %s\n", count(wrong, "error", "errors"), count(warnings, "warning", "warnings")) //nolint:errcheck // the flush below tells
	}
	return w.done()
}
