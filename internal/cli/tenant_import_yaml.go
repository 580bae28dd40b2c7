package cli

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/convert"
)

// manifest writes an object as people do: in the order of its fields, without
// a status and without what the API server fills in anyhow.
func manifest(o any) (string, error) {
	raw, err := json.Marshal(o)
	if err != nil {
		return "", err
	}
	var doc yaml.Node // JSON is YAML, and keeps the order
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		return "", err
	}
	top := doc.Content[0]
	if len(top.Content) > 3 && top.Content[0].Value == "kind" {
		top.Content = slices.Concat(top.Content[2:4], top.Content[:2], top.Content[4:]) // people write apiVersion first
	}
	drop(top, "status")
	drop(value(top, "metadata"), "creationTimestamp")
	if t, ok := o.(*gozer.Tenant); ok {
		spec := value(top, "spec")
		d := convert.DefaultTenant().Spec
		setOrDrop(spec, "defaultParent", t.Spec.DefaultParent, d.DefaultParent)
		setOrDrop(spec, "maxNodesPerJob", t.Spec.MaxNodesPerJob, d.MaxNodesPerJob)
		setOrDrop(spec, "maxJobTimeout", t.Spec.MaxJobTimeout, d.MaxJobTimeout)
	}
	if spec := value(top, "spec"); spec != nil && len(spec.Content) == 0 {
		drop(top, "spec")
	}
	style(top)
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	e.CompactSeqIndent()
	if err := e.Encode(top); err != nil {
		return "", err
	}
	return b.String(), e.Close()
}

// setOrDrop leaves a default out, and says what Go leaves out for being zero.
func setOrDrop[T comparable](n *yaml.Node, key string, v, otherwise T) {
	drop(n, key)
	if v == otherwise {
		return
	}
	var k, node yaml.Node
	k.SetString(key)
	if node.Encode(v) == nil {
		n.Content = append(n.Content, &k, &node)
	}
}

// value of a mapping's key; nil when it has none.
func value(n *yaml.Node, key string) *yaml.Node {
	for i := 0; n != nil && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func drop(n *yaml.Node, key string) {
	for i := 0; n != nil && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			n.Content = slices.Delete(n.Content, i, i+2)
			return
		}
	}
}

var (
	plainText = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_./+~@-]*$`)
	// Words that some YAML parser takes for something else.
	ambiguous = []string{"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
)

// style writes collections as blocks, and texts in quotes where any parser might see something else.
func style(n *yaml.Node) {
	n.Style = 0
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == "!!str" && (!plainText.MatchString(n.Value) || slices.Contains(ambiguous, strings.ToLower(n.Value))):
		n.Style = yaml.SingleQuotedStyle
	case n.Kind == yaml.SequenceNode && len(n.Content) == 0:
		n.Style = yaml.FlowStyle
	}
	for _, c := range n.Content {
		style(c)
	}
}
