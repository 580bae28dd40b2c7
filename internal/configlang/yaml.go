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
	maxFileBytes = 4 << 20
	maxDepth     = 100
	maxNodes     = 500_000
	// maxDirectives is far from what anybody writes: the language needs none.
	maxDirectives = 100
)

// document parses the text into nodes without aliases and merge keys; nil when
// there is nothing to read.
func (p *parser) document(content string) *yaml.Node {
	whole := Pos{Line: 1, Column: 1, Width: 1}
	switch {
	case len(content) > maxFileBytes:
		p.fail(Pos{}, "split it into several files below zuul.d/", "the file has %d bytes; at most %d are read", len(content), maxFileBytes)
		return nil
	case !utf8.ValidString(content):
		p.fail(whole, "save it as UTF-8", "the file is not valid UTF-8")
		return nil
	case strings.ContainsRune(content, 0):
		p.fail(whole, "remove it", "the file has a NUL byte")
		return nil
	case strings.Count(content, "%TAG") > maxDirectives:
		// The library compares each with all others.
		p.fail(whole, "remove them", "the file has more than %d %%TAG directives", maxDirectives)
		return nil
	case deep(content):
		p.fail(whole, "", "the file nests values more than %d deep", maxDepth)
		return nil
	}
	doc, err := decode(content)
	if err != nil {
		p.yamlError(content, err)
		return nil
	}
	if doc == nil || len(doc.Content) == 0 {
		return nil
	}
	root := doc.Content[0]
	c := checker{parser: p}
	if !c.check(root, 0) {
		return nil
	}
	if c.aliases {
		p.nodes = 0
		return p.expand(root, 0)
	}
	return root
}

// documentsError says that another document begins at a line.
type documentsError struct{ line int }

func (e *documentsError) Error() string {
	return "the file has several YAML documents; only one is possible"
}

// decode reads the only document of a file. Within brackets the library takes
// every question mark for an indicator; Zuul reads [^(?!x)] as the list of a
// regular expression. So what cannot be read is read with another mark again.
func decode(content string) (*yaml.Node, error) {
	doc, err := decodeText(content)
	if err == nil || !strings.Contains(content, "?") || strings.Contains(content, markStandIn) {
		return doc, err
	}
	again, err2 := decodeText(withoutMarks(content))
	if err2 != nil || again == nil {
		return nil, err
	}
	withMarks(again)
	return again, nil
}

// markStandIn takes the place of a question mark that is part of a text.
const markStandIn = "\uE03F"

func withoutMarks(content string) string {
	var b strings.Builder
	for i := range len(content) {
		indicator := (i == 0 || strings.IndexByte(" \t\r\n[{,", content[i-1]) >= 0) && (i+1 == len(content) || strings.IndexByte(" \t\r\n", content[i+1]) >= 0)
		if content[i] == '?' && !indicator {
			b.WriteString(markStandIn)
		} else {
			b.WriteByte(content[i])
		}
	}
	return b.String()
}

func withMarks(n *yaml.Node) {
	for _, s := range []*string{&n.Value, &n.Tag, &n.Anchor} {
		*s = strings.ReplaceAll(*s, markStandIn, "?")
	}
	for _, c := range n.Content {
		withMarks(c)
	}
}

func decodeText(content string) (doc *yaml.Node, err error) {
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
		return nil, &documentsError{second.Line}
	case !errors.Is(err, io.EOF):
		return nil, err
	}
	return &first, nil
}

var (
	yamlLine = regexp.MustCompile(`line (\d+): `)
	// yamlFromZero are errors whose lines the library counts from 0.
	yamlFromZero  = regexp.MustCompile(`^(did not find expected (key|node content|'-'|',' or|<)|found (duplicate %|incompatible YAML|undefined tag))`)
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced`)
)

// yamlError turns an error of the library into one with a place.
func (p *parser) yamlError(content string, err error) {
	at := Pos{Line: 1, Column: 1, Width: 1}
	var several *documentsError
	if errors.As(err, &several) {
		at.Line = int32(several.line)
		p.fail(at, "remove the line `---` between them", "%v", err)
		return
	}
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		message = strings.Replace(message, m[0], "", 1)
		line, err := strconv.ParseInt(m[1], 10, 32)
		if err == nil && yamlFromZero.MatchString(message) {
			line++
		}
		at.Line = max(1, int32(line))
		if _, ok := p.file.Line(int(at.Line)); !ok {
			at.Line-- // the end of a file whose last line is open
		}
	}
	hint := ""
	if strings.Contains(message, "cannot start any token") && strings.Contains(content, "\t") {
		hint = "indent with spaces, not with tabs"
	}
	if m := unknownAnchor.FindStringSubmatch(message); m != nil {
		if found, ok := p.file.FindWord(at, "*"+m[1]); ok {
			at = found
		}
	}
	p.fail(at, hint, "this is not YAML: %s", message)
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

// checker looks at every node once, before anything is made of them.
type checker struct {
	*parser
	// aliases says whether there is anything to expand.
	aliases bool
}

// knownTags are the tags that a node may have.
var knownTags = []string{"", "!", "!!str", "!!int", "!!float", "!!bool", "!!null", "!!map", "!!seq", "!!timestamp", "!!merge", "!!binary",
	tagOverride, tagInherit, tagEncrypted}

// Tags of the language.
const (
	tagOverride  = "!override"
	tagInherit   = "!inherit"
	tagEncrypted = "!encrypted/pkcs1-oaep"
)

// check refuses what makes a whole file unreadable: as in Zuul, one such thing
// leaves all of the file out, since nobody can tell what was meant.
func (c *checker) check(n *yaml.Node, depth int) bool {
	c.nodes++
	switch {
	case c.nodes > maxNodes:
		c.fail(posOf(n), "split the file", "the file has more than %d values", maxNodes)
		return false
	case depth > maxDepth:
		c.fail(posOf(n), "", "the file nests values more than %d deep", maxDepth)
		return false
	case n.Kind == yaml.AliasNode:
		c.aliases = true
		return true
	case !slices.Contains(knownTags, n.ShortTag()):
		c.fail(posOf(n), "remove it", "the tag %q is not known", brief(n.Tag))
		return false
	}
	if n.Kind == yaml.MappingNode && !c.keys(n) {
		return false
	}
	for _, child := range n.Content {
		if !c.check(child, depth+1) {
			return false
		}
	}
	return true
}

// keys refuses doubled keys and keys that are no scalars.
func (c *checker) keys(n *yaml.Node) bool {
	var seen map[string]bool
	if len(n.Content) > 32 {
		seen = make(map[string]bool, len(n.Content)/2)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := keyOf(n.Content[i])
		c.aliases = c.aliases || key != n.Content[i] || isMerge(key)
		switch {
		case key.Kind != yaml.ScalarNode:
			c.fail(posOf(n.Content[i]), `a value that begins with "{{" needs quotes`, "the key of a mapping must be a word, not a mapping or a list")
			return false
		case isMerge(key):
			continue
		}
		double := false
		if seen != nil {
			double = seen[key.Value]
			seen[key.Value] = true
		} else {
			for j := 0; j < i; j += 2 {
				double = double || keyOf(n.Content[j]).Value == key.Value
			}
		}
		if double {
			// The place of the mapping is what Zuul tells.
			c.stanza.Pos = Pos{Line: int32(n.Line), Column: int32(n.Column), Width: 1}
			c.failAs(NameUnknownError, posOf(n.Content[i]), "remove one of them", "The key %q appears more than once; duplicate keys are not permitted.", brief(key.Value))
			return false
		}
	}
	return true
}

// keyOf is a key that may be an alias.
func keyOf(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isMerge(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Value == "<<" && n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) == 0
}

func posOf(n *yaml.Node) Pos {
	width := int32(1)
	if n.Kind == yaml.ScalarNode && !strings.Contains(n.Value, "\n") {
		width = int32(min(utf8.RuneCountInString(n.Value), 200))
		if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
			width += 2
		}
	}
	return Pos{Line: int32(n.Line), Column: int32(n.Column), Width: max(1, width)}
}
