package scenario

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// story is a parsed script.
type story struct {
	// anyOrder is why the end may depend on the order of the controllers' turns; empty if it may not.
	anyOrder string
	blocks   []block
}

// block is some commands, and what they lead to.
type block struct {
	text     string
	commands []command
}

// command is one line, with the text that belongs to it.
type command struct {
	line int
	name string
	args []string
	// options are the words with "=".
	options map[string]string
	// text stands between "<<EOF" and "EOF".
	text    string
	hasText bool
}

// parse reads a script: blocks of commands, each followed by "----" and the
// outcome, which ends with an empty line. Lines that begin with # are remarks.
func parse(text string) (*story, error) {
	s := &story{}
	b := block{}
	var c *command
	outcome := false
	for n, line := range strings.Split(strings.TrimRight(text, "\n")+"\n\n", "\n") {
		switch {
		case c != nil && line == "EOF":
			b.add(line)
			c = nil
		case c != nil:
			b.add(line)
			c.text += line + "\n"
		case outcome && line != "", line == "" && b.text == "":
		case line == "" || line == "----" && !outcome:
			if outcome = line == "----"; !outcome {
				s.blocks = append(s.blocks, b)
				b = block{}
			}
		default:
			b.add(line)
			if why, ok := strings.CutPrefix(line, "any-order: no "); ok {
				s.anyOrder = why
				continue
			}
			next, ok := parseCommand(line)
			if !ok {
				continue
			}
			next.line = n + 1
			b.commands = append(b.commands, next)
			if next.hasText {
				c = &b.commands[len(b.commands)-1]
			}
		}
	}
	if c != nil {
		return nil, fmt.Errorf("line %d: the text of %s does not end with EOF", c.line, c.name)
	}
	return s, nil
}

func (b *block) add(line string) { b.text += line + "\n" }

func parseCommand(line string) (command, bool) {
	c := command{options: map[string]string{}}
	line, c.hasText = strings.CutSuffix(line, "<<EOF")
	words := strings.Fields(line)
	if len(words) == 0 || strings.HasPrefix(words[0], "#") {
		return c, false
	}
	c.name = words[0]
	for _, word := range words[1:] {
		if key, value, ok := strings.Cut(word, "="); ok {
			c.options[key] = value
		} else {
			c.args = append(c.args, word)
		}
	}
	return c, true
}

// list is an option's values.
func (c command) list(key string) []string {
	if c.options[key] == "" {
		return nil
	}
	return strings.Split(c.options[key], ",")
}

// arg is the n-th word.
func (c command) arg(n int) string {
	if n < len(c.args) {
		return c.args[n]
	}
	return ""
}

// play runs a story in an order of turns (nil: the default one), and writes it
// down with the outcomes that it has.
func (s *story) play(c *configs, order *rand.Rand) (text string, w *world, err error) {
	return s.playWith(c, order, nil)
}

// playWith has a ledger for a mirror as well; nil for none.
func (s *story) playWith(c *configs, order *rand.Rand, l *ledger) (text string, w *world, err error) {
	w = newWorld(c)
	w.order = order
	p := &player{world: w, ledger: l}
	p.begin()
	var out strings.Builder
	for n, b := range s.blocks {
		if n > 0 {
			out.WriteByte('\n')
		}
		out.WriteString(b.text + "----\n")
		w.log, p.shown = nil, nil
		for _, c := range b.commands {
			if err := p.do(c); err != nil {
				return "", w, fmt.Errorf("line %d: %s: %w", c.line, c.name, err)
			}
		}
		err := p.settle()
		if w.problem != "" {
			err = fmt.Errorf("%s\n%s", w.problem, strings.Join(w.log, "\n"))
		}
		if err != nil {
			return "", w, fmt.Errorf("after %q: %w", strings.TrimSpace(b.text), err)
		}
		for _, line := range w.log {
			out.WriteString(line + "\n")
		}
		for _, what := range p.shown {
			out.WriteString(w.show(what))
		}
	}
	return out.String(), w, nil
}
