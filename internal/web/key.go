package web

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/gozer-dev/gozer/internal/logstore"
)

// key hands on the public key of a project, for which secrets are encrypted.
func (s *server) key(w http.ResponseWriter, r *http.Request) {
	path, ok := keyPath(r.PathValue("tenant"), r.PathValue("project"))
	if !ok {
		http.Error(w, "a key is at /api/tenant/<tenant>/key/<project>.pub", http.StatusNotFound)
		return
	}
	s.forward(w, r, path, nil)
}

// segmentRE is what a part of a project's name is made of: the host, or a part of the path.
var segmentRE = regexp.MustCompile(`^[A-Za-z0-9_.+~:-]+$`)

const (
	maxKeyPath = 600
	keySuffix  = ".pub"
)

// keyPath is the manager's path of a key. A project's name has slashes, which
// some clients write as %2F.
func keyPath(tenant, file string) (string, bool) {
	k, err := logstore.ParseKey(tenant, "key", "0") // a tenant is a namespace
	if err != nil || len(file) > maxKeyPath || !strings.HasSuffix(file, keySuffix) {
		return "", false
	}
	for part := range strings.SplitSeq(strings.TrimSuffix(file, keySuffix), "/") {
		if part == "." || part == ".." || !segmentRE.MatchString(part) {
			return "", false
		}
	}
	return "/api/tenant/" + k.Namespace + "/key/" + file, true
}
