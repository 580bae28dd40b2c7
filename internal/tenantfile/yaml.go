package tenantfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Bounds on what a file may be.
const (
	maxBytes = 10 << 20
	maxDepth = 50
	// maxNodes bounds the values of a file, with those that aliases bring.
	maxNodes = 500_000
	// maxDocuments of a file with connections.
	maxDocuments = 1000
)

// loader turns text into nodes, within bounds.
type loader struct {
	complaints
	nodes int
}

func (l *loader) fail(n *yaml.Node, hint, format string, args ...any) {
	l.failAs("", n, hint, format, args...)
}

// failAs records an error that has a name.
func (l *loader) failAs(name string, n *yaml.Node, hint, format string, args ...any) {
	e := Error{Name: name, Hint: hint, Message: fmt.Sprintf(format, args...)}
	if n != nil {
		e.Line, e.Column = n.Line, n.Column
	}
	l.add(e)
}

// check refuses what is no text that the YAML library should see.
func (l *loader) check(content []byte) bool {
	switch at := bytes.IndexByte(content, 0); {
	case len(content) > maxBytes:
		l.fail(nil, "", "the file has %d bytes; at most %d are read", len(content), maxBytes)
	case !utf8.Valid(content):
		l.fail(&yaml.Node{Line: lineOf(content, invalidAt(content))}, "save it as UTF-8", "the file is not valid UTF-8")
	case at >= 0:
		l.fail(&yaml.Node{Line: lineOf(content, at)}, "remove it", "the file has a NUL byte")
	default:
		return true
	}
	return false
}

func lineOf(content []byte, at int) int { return 1 + bytes.Count(content[:at], []byte("\n")) }

func invalidAt(content []byte) int {
	for at := 0; at < len(content); {
		r, size := utf8.DecodeRune(content[at:])
		if r == utf8.RuneError && size <= 1 {
			return at
		}
		at += size
	}
	return 0
}

// documents parses the text; aliases and merge keys are replaced by what they
// stand for. It returns nil after an error.
func (l *loader) documents(content []byte) []*yaml.Node {
	if !l.check(content) {
		return nil
	}
	if line, why := tooComplex(content); why != "" {
		l.fail(&yaml.Node{Line: line}, "", "%s", why)
		return nil
	}
	docs, err := decode(content)
	if err != nil {
		l.yamlError(content, err)
		return nil
	}
	var out []*yaml.Node
	for _, d := range docs {
		if len(d.Content) == 0 {
			continue
		}
		n := l.expand(d.Content[0], 0)
		if n == nil {
			return nil
		}
		out = append(out, n)
	}
	return out
}

// tooComplex guards the YAML library against what it is slow at, or what would
// overflow its stack. It overestimates: brackets in texts count too.
func tooComplex(content []byte) (line int, why string) {
	brackets, values := 0, 0
	for text := range bytes.Lines(content) {
		line++
		opened := opens(text)
		if values += opened + 1; opened > maxDepth {
			return line, fmt.Sprintf("the file nests values more than %d deep", maxDepth)
		}
		for _, c := range text {
			switch c {
			case '[', '{':
				brackets++
			case ']', '}':
				brackets = max(0, brackets-1)
			case ',':
				values++
			}
			if brackets > 10*maxDepth {
				return line, fmt.Sprintf("the file nests values more than %d deep", maxDepth)
			}
		}
		if values > maxNodes {
			return line, fmt.Sprintf("the file has more than %d values", maxNodes)
		}
	}
	return 0, ""
}

// opens counts the collections that open at the start of a line: "- - ? - ".
func opens(line []byte) int {
	n := 0
	for i, c := range line {
		switch c {
		case '-', '?', ':':
			if i+1 < len(line) && !bytes.ContainsRune([]byte(" \t\r\n"), rune(line[i+1])) {
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

// decode reads all documents of a file.
func decode(content []byte) (docs []*yaml.Node, err error) {
	// The library is not to take the program down over a stranger's file.
	defer func() {
		if r := recover(); r != nil {
			docs, err = nil, fmt.Errorf("the parser gave up: %v", r)
		}
	}()
	d := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var n yaml.Node
		switch err := d.Decode(&n); {
		case errors.Is(err, io.EOF):
			return docs, nil
		case err != nil:
			return nil, err
		case len(docs) == maxDocuments:
			return nil, fmt.Errorf("the file has more than %d documents", maxDocuments)
		}
		docs = append(docs, &n)
	}
}

var yamlLine = regexp.MustCompile(`line (\d+): `)

// yamlError turns an error of the library into one with a place.
func (l *loader) yamlError(content []byte, err error) {
	message, at, hint := strings.TrimPrefix(err.Error(), "yaml: "), &yaml.Node{Line: 1}, ""
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		at.Line, _ = strconv.Atoi(m[1])
		message = strings.Replace(message, m[0], "", 1)
	}
	if strings.Contains(message, "cannot start any token") && bytes.ContainsRune(content, '\t') {
		hint = "indent with spaces, not with tabs"
	}
	if r := []rune(message); len(r) > 2*maxShown {
		message = string(r[:2*maxShown]) + "…"
	}
	l.fail(at, hint, "this is not YAML: %s", message)
}
