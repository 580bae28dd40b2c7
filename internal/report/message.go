package report

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/gozer-dev/gozer/internal/model"
)

// placeholder is a field of a message, or a brace that stands for itself.
var placeholder = regexp.MustCompile(`\{\{|\}\}|\{[^{}]*\}`)

// expand fills in the fields of a message that a person wrote. What is no field
// stays as it is: a typo must not keep a change from being reported.
func expand(message string, i Item) string {
	return placeholder.ReplaceAllStringFunc(message, func(found string) string {
		switch found {
		case "{{":
			return "{"
		case "}}":
			return "}"
		}
		// How a field is to be written ("!r", ":>10") makes no difference here.
		name, _, _ := strings.Cut(strings.Trim(found, "{}"), ":")
		name, _, _ = strings.Cut(name, "!")
		if value, ok := i.field(strings.TrimSpace(name)); ok {
			return value
		}
		return found
	})
}

// field of a message, in Zuul's names.
func (i Item) field(name string) (string, bool) {
	switch name {
	case "pipeline", "pipeline.name":
		return i.Pipeline, true
	case "item_url", "status_url":
		return i.URL, true
	case "changes":
		var all []string
		for _, c := range i.all() {
			all = append(all, changeName(c))
		}
		return strings.Join(all, ", "), true
	}
	which, attr, _ := strings.Cut(name, ".")
	if which == "change" {
		return changeField(i.Change, attr)
	}
	index, ok := strings.CutPrefix(which, "changes[")
	n, err := strconv.Atoi(strings.TrimSuffix(index, "]"))
	if !ok || err != nil || n < 0 || n >= len(i.all()) {
		return "", false
	}
	return changeField(i.all()[n], attr)
}

func changeField(c model.Change, attr string) (string, bool) {
	switch attr {
	case "":
		return changeName(c), true
	case "project", "project.name":
		return c.Project.Name, true
	case "project.canonical_name":
		return c.Project.Canonical(), true
	case "number":
		return strconv.FormatInt(c.Number, 10), true
	case "patchset":
		return c.Patchset, true
	case "branch":
		return c.Branch, true
	case "url":
		return c.URL, true
	}
	return "", false
}

func changeName(c model.Change) string {
	return c.Project.Name + "#" + strconv.FormatInt(c.Number, 10)
}
