package executor

import (
	"errors"
	"io/fs"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
)

// returned is what playbooks have handed over with zuul_return so far.
func (b *build) returned() map[string]any {
	if b.ansible == nil {
		return nil
	}
	all, err := readObject(b.opts.WorkDir, resultsFile)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			b.log.printf("what zuul_return was given is lost: %v", err)
		}
		return nil
	}
	data, _ := all["data"].(map[string]any)
	return data
}

// noRetry makes a failure of a pre-run that failed, where the playbook has said
// that another attempt would not help (Zuul: zuul.retry).
func (b *build) noRetry(out buildspec.Outcome) buildspec.Outcome {
	zuul, _ := b.returned()["zuul"].(map[string]any)
	if retry, said := zuul["retry"].(bool); said && !retry && out.Result == model.Retry {
		out.Result = model.Failure
	}
	return out
}
