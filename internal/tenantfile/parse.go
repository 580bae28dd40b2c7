package tenantfile

import (
	"math"

	"go.yaml.in/yaml/v3"
)

// parser reads one tenant file.
type parser struct {
	loader
	regexps regexps
	ignored []Ignored
	// tenant and project that are being read, for what is ignored.
	tenant, project string
	// names of tenants, global semaphores and authorization rules that were there, also of broken ones.
	tenants, semaphores, rules map[string]bool
	roots                      int
	file                       *File
}

// Parse reads a tenant file. It returns nil when the file is not usable at
// all; otherwise everything that has no error, and the errors of the rest.
func Parse(content []byte) (*File, []Error) {
	p := &parser{tenants: map[string]bool{}, semaphores: map[string]bool{}, rules: map[string]bool{}, file: &File{}}
	items := p.items(content)
	if p.failures > 0 {
		return nil, p.list()
	}
	// Tenants name semaphores that may be defined behind them.
	for _, tenants := range []bool{false, true} {
		for _, n := range items {
			p.item(n, tenants)
		}
	}
	p.file.Ignored = p.ignored
	return p.file, p.list()
}

// items of the list that the file is.
func (p *parser) items(content []byte) []*yaml.Node {
	docs := p.documents(content)
	const hint = `a tenant file is a list; write "- tenant:"`
	switch {
	case p.failures > 0:
	case len(docs) > 1:
		p.fail(docs[1], "remove the line `---` between them", "the file has several YAML documents; only one is possible")
	case len(docs) == 0 || isNull(docs[0]):
		p.fail(nil, hint, "the file is empty")
	case docs[0].Kind != yaml.SequenceNode:
		p.fail(docs[0], hint, "the file is not a list")
	default:
		return docs[0].Content
	}
	return nil
}

var kinds = []string{"tenant", "global-semaphore", "authorization-rule", "admin-rule", "api-root"}

// item reads one object of the file: the tenants, or all others.
func (p *parser) item(n *yaml.Node, tenants bool) {
	p.tenant, p.project = "", ""
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 {
		if !tenants {
			p.fail(n, `write "- tenant:", and indent what belongs to it further than that`, "an object of a tenant file has exactly one key, its kind")
		}
		return
	}
	key, value := n.Content[0], n.Content[1]
	if (key.Value == "tenant") != tenants {
		return
	}
	switch key.Value {
	case "tenant":
		p.readTenant(key, value)
	case "global-semaphore":
		p.globalSemaphore(value)
	case "authorization-rule", "admin-rule":
		p.authorizationRule(key.Value, value)
	case "api-root":
		p.apiRoot(key, value)
	case "role":
		p.ignore(key, "Kubernetes RBAC takes the place of roles")
	default:
		p.fail(key, didYouMean(key.Value, kinds, ""), "unknown kind of object %s", show(key.Value))
	}
}

// once complains of a name that was there already, and of none.
func (p *parser) once(names map[string]bool, n *yaml.Node, what, name string) bool {
	switch {
	case name == "":
		p.fail(n, "", "%s needs a name", what)
		return false
	case names[name]:
		p.fail(n, "remove one of them, or rename it", "%s %s is there twice", what, show(name))
		return false
	}
	names[name] = true
	return true
}

func (p *parser) globalSemaphore(n *yaml.Node) {
	before, s := p.failures, GlobalSemaphore{Max: 1}
	p.mapping(n, "a global-semaphore", attrs{
		"name": p.text(&s.Name, short(maxName)),
		"max":  p.integer(&s.Max, 0),
	}, nil)
	if p.failures == before && p.once(p.semaphores, n, "the global-semaphore", s.Name) {
		p.file.GlobalSemaphores = append(p.file.GlobalSemaphores, s)
	} else if s.Name != "" {
		// A tenant that names it is not to be blamed as well.
		p.semaphores[s.Name] = true
	}
}

func (p *parser) authorizationRule(kind string, n *yaml.Node) {
	before, r, conditions := p.failures, AuthorizationRule{}, false
	p.mapping(n, "an "+kind, attrs{
		"name": p.text(&r.Name, short(maxName)),
		"conditions": func(n *yaml.Node) {
			conditions = true
			p.each(n, math.MaxInt, func(n *yaml.Node) {
				if n.Kind != yaml.MappingNode {
					p.fail(n, "write it like `groups: admins`", "a condition must be a mapping of claims")
					return
				}
				if c, ok := p.value(n).(map[string]any); ok {
					r.Conditions = append(r.Conditions, c)
				}
			})
		},
	}, nil)
	if !conditions && p.failures == before {
		p.fail(n, "", "an %s needs conditions", kind)
	}
	if p.failures == before && p.once(p.rules, n, "the "+kind, r.Name) {
		p.file.AuthorizationRules = append(p.file.AuthorizationRules, r)
	}
}

func (p *parser) apiRoot(key, n *yaml.Node) {
	if p.roots++; p.roots > 1 {
		p.fail(key, "remove one of them", "there is more than one api-root")
		return
	}
	before, r := p.failures, APIRoot{}
	p.mapping(n, "the api-root", attrs{
		"authentication-realm": p.text(&r.AuthenticationRealm, short(maxName)),
		"access-rules":         p.given(&r.AccessRules, maxList, short(maxName)),
	}, nil)
	if p.failures == before {
		p.file.APIRoot = &r
	}
}
