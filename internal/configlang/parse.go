package configlang

import (
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// kinds that Zuul knows and this version does not act on.
var laterKinds = []string{"secret", "semaphore", "pragma", "image", "flavor", "label", "section", "provider"}

// Parse reads one file. The objects without an error are returned with the errors of the others.
func Parse(src *Source) (Objects, []Error) {
	p := &parser{src: src}
	var out Objects
	doc := p.document()
	if doc == nil || p.isNull(doc) {
		return out, p.errors
	}
	if doc.Kind != yaml.SequenceNode {
		p.fail(p.pos(doc), `write "- job: ..."`, "a configuration file is a list of objects")
		return out, p.errors
	}
	for _, n := range doc.Content {
		p.object(n, &out)
	}
	return out, p.errors
}

func (p *parser) object(n *yaml.Node, out *Objects) {
	kinds := map[string]func(*yaml.Node){
		"pipeline":         func(v *yaml.Node) { keep(p, &out.Pipelines, v, p.pipeline) },
		"job":              func(v *yaml.Node) { keep(p, &out.Jobs, v, p.job) },
		"project":          func(v *yaml.Node) { keep(p, &out.Projects, v, p.project) },
		"project-template": func(v *yaml.Node) { keep(p, &out.Templates, v, p.template) },
		"nodeset":          func(v *yaml.Node) { keep(p, &out.NodeSets, v, p.namedNodeSet) },
		"queue":            func(v *yaml.Node) { keep(p, &out.Queues, v, p.queue) },
	}
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 {
		p.fail(p.pos(n), `write "- job: ..."`, "each entry of a configuration file is one object with one key, its kind")
		return
	}
	key, value := n.Content[0], n.Content[1]
	read, ok := kinds[key.Value]
	switch {
	case key.Kind != yaml.ScalarNode:
		p.fail(p.pos(key), `write "- job: ..."`, "the kind of an object must be a string")
	case ok:
		if p.plain(value) {
			read(value)
		}
	case slices.Contains(laterKinds, key.Value):
		p.fail(p.pos(key), "", "objects of kind %q are not supported by this version of Gozer", key.Value)
	default:
		p.fail(p.pos(key), didYouMean(key.Value, append(slices.Sorted(maps.Keys(kinds)), laterKinds...)), "unknown kind of object %q", key.Value)
	}
}

// keep appends what was read when it was read without an error.
func keep[T any](p *parser, to *[]T, n *yaml.Node, read func(*yaml.Node) T) {
	before := p.failures
	v := read(n)
	if p.failures == before {
		*to = append(*to, v)
	}
}

// DefaultPaths are where a repository's configuration lies: the first that exists counts.
var DefaultPaths = []string{"zuul.yaml", "zuul.d/", ".zuul.yaml", ".zuul.d/"}

// IsConfigPath says whether a changed file may change configuration.
func IsConfigPath(file string, extra []string) bool {
	for _, d := range append(slices.Clone(DefaultPaths), extra...) {
		if file == d || strings.HasSuffix(d, "/") && strings.HasPrefix(file, d) {
			return true
		}
	}
	return false
}

// Select picks the files that count out of those that were found, in the order
// in which they are read: the first default location that exists, then the
// extra ones, each folder sorted.
func Select(found map[string]string, extra []string) []string {
	var out []string
	add := func(location string) bool {
		n := len(out)
		for _, f := range slices.Sorted(maps.Keys(found)) {
			if f == location || strings.HasSuffix(location, "/") && strings.HasPrefix(f, location) && path.Ext(f) == ".yaml" {
				if !slices.Contains(out, f) {
					out = append(out, f)
				}
			}
		}
		return len(out) > n
	}
	for _, d := range DefaultPaths {
		if add(d) {
			break
		}
	}
	for _, e := range extra {
		add(e)
	}
	return out
}
