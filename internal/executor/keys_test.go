package executor

import (
	"os"
	"testing"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
)

// TestNodeWithAKeyOfItsOwn: a node that was kept warm opens to its own key, not
// to that of the build.
func TestNodeWithAKeyOfItsOwn(t *testing.T) {
	w := newWorld(t)
	own, err := os.ReadFile(w.opts.ClientKeyFile)
	if err != nil {
		t.Fatal(err)
	}
	_, other := newKey(t)
	w.write("client_key", other)
	w.write("client_key.warm-1", own)
	w.spec.Nodes[0].Key = "client_key.warm-1"
	w.project(map[string]file{"t": script("echo ran\n")})
	w.spec.Run = w.playbooks("t")
	if o, _ := w.run(); o.Result != model.Success {
		t.Errorf("%+v", o)
	}
	if _, err := readKeys(w.opts.ClientKeyFile, []buildspec.Node{{Key: "client_key.warm-2"}}); err == nil {
		t.Error("a key that is not there")
	}
}
