package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/logstore"
	"github.com/gozer-dev/gozer/internal/statusview"
)

// maxList is more than the list of the files of a build.
const maxList = buildspec.MaxListBytes

// filesPath is where gozer-web has the files of a build, of its newest attempt.
func (e *env) filesPath(b *gozer.Build) string {
	return fmt.Sprintf("/api/v1/namespaces/%s/services/http:gozer-web:http/proxy/logs/%s/%s/", e.operatorNamespace, b.Namespace, b.Name)
}

// files lists what a build left behind.
func (e *env) files(ctx context.Context, b *gozer.Build) error {
	found, err := e.listFiles(ctx, b)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(e.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SIZE\tMODIFIED\tNAME") //nolint:errcheck // Flush tells
	for _, f := range found.Files {
		fmt.Fprintf(w, "%d\t%s\t%s\n", f.Size, f.Modified.UTC().Format("2006-01-02 15:04:05"), statusview.Clean(f.Name)) //nolint:errcheck // Flush tells
	}
	return w.Flush()
}

func (e *env) listFiles(ctx context.Context, b *gozer.Build) (logstore.Files, error) {
	var found logstore.Files
	r, err := e.proxy(ctx, e.filesPath(b))
	if err != nil {
		return found, fmt.Errorf("cannot reach the log store: %w", err)
	}
	defer r.Body.Close() //nolint:errcheck // it was read
	if r.StatusCode != http.StatusOK {
		return found, e.logRefused(r, b)
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, maxList)).Decode(&found); err != nil {
		return found, fmt.Errorf("the answer of the log store is no list of files: %w", err)
	}
	return found, nil
}

// file prints one file as it is: its bytes may be anything, as with cat.
func (e *env) file(ctx context.Context, b *gozer.Build, name string) error {
	if err := buildspec.CheckFileName(name); err != nil {
		return usage("%q: %v", name, err)
	}
	found, err := e.listFiles(ctx, b)
	if err != nil {
		return err
	}
	var names []string
	for _, f := range found.Files {
		names = append(names, f.Name)
	}
	parts := strings.Split(name, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	r, err := e.proxy(ctx, fmt.Sprintf("%s%d/%s", e.filesPath(b), found.Attempt, strings.Join(parts, "/")))
	if err != nil {
		return fmt.Errorf("cannot reach the log store: %w", err)
	}
	defer r.Body.Close() //nolint:errcheck // it was read
	if r.StatusCode == http.StatusNotFound {
		return fmt.Errorf("build %s left no file %s%s", b.Name, statusview.Clean(name), didYouMean(name, names))
	}
	if r.StatusCode != http.StatusOK {
		return e.logRefused(r, b)
	}
	_, err = io.Copy(e.Out, r.Body)
	return err
}

func (e *env) artifactsCommand(name string) *cobra.Command {
	return &cobra.Command{
		Use:     "artifacts BUILD | CHANGE JOB",
		Short:   "List the artifacts that a build has returned",
		Example: fmt.Sprintf("  %[1]s artifacts -n acme acme/web#8 image", name),
		Args:    buildArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if err := e.connect(); err != nil {
				return err
			}
			b, err := e.findBuild(c.Context(), args)
			if err != nil {
				return err
			}
			return e.artifacts(b)
		},
	}
}

func (e *env) artifacts(b *gozer.Build) error {
	if b.Status.Returned == nil || len(b.Status.Returned.Artifacts) == 0 {
		return fmt.Errorf("build %s has returned no artifacts; `logs --files` lists the files that it left", b.Name)
	}
	w := tabwriter.NewWriter(e.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tURL") //nolint:errcheck // Flush tells
	for _, a := range b.Status.Returned.Artifacts {
		fmt.Fprintf(w, "%s\t%s\n", statusview.Clean(a.Name), statusview.Clean(a.URL)) //nolint:errcheck // Flush tells
	}
	return w.Flush()
}
