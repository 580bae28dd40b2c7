package configsource

import (
	"crypto/sha256"
	"sync"

	"github.com/gozer-dev/gozer/internal/configlang"
)

// maxParsedBytes bounds the text of the files that are kept parsed; what they
// make of it takes about ten times as much.
const maxParsedBytes = 16 << 20

// parsed keeps files by their content: the same on many branches, in many
// tenants and after every push is read once. The zero value is ready.
type parsed struct {
	mu    sync.Mutex
	files map[[sha256.Size]byte]*configlang.File
	bytes int
	// misses counts what had to be parsed.
	misses int
}

func (p *parsed) parse(content string) *configlang.File {
	key := sha256.Sum256([]byte(content))
	p.mu.Lock()
	f := p.files[key]
	p.mu.Unlock()
	if f != nil {
		return f
	}
	f = configlang.Parse(content)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.files == nil || p.bytes > maxParsedBytes {
		p.files, p.bytes = map[[sha256.Size]byte]*configlang.File{}, 0
	}
	p.files[key] = f
	p.bytes += len(content)
	p.misses++
	return f
}
