package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/gozer-dev/gozer/internal/confview"
	"github.com/gozer-dev/gozer/internal/statusview"
)

func (e *env) configErrorsCommand(name string) *cobra.Command {
	output := "text"
	c := &cobra.Command{
		Use:   "errors",
		Short: "Tell all that is wrong with the configuration that a tenant has in force",
		Long: `Tell all that is wrong with the configuration that a tenant has in force.

The status of the Tenant has room for the first hundred; here are all of them.
The exit code is 0 when there are no errors, and 1 when there are.`,
		Example: fmt.Sprintf(`  %[1]s config errors -n acme
  %[1]s config errors -n acme -o jsonl`, name),
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if output != "text" && output != "jsonl" {
				return usage("--output is text or jsonl, not %q", output)
			}
			records, err := e.configErrors(c.Context())
			if err != nil {
				return err
			}
			if err := e.writeErrors(output, 0, records); err != nil {
				return err
			}
			return result(false, records)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", output, "text or jsonl")
	return c
}

// maxErrorList bounds the answer.
const maxErrorList = 64 << 20

// configErrors asks Gozer's web service through the API server.
func (e *env) configErrors(ctx context.Context) ([]confview.ErrorRecord, error) {
	if err := e.connect(); err != nil {
		return nil, err
	}
	r, err := e.proxy(ctx, fmt.Sprintf("/api/v1/namespaces/%s/services/http:gozer-web:http/proxy/api/tenant/%s/config-errors", e.operatorNamespace, e.namespace))
	if err != nil {
		return nil, fmt.Errorf("cannot reach gozer-web: %w", err)
	}
	defer r.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxErrorList))
	if err != nil {
		return nil, fmt.Errorf("cannot read the errors: %w", err)
	}
	if r.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("gozer-web answers %s: %s", r.Status, statusview.Clean(string(raw)))
	}
	var list struct{ Errors []confview.ErrorRecord }
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("gozer-web does not answer with errors: %w", err)
	}
	return list.Errors, nil
}
