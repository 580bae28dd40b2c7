package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gozer-dev/gozer/internal/returned"
)

func returnCommand() *cobra.Command {
	var secret bool
	var file string
	c := &cobra.Command{
		Use:   "return [KEY=VALUE]...",
		Short: "Hand data to the jobs after this one, and to Gozer; inside a script of a job",
		Long: `Hand data to the jobs that depend on this one, and to Gozer (Zuul: zuul_return).

A key may have dots: zuul.log_url=https://... A value is JSON, or else a text.
Several calls add up. What Gozer goes by: zuul.child_jobs, zuul.log_url,
zuul.artifacts, zuul.warnings, zuul.retry.`,
		Example: `  gozer return version=1.2.3 image.tag=abc
  gozer return 'zuul.child_jobs=["deploy"]'
  gozer return --secret token="$TOKEN"
  gozer return --file results.json`,
		RunE: func(_ *cobra.Command, args []string) error {
			path := os.Getenv("GOZER_RESULTS")
			if path == "" {
				return errors.New("GOZER_RESULTS is not set: this is for scripts of jobs")
			}
			return addReturned(path, args, file, secret)
		},
	}
	c.Flags().BoolVar(&secret, "secret", false, "for the jobs that depend on this one only, and never shown")
	c.Flags().StringVar(&file, "file", "", "a JSON file with an object, besides or in place of keys")
	return c
}

func addReturned(path string, args []string, file string, secret bool) error {
	data := map[string]any{}
	if file != "" {
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(raw, &data); err != nil {
			return fmt.Errorf("%s is not a JSON object: %w", file, err)
		}
	}
	for _, arg := range args {
		key, value, ok := strings.Cut(arg, "=")
		if !ok {
			return fmt.Errorf("%q is not KEY=VALUE", arg)
		}
		if err := returned.Set(data, key, value); err != nil {
			return err
		}
	}
	var all returned.Results
	raw, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	default:
		if all, err = returned.Parse(raw); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	if secret {
		all.Add(returned.Results{Secret: data})
	} else {
		all.Add(returned.Results{Data: data})
	}
	if raw, err = json.Marshal(all); err != nil {
		return err
	}
	if len(raw) > returned.MaxBytes {
		return fmt.Errorf("that makes %d bytes of data; a job may return %d", len(raw), returned.MaxBytes)
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".results-*")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name()) //nolint:errcheck // it has its name by then
	if _, err := temporary.Write(raw); err != nil {
		return err
	}
	if err := temporary.Close(); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}
