package layout

import (
	"sync"

	"github.com/gozer-dev/gozer/internal/configlang"
)

// parsed remembers what files say: a speculative layout differs from the one
// in force in a file or two, and pays for these only.
var parsed = &parseCache{byContent: map[parseKey]parseResult{}}

// maxParsed bounds the cache; it is emptied when it is full.
const maxParsed = 20_000

type parseKey struct{ project, branch, path, content string }

type parseResult struct {
	objects configlang.Objects
	errs    []configlang.Error
}

type parseCache struct {
	mu        sync.Mutex
	byContent map[parseKey]parseResult
}

func parse(src *configlang.Source) (configlang.Objects, []configlang.Error) {
	k := parseKey{src.Project, src.Branch, src.Path, src.Content}
	parsed.mu.Lock()
	r, ok := parsed.byContent[k]
	parsed.mu.Unlock()
	if ok {
		return r.objects, r.errs
	}
	r.objects, r.errs = configlang.Parse(src)
	parsed.mu.Lock()
	defer parsed.mu.Unlock()
	if len(parsed.byContent) >= maxParsed {
		clear(parsed.byContent)
	}
	parsed.byContent[k] = r
	return r.objects, r.errs
}
