package tenantfile

import (
	"bytes"
	"net/url"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Connection is what must be known of a connection to read a tenant.
type Connection struct {
	Name, Driver string
	// Hostname begins the canonical names of the connection's projects; empty
	// when the driver has none, as smtp.
	Hostname string
	// URL of the host; empty when it is not known.
	URL string
	// AppID of a GitHub App; empty when a token is used.
	AppID string
	// Line of the file.
	Line int
}

// ParseConnections reads which connections there are: out of a zuul.conf, a YAML
// list of {name, driver, hostname}, or manifests of the kind Connection among others.
// Connections that need no settings, as timer and zuul, are not in its result.
func ParseConnections(content []byte) ([]Connection, []Error) {
	r := connections{seen: map[string]bool{}}
	if isINI(content) {
		r.conf(content)
	} else {
		r.yaml(content)
	}
	return r.found, r.list()
}

// connections collects them.
type connections struct {
	parser
	found []Connection
	seen  map[string]bool
}

var hostname = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?(:[0-9]{1,5})?)?$`)

func (r *connections) keep(n *yaml.Node, c Connection) {
	f := short(maxConnection)(c.Name)
	switch {
	case f.message != "":
		r.fail(n, f.hint, "the name of the connection: %s", f.message)
		return
	case !hostname.MatchString(c.Hostname):
		r.fail(n, "", "the connection %s has %s for a host name", show(c.Name), show(c.Hostname))
		return
	case r.seen[c.Name]:
		r.fail(n, "remove one of them", "the connection %s is there twice", show(c.Name))
		return
	}
	r.seen[c.Name] = true
	c.Line = n.Line
	r.found = append(r.found, c)
}

var section = regexp.MustCompile(`^\[[^\[\]{},]+\]\s*([#;].*)?$`)

// isINI tells a zuul.conf by its first line that says anything.
func isINI(content []byte) bool {
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	for line := range bytes.Lines(content) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && line[0] != ';' {
			return section.Match(line)
		}
	}
	return false
}

// settings of a connection that its host name follows from.
type settings struct{ server, canonical, baseURL string }

// servers that drivers have when nothing else is said.
var servers = map[string]string{"github": "github.com", "gitlab": "gitlab.com", "pagure": "pagure.io"}

// hostless drivers report, store or start nodes: no projects come from them.
var hostless = map[string]bool{"smtp": true, "mqtt": true, "elasticsearch": true, "sql": true, "timer": true, "zuul": true, "aws": true, "openstack": true}

// connection fills in what follows from the settings; missing says what must be added.
func connection(name, driver string, s settings) (c Connection, missing string) {
	c = Connection{Name: name, Driver: driver, URL: s.baseURL}
	if hostless[driver] {
		return c, ""
	}
	if s.server == "" {
		s.server = servers[driver]
	}
	switch {
	case driver == "gerrit" && s.server == "":
		return c, "server"
	case driver == "git" && s.baseURL == "":
		return c, "baseurl"
	case driver == "git":
		s.server = ""
	}
	if c.URL == "" && s.server != "" {
		c.URL = "https://" + s.server
	}
	c.Hostname = s.canonical
	if c.Hostname == "" {
		c.Hostname = s.server
	}
	if c.Hostname == "" {
		c.Hostname = hostOf(s.baseURL)
	}
	if c.Hostname == "" && driver == "git" {
		c.Hostname = "localhost"
	}
	if c.Hostname == "" {
		return c, "canonical_hostname"
	}
	return c, ""
}

// hostOf an address, without the port.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}
