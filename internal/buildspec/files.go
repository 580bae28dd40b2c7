package buildspec

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/gozer-dev/gozer/internal/model"
)

// Bounds on the files that one attempt of a build leaves behind, its log aside.
// The executor keeps to them so that people see what was left out; the manager
// enforces them, for it does not trust who sends.
const (
	MaxFiles      = 1000
	MaxFileBytes  = 100 << 20
	MaxFilesBytes = 250 << 20
	// maxFileName leaves room for what comes before it: object stores take keys of 1024 bytes.
	maxFileName = 512
	// maxNamePart is what a file system takes, less what a store may escape or add.
	maxNamePart = 200
	// MaxListBytes is more than the list of all of them as JSON, where a character
	// may take twice as much.
	MaxListBytes = (MaxFiles + 10) * (2*maxFileName + 200)
)

// Names of the files that the executor itself adds to those of the job.
const (
	LogName       = "job-output.txt"
	OutputName    = "job-output.json"
	InventoryName = "zuul-info/inventory.yaml"
)

// ErrFileName is returned for every name that would not be the same file everywhere.
var ErrFileName = errors.New("not the name of a file that can be kept")

// CheckFileName refuses names that are not plain relative paths. They come from
// code of strangers, and become parts of URLs, of pages and of other people's disks.
func CheckFileName(name string) error {
	switch {
	case name == "" || len(name) > maxFileName:
		return fmt.Errorf("%w: it must have 1 to %d bytes", ErrFileName, maxFileName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unprintable):
		return fmt.Errorf("%w: it has characters that do not show", ErrFileName)
	case strings.HasPrefix(name, "/") || path.Clean(name) != name || strings.Contains(name, `\`):
		return fmt.Errorf("%w: it must be a plain relative path", ErrFileName)
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "." || part == ".." || len(part) > maxNamePart {
			return fmt.Errorf("%w: no part may be . or .. or have more than %d bytes", ErrFileName, maxNamePart)
		}
		if strings.HasSuffix(part, NotesSuffix) || unfinished.MatchString(part) {
			return fmt.Errorf("%w: no part may end in %s or like .1f.tmp", ErrFileName, NotesSuffix)
		}
	}
	return nil
}

// NotesSuffix ends the names under which a store of plain files has its notes. A
// folder of such a name would be in the way of a file.
const NotesSuffix = ".attrs"

// unfinished are names of files that such a store has not written to their end.
var unfinished = regexp.MustCompile(`\.[0-9a-f]+\.tmp$`)

func unprintable(r rune) bool { return model.Unprintable(r) || r == utf8.RuneError }
