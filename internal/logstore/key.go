package logstore

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Key names one log: one attempt of one build.
type Key struct {
	Namespace string
	Build     string
	Attempt   int
}

// String is also the subject of the token that opens the log for writing.
func (k Key) String() string { return fmt.Sprintf("%s/%s/%d", k.Namespace, k.Build, k.Attempt) }

// ErrBadKey is returned for every name that Kubernetes would not give to an object.
var ErrBadKey = errors.New("not the name of a log: <namespace>/<build>/<attempt>")

// The names of Kubernetes: a label, and a subdomain short enough for a file name.
var (
	namespaceRE = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	buildRE     = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)
	attemptRE   = regexp.MustCompile(`^(0|[1-9][0-9]{0,5})$`)
)

// ParseKey checks the three parts of a key; they come from the network.
func ParseKey(namespace, build, attempt string) (Key, error) {
	if !validBuild(namespace, build) || !attemptRE.MatchString(attempt) {
		return Key{}, ErrBadKey
	}
	n, err := strconv.Atoi(attempt)
	if err != nil {
		return Key{}, ErrBadKey
	}
	return Key{Namespace: namespace, Build: build, Attempt: n}, nil
}

func validBuild(namespace, build string) bool {
	return namespaceRE.MatchString(namespace) && buildRE.MatchString(build) && !strings.Contains(build, "..")
}

func (k Key) valid() error {
	_, err := ParseKey(k.Namespace, k.Build, strconv.Itoa(k.Attempt))
	return err
}

const (
	logSuffix   = ".log"
	finalSuffix = ".final"
)

func (k Key) dir() string { return filepath.Join(k.Namespace, k.Build) }

func (k Key) path(suffix string) string {
	return filepath.Join(k.dir(), strconv.Itoa(k.Attempt)+suffix)
}
