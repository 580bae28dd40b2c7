package configlang

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// AttrLines finds the lines of the attributes of a job: those of the stanza at
// a place, or of a job within the lists of the project stanza there. What is
// not found is left out.
func AttrLines(content string, at Pos, within string) map[string]int32 {
	out := map[string]int32{}
	doc, err := decode(content)
	if err != nil || doc == nil || len(doc.Content) == 0 {
		return out
	}
	for _, item := range doc.Content[0].Content {
		if int32(item.Line) != at.Line || len(item.Content) != 2 {
			continue
		}
		attrs := item.Content[1]
		if within != "" {
			attrs = entryOf(attrs, within)
		}
		if attrs == nil || attrs.Kind != yaml.MappingNode {
			continue
		}
		for i := 0; i+1 < len(attrs.Content); i += 2 {
			out[attrs.Content[i].Value] = int32(attrs.Content[i].Line)
		}
	}
	return out
}

// entryOf finds a job in the lists of a project stanza.
func entryOf(stanza *yaml.Node, job string) *yaml.Node {
	for i := 1; i < len(stanza.Content); i += 2 {
		pipeline := stanza.Content[i]
		for k := 0; k+1 < len(pipeline.Content) && pipeline.Kind == yaml.MappingNode; k += 2 {
			for _, entry := range pipeline.Content[k+1].Content {
				if entry.Kind == yaml.MappingNode && len(entry.Content) >= 2 && entry.Content[0].Value == job {
					return entry.Content[1]
				}
			}
		}
	}
	return nil
}

// FindWord finds the first place of a word within the stanza that begins at a place.
func (f *File) FindWord(at Pos, word string) (Pos, bool) {
	if word == "" || at.Line < 1 {
		return Pos{}, false
	}
	for number := at.Line; ; number++ {
		line, ok := f.Line(int(number))
		if !ok {
			return Pos{}, false
		}
		indent := len(line) - len(strings.TrimLeft(line, " "))
		if number > at.Line && strings.HasPrefix(line[indent:], "-") && int32(indent) < at.Column-1 {
			return Pos{}, false // the next object
		}
		if i := wordIn(line, word); i >= 0 {
			return Pos{Line: number, Column: int32(utf8.RuneCountInString(line[:i])) + 1, Width: int32(utf8.RuneCountInString(word))}, true
		}
	}
}

// Line is one line of the file, without its end; lines count from 1.
func (f *File) Line(number int) (string, bool) {
	f.index.Do(func() { f.starts = lineStarts(f.Content) })
	if number < 1 || number > len(f.starts) {
		return "", false
	}
	end := int32(len(f.Content))
	if number < len(f.starts) {
		end = f.starts[number]
	}
	return strings.TrimRight(f.Content[f.starts[number-1]:end], lineEnds), true
}

// lineEnds are the characters that end a line in YAML 1.1; places count them all.
const lineEnds = "\r\n\u0085\u2028\u2029"

func lineStarts(content string) []int32 {
	starts := []int32{0}
	for i, c := range content {
		if strings.ContainsRune(lineEnds, c) && !strings.HasPrefix(content[i:], "\r\n") {
			starts = append(starts, int32(i+utf8.RuneLen(c)))
		}
	}
	return starts
}

// wordIn is where the word stands for itself, and not within a longer one.
func wordIn(line, word string) int {
	for from := 0; ; {
		i := strings.Index(line[from:], word)
		if i < 0 {
			return -1
		}
		i += from
		before, _ := utf8.DecodeLastRuneInString(line[:i])
		after, _ := utf8.DecodeRuneInString(line[i+len(word):])
		if !partOfWord(before) && !partOfWord(after) {
			return i
		}
		from = i + len(word)
	}
}

func partOfWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_' || r == '.' || r == '/'
}
