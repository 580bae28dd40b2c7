package tenantfile

import (
	"bytes"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// confSection is a section of a zuul.conf; its keys are in lower case.
type confSection struct {
	at     *yaml.Node
	name   string
	values map[string]string
}

var connectionSection = regexp.MustCompile(`(?i)^connection (.*)$`)

// conf reads a zuul.conf.
func (r *connections) conf(content []byte) {
	if !r.check(content) {
		return
	}
	sections := r.sections(content)
	for _, s := range sections {
		m := connectionSection.FindStringSubmatch(s.name)
		if m == nil {
			continue
		}
		driver, ok := s.values["driver"]
		if !ok {
			r.fail(s.at, "add `driver=`", "the connection %s has no driver", show(unquote(m[1])))
			continue
		}
		r.confConnection(s, unquote(m[1]), driver)
	}
	// Sections of old, unless there is a connection of that name.
	for _, s := range sections {
		if (s.name == "gerrit" || s.name == "smtp") && !r.seen[s.name] {
			r.confConnection(s, s.name, s.name)
		}
	}
}

func (r *connections) confConnection(s confSection, name, driver string) {
	c, missing := connection(name, driver, settings{s.values["server"], s.values["canonical_hostname"], strings.Trim(s.values["baseurl"], `"`)})
	if driver == "github" {
		c.AppID = unquote(s.values["app_id"])
	}
	switch {
	case name == "":
		r.fail(s.at, "write [connection NAME]", "a connection needs a name")
	case missing != "":
		r.fail(s.at, "add `"+missing+"=`", "the connection %s of the driver %s has no %s", show(name), show(driver), missing)
	case strings.Contains(driver+c.Hostname+c.URL, "%("):
		r.fail(s.at, "write the value itself", "the connection %s takes its address from the environment", show(name))
	default:
		r.keep(s.at, c)
	}
}

// unquote takes one pair of quotes off.
func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}

// sections reads the syntax: [section], then "key = value" or "key: value";
// lines that are indented go on with the value.
func (r *connections) sections(content []byte) []confSection {
	var out []confSection
	names, key, number := map[string]bool{}, "", 0
	for raw := range bytes.Lines(bytes.TrimPrefix(content, []byte("\ufeff"))) {
		number++
		line, at := strings.TrimSpace(string(raw)), &yaml.Node{Line: number, Column: 1}
		indented := raw[0] == ' ' || raw[0] == '\t'
		name, isSection := strings.CutPrefix(line, "[")
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case indented && key != "":
			out[len(out)-1].values[key] += "\n" + line
		case isSection && strings.Contains(name, "]"):
			name = name[:strings.LastIndex(name, "]")]
			if names[name] {
				r.fail(at, "put them together", "the section %s is there twice", show(name))
			}
			names[name], key = true, ""
			out = append(out, confSection{at: at, name: name, values: map[string]string{}})
		case len(out) == 0:
			r.fail(at, "", "this stands before the first section")
			return nil
		default:
			key = r.setting(at, line, out[len(out)-1].values)
		}
	}
	return out
}

// setting reads "key = value" and returns the key.
func (r *connections) setting(at *yaml.Node, line string, values map[string]string) string {
	i := strings.IndexAny(line, "=:")
	if i < 0 {
		r.fail(at, "write `key=value`", "%s is not a setting", show(line))
		return ""
	}
	key := strings.ToLower(strings.TrimSpace(line[:i]))
	if _, there := values[key]; there {
		r.fail(at, "remove one of them", "the setting %s is there twice", show(key))
	}
	values[key] = strings.ReplaceAll(strings.TrimSpace(line[i+1:]), "%%", "%")
	return key
}
