package tenantfile

import (
	"go.yaml.in/yaml/v3"
)

// yaml reads connections out of YAML documents: lists of {name, driver, hostname}, or manifests.
func (r *connections) yaml(content []byte) {
	docs := r.documents(content)
	if r.failures > 0 {
		return
	}
	if len(docs) == 0 {
		r.fail(nil, "give a zuul.conf, a list of {name, driver, hostname}, or manifests of the kind Connection", "the file is empty")
	}
	for _, doc := range docs {
		r.document(doc)
	}
}

func (r *connections) document(n *yaml.Node) {
	switch {
	case isNull(n):
	case n.Kind == yaml.SequenceNode:
		for _, item := range n.Content {
			r.entry(item)
		}
	case n.Kind == yaml.MappingNode && scalar(n, "kind") == "Connection":
		r.manifest(n)
	case n.Kind == yaml.MappingNode && child(n, "items") != nil:
		for _, item := range child(n, "items").Content {
			r.document(item)
		}
	case n.Kind == yaml.MappingNode && scalar(n, "kind") != "":
		// Secrets and namespaces may stand beside connections.
	default:
		r.fail(n, "give a list of {name, driver, hostname}, or manifests of the kind Connection", "this is no connection")
	}
}

// entry reads {name, driver, hostname}, or a manifest in a list.
func (r *connections) entry(n *yaml.Node) {
	if n.Kind == yaml.MappingNode && child(n, "kind") != nil {
		r.document(n)
		return
	}
	before, c := r.failures, Connection{}
	r.mapping(n, "a connection", attrs{
		"name":     r.text(&c.Name, short(maxConnection)),
		"driver":   r.text(&c.Driver, short(maxConnection)),
		"hostname": r.text(&c.Hostname, short(maxName)),
		"url":      r.text(&c.URL, urlFault),
	}, nil)
	r.complete(n, before, c, settings{canonical: c.Hostname, baseURL: c.URL})
}

// manifest reads a Connection leniently: the driver is spec.driver, or the key
// of spec that has the driver's settings.
func (r *connections) manifest(n *yaml.Node) {
	c := Connection{Name: scalar(child(n, "metadata"), "name")}
	spec := child(n, "spec")
	of := []*yaml.Node{spec}
	c.Driver = scalar(spec, "driver")
	for i := 0; spec != nil && i+1 < len(spec.Content); i += 2 {
		key, value := spec.Content[i].Value, spec.Content[i+1]
		if value.Kind == yaml.MappingNode && (c.Driver == key || c.Driver == "" && isDriver(key)) {
			c.Driver, of = key, append(of, value)
		}
	}
	first := func(keys ...string) string {
		for _, n := range of {
			for _, key := range keys {
				if v := scalar(n, key); v != "" {
					return v
				}
			}
		}
		return ""
	}
	c.Hostname, c.URL = first("canonicalHostname", "hostname"), first("url", "baseURL", "baseUrl")
	r.complete(n, r.failures, c, settings{server: first("server"), canonical: c.Hostname, baseURL: c.URL})
}

// isDriver says whether a key of a manifest's spec can be a driver.
func isDriver(key string) bool {
	return hostless[key] || servers[key] != "" || key == "gerrit" || key == "git" || key == "gitea"
}

// complete keeps a connection that has everything.
func (r *connections) complete(n *yaml.Node, before int, c Connection, s settings) {
	if r.failures > before {
		return
	}
	if c.Name == "" || c.Driver == "" {
		r.fail(n, "", "a connection needs a name and a driver")
		return
	}
	if s.server == "" {
		s.server = hostOf(s.baseURL)
	}
	if s.baseURL == "" && c.Driver == "git" && s.canonical != "" {
		s.baseURL = "https://" + s.canonical
	}
	if s.server == "" {
		s.server = s.canonical
	}
	full, missing := connection(c.Name, c.Driver, s)
	if missing != "" {
		r.fail(n, "add hostname", "the connection %s of the driver %s has no host name", show(c.Name), show(c.Driver))
		return
	}
	full.URL = c.URL
	r.keep(n, full)
}

// child is the value of a mapping's key; nil when it has none.
func child(n *yaml.Node, key string) *yaml.Node {
	for i := 0; n != nil && n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// scalar is the text of a mapping's key; empty when it has none.
func scalar(n *yaml.Node, key string) string {
	if v := child(n, key); v != nil && v.Kind == yaml.ScalarNode && !isNull(v) {
		return v.Value
	}
	return ""
}
