package executor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/gozer-dev/gozer/internal/buildspec"
)

// encodeOutcome fits the outcome into what Kubernetes keeps, by cutting its texts.
func encodeOutcome(o buildspec.Outcome) ([]byte, error) {
	for limit := 1500; ; limit /= 2 {
		o.Reason, o.FirstFailure = oneLine(o.Reason, limit), oneLine(o.FirstFailure, limit)
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false) // six bytes for one
		if err := enc.Encode(o); err != nil {
			return nil, fmt.Errorf("outcome: %w", err)
		}
		if b.Len() <= buildspec.MaxOutcomeBytes {
			return b.Bytes(), nil
		}
	}
}

func oneLine(s string, limit int) string {
	s = strings.ToValidUTF8(strings.Join(strings.Fields(s), " "), "?")
	if len(s) <= limit {
		return s
	}
	const more = "…"
	cut := max(limit-len(more), 0)
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + more
}

// writeOutcome does not rename: the termination message is a mounted file.
func writeOutcome(path string, o buildspec.Outcome) error {
	b, err := encodeOutcome(o)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		return fmt.Errorf("outcome: %w", err)
	}
	return nil
}
