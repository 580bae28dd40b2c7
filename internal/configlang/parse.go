package configlang

import (
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"
)

// parser reads one file.
type parser struct {
	file *File
	// nodes counts what was looked at, told what was complained of.
	nodes, told int
	tooMany     bool
	// within are the aliases that are being expanded.
	within []*yaml.Node
	// stanza is the present object; broken says that it has an error.
	stanza Stanza
	broken bool
	// regexBytes is the text of all regular expressions so far.
	regexBytes int
}

// readers of the objects, by the word that they are written with.
var readers = map[string]func(*parser, *yaml.Node){
	"pipeline":         object(func(f *File) *[]*Pipeline { return &f.Pipelines }, (*parser).pipeline),
	"job":              object(func(f *File) *[]*Job { return &f.Jobs }, (*parser).job),
	"project":          object(func(f *File) *[]*Project { return &f.Projects }, (*parser).project),
	"project-template": object(func(f *File) *[]*Project { return &f.Templates }, (*parser).template),
	"nodeset":          object(func(f *File) *[]*NodeSet { return &f.NodeSets }, (*parser).namedNodeSet),
	"secret":           object(func(f *File) *[]*Secret { return &f.Secrets }, (*parser).secret),
	"semaphore":        object(func(f *File) *[]*Semaphore { return &f.Semaphores }, (*parser).semaphore),
	"queue":            object(func(f *File) *[]*Queue { return &f.Queues }, (*parser).queue),
	"image":            object(func(f *File) *[]*Image { return &f.Images }, (*parser).image),
	"flavor":           object(func(f *File) *[]*Flavor { return &f.Flavors }, (*parser).flavor),
	"label":            object(func(f *File) *[]*Label { return &f.Labels }, (*parser).label),
	"section":          object(func(f *File) *[]*Section { return &f.Sections }, (*parser).section),
	"provider":         object(func(f *File) *[]*Provider { return &f.Providers }, (*parser).provider),
	"pragma":           func(p *parser, n *yaml.Node) { p.pragma(n) },
}

// object keeps what was read unless it has an error.
func object[T any](list func(*File) *[]*T, read func(*parser, *yaml.Node) *T) func(*parser, *yaml.Node) {
	return func(p *parser, n *yaml.Node) {
		if o := read(p, n); !p.broken {
			to := list(p.file)
			*to = append(*to, o)
		}
	}
}

// Parse reads the text of one file. It never fails: what is wrong is in Problems.
func Parse(content string) *File {
	p := &parser{file: &File{Content: content}}
	if root := p.document(content); root != nil {
		p.items(root)
	}
	return p.file
}

const howToWrite = `write a list of objects: "- job:" with its attributes indented below`

// items reads the list of objects. The first that is none ends it, as in Zuul:
// what comes after may belong to it.
func (p *parser) items(root *yaml.Node) {
	switch kindOf(root) {
	case kindNull:
		return
	case kindSequence:
	default:
		p.fail(posOf(root), howToWrite, "Configuration file is not a list, but %s", kindNames[kindOf(root)])
		return
	}
	for _, item := range root.Content {
		if !p.item(item) {
			return
		}
	}
}

func (p *parser) item(item *yaml.Node) bool {
	p.stanza, p.broken = Stanza{}, false
	if kindOf(item) != kindMapping || len(item.Content) == 0 {
		p.fail(posOf(item), howToWrite, "Configuration item is not a dictionary, but %s", kindNames[kindOf(item)])
		return false
	}
	if len(item.Content) > 2 {
		p.fail(posOf(item.Content[2]), "indent it by two more spaces if it belongs to the item above", "Configuration item has more than one key: %q and %q",
			item.Content[0].Value, item.Content[2].Value)
		return false
	}
	key, value := item.Content[0], item.Content[1]
	read := readers[key.Value]
	if kindOf(value) != kindMapping {
		p.fail(posOf(key), "indent its attributes below it", "Configuration item is not a dictionary: %q has no attributes", key.Value)
		return false
	}
	if read == nil {
		p.fail(posOf(key), p.suggest(key.Value, slices.Sorted(maps.Keys(readers))), "Configuration item not recognized: %q", key.Value)
		return false
	}
	p.stanza = Stanza{Kind: key.Value, Name: nameOf(value), Pos: Pos{Line: int32(item.Line), Column: int32(item.Column), Width: 1}}
	read(p, value)
	p.stanza = Stanza{}
	return true
}

// nameOf is the name that an object gives itself, for messages.
func nameOf(n *yaml.Node) string {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "name" && n.Content[i+1].Kind == yaml.ScalarNode {
			return n.Content[i+1].Value
		}
	}
	return ""
}
