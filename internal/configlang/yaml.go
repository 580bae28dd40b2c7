package configlang

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Bounds on what a file may be.
const (
	maxFileBytes = 1 << 20
	maxDepth     = 100
	maxNodes     = 200_000
	// maxErrors bounds the errors of one file that are told.
	maxErrors = 100
	// maxMessage bounds one message: names in it come from strangers.
	maxMessage = 600
	maxName    = 255
	maxPath    = 1024
	// maxRegexp bounds the text of a regular expression, maxRegexpSize the
	// compiled size of all those of a file.
	maxRegexp     = 1000
	maxRegexpSize = 100_000
)

// parser reads one file.
type parser struct {
	src    *Source
	errors []Error
	// failures counts all errors, also those that are not told.
	failures int
	nodes    int
	// regexpSize is the size of the regular expressions compiled so far.
	regexpSize int
}

func (p *parser) fail(pos Pos, hint, format string, args ...any) {
	p.failAs("", pos, hint, format, args...)
}

// failAs records an error that has a name.
func (p *parser) failAs(name string, pos Pos, hint, format string, args ...any) {
	p.failures++
	e := Error{Severity: SeverityError, Name: name, Pos: pos, Hint: hint, Message: fmt.Sprintf(format, args...)}
	if r := []rune(e.Message); len(r) > maxMessage {
		e.Message = string(r[:maxMessage]) + "…"
	}
	switch {
	case p.failures <= maxErrors:
		p.errors = append(p.errors, e)
	case p.failures == maxErrors+1:
		p.errors = append(p.errors, Error{Severity: SeverityError, Pos: Pos{Source: p.src}, Message: "the file has more errors than are shown", Hint: "correct these first"})
	}
}

func (p *parser) pos(n *yaml.Node) Pos {
	width := utf8.RuneCountInString(n.Value)
	if n.Kind != yaml.ScalarNode || strings.Contains(n.Value, "\n") {
		width = 1
	}
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		width += 2
	}
	return Pos{Source: p.src, Line: n.Line, Column: n.Column, Width: width}
}

// document parses the file into nodes, with all aliases and merge keys replaced.
func (p *parser) document() *yaml.Node {
	whole := Pos{Source: p.src, Line: 1, Column: 1}
	switch {
	case len(p.src.Content) > maxFileBytes:
		p.fail(Pos{Source: p.src}, "split it into several files below zuul.d/", "the file has %d bytes; at most %d are read", len(p.src.Content), maxFileBytes)
		return nil
	case !utf8.ValidString(p.src.Content):
		p.fail(whole, "save it as UTF-8", "the file is not valid UTF-8")
		return nil
	case strings.ContainsRune(p.src.Content, 0):
		p.fail(whole, "remove it", "the file has a NUL byte")
		return nil
	case deep(p.src.Content):
		p.fail(whole, "", "the file nests values more than %d deep", maxDepth)
		return nil
	}
	doc, err := decode(p.src.Content)
	if err != nil {
		p.fail(p.yamlError(err))
		return nil
	}
	if doc == nil || len(doc.Content) == 0 {
		return nil
	}
	return p.expand(doc.Content[0], 0)
}

var errDocuments = errors.New("the file has several YAML documents; only one is read")

// decode reads the only document of a file.
func decode(content string) (doc *yaml.Node, err error) {
	// The library is not to take the whole gate down over a stranger's file.
	defer func() {
		if r := recover(); r != nil {
			doc, err = nil, fmt.Errorf("the parser gave up: %v", r)
		}
	}()
	d := yaml.NewDecoder(strings.NewReader(content))
	var first, second yaml.Node
	if err := d.Decode(&first); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return nil, err
	}
	switch err := d.Decode(&second); {
	case err == nil:
		return nil, errDocuments
	case !errors.Is(err, io.EOF):
		return nil, err
	}
	return &first, nil
}

var yamlLine = regexp.MustCompile(`line (\d+): `)

// yamlError turns an error of the library into one with a place.
func (p *parser) yamlError(err error) (pos Pos, hint, format, message string) {
	pos = Pos{Source: p.src, Line: 1, Column: 1}
	if errors.Is(err, errDocuments) {
		return pos, "remove the line `---` between them", "%s", err.Error()
	}
	message = strings.TrimPrefix(err.Error(), "yaml: ")
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		pos.Line, _ = strconv.Atoi(m[1])
		message = strings.Replace(message, m[0], "", 1)
	}
	if strings.Contains(message, "cannot start any token") && strings.Contains(p.src.Content, "\t") {
		hint = "indent with spaces, not with tabs"
	}
	return pos, hint, "this is not YAML: %s", message
}

// deep guards the YAML library against nesting that it is slow at, or that
// would overflow its stack. It overestimates: brackets in texts count too.
func deep(content string) bool {
	brackets := 0
	for line := range strings.Lines(content) {
		if dashes(line) > maxDepth {
			return true
		}
		for _, c := range []byte(line) {
			switch c {
			case '[', '{':
				if brackets++; brackets > 10*maxDepth {
					return true
				}
			case ']', '}':
				brackets = max(0, brackets-1)
			}
		}
	}
	return false
}

// dashes counts the block collections that open at the start of one line: "- - ? - ".
func dashes(line string) int {
	n := 0
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '-', '?', ':':
			if i+1 < len(line) && !strings.ContainsRune(" \t\r\n", rune(line[i+1])) {
				return n
			}
			n++
		case ' ', '\t':
		default:
			return n
		}
	}
	return n
}

// expand replaces aliases by copies and merge keys by what they bring, within
// bounds. It returns nil when the bounds are exceeded.
func (p *parser) expand(n *yaml.Node, depth int) *yaml.Node {
	if p.nodes++; p.nodes > maxNodes {
		if p.nodes == maxNodes+1 {
			p.fail(p.pos(n), "use fewer aliases", "the file grows to more than %d values", maxNodes)
		}
		return nil
	}
	if depth > maxDepth {
		p.fail(p.pos(n), "", "the file nests values more than %d deep", maxDepth)
		return nil
	}
	if n.Kind == yaml.AliasNode {
		return p.expand(n.Alias, depth+1)
	}
	if len(n.Content) == 0 {
		return n
	}
	out := *n
	out.Content = make([]*yaml.Node, len(n.Content))
	for i, c := range n.Content {
		if out.Content[i] = p.expand(c, depth+1); out.Content[i] == nil {
			return nil
		}
	}
	if n.Kind == yaml.MappingNode && slices.ContainsFunc(out.Content, isMerge) {
		out.Content = merge(out.Content)
	}
	return &out
}

func isMerge(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!merge" }

func notMapping(n *yaml.Node) bool { return n.Kind != yaml.MappingNode }

// badMerge complains of a merge key that brings nothing.
func (p *parser) badMerge(key *yaml.Node) {
	p.fail(p.pos(key), "write `<<: *name`", "a merge key needs a mapping")
}

// merge replaces "<<: *defaults" by the attributes that are not given otherwise.
// Those named earlier win.
func merge(content []*yaml.Node) []*yaml.Node {
	var out, brought []*yaml.Node
	for i := 0; i+1 < len(content); i += 2 {
		key, value := content[i], content[i+1]
		switch {
		case !isMerge(key):
			out = append(out, key, value)
		case value.Kind == yaml.MappingNode:
			brought = append(brought, value)
		case value.Kind == yaml.SequenceNode && !slices.ContainsFunc(value.Content, notMapping):
			brought = append(brought, value.Content...)
		default:
			// Whoever reads the mapping complains of it.
			out = append(out, key, value)
		}
	}
	seen := map[string]bool{}
	for i := 0; i < len(out); i += 2 {
		seen[out[i].Value] = true
	}
	for _, b := range brought {
		for i := 0; i+1 < len(b.Content); i += 2 {
			if key := b.Content[i]; !seen[key.Value] {
				seen[key.Value] = true
				out = append(out, key, b.Content[i+1])
			}
		}
	}
	return out
}

// coreTags are the tags that say nothing beyond plain YAML.
var coreTags = []string{"", "!!str", "!!int", "!!float", "!!bool", "!!null", "!!map", "!!seq", "!!timestamp", "!!merge"}

// plain says whether a value has no tags that would have to be acted on; it reports them.
func (p *parser) plain(n *yaml.Node) bool {
	ok := true
	if tag := n.ShortTag(); !slices.Contains(coreTags, tag) {
		p.fail(p.pos(n), "remove it", "the tag %s is not supported by this version of Gozer", tag)
		ok = false
	}
	for _, c := range n.Content {
		ok = p.plain(c) && ok
	}
	return ok
}
