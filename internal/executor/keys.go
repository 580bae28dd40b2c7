package executor

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"

	"github.com/gozer-dev/gozer/internal/buildspec"
)

// clientKeys are the private keys that open the nodes, by their files; that of
// the build has no name. A node that was ready before the build began has one of
// its own.
type clientKeys map[string]any

func readKeys(file string, nodes []buildspec.Node) (clientKeys, error) {
	keys := clientKeys{}
	names := []string{""}
	for _, n := range nodes {
		names = append(names, n.Key)
	}
	for _, name := range names {
		if keys[name] != nil {
			continue
		}
		path := file
		if name != "" {
			path = filepath.Join(filepath.Dir(file), filepath.Base(name))
		}
		pem, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("client key: %w", err)
		}
		if keys[name], err = ssh.ParseRawPrivateKey(pem); err != nil {
			return nil, fmt.Errorf("client key %s: %w", path, err)
		}
	}
	return keys, nil
}
