package executor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
)

// maxReason is what there is room for of each text of an outcome.
const maxReason = 1500

// encodeOutcome fits the outcome into what Kubernetes keeps, by cutting its texts.
func encodeOutcome(o buildspec.Outcome) ([]byte, error) {
	for limit := maxReason; ; limit /= 2 {
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

// oneLine makes a text that may be of strangers fit for a status: whoever looks at
// that has a terminal, which must not obey it.
func oneLine(s string, limit int) string { return cutLine(plainLine(s), limit) }

func plainLine(s string) string {
	s = strings.Join(strings.Fields(colour.ReplaceAllString(s, "")), " ")
	return model.Plain(strings.ToValidUTF8(s, "?"))
}

func cutLine(s string, limit int) string {
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
