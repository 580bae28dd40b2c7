package tenantfile

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	isLegacy = "it has no effect in Zuul either; "
	byRBAC   = "Kubernetes RBAC says who may do what"
	byPools  = "NodePools take the place of providers"
)

// Keys of a tenant without effect: legacy ones, and those of a newer Zuul.
var unusedOfTenant = unused{
	"allow-circular-dependencies": isLegacy + "a queue says whether it allows them",
	"report-build-page":           isLegacy + "reports always link to the build's page",
	"use-nodepool":                byPools,
	"anonymous-read-access":       byRBAC,
	"role-mappings":               byRBAC,
	"max-oidc-ttl":                "there are no OIDC secrets",
	"default-oidc-ttl":            "there are no OIDC secrets",
	"allowed-oidc-issuers":        "there are no OIDC secrets",
}

func (p *parser) readTenant(key, n *yaml.Node) {
	before := p.failures
	t := Tenant{Line: key.Line, MaxNodesPerJob: DefaultMaxNodesPerJob, MaxJobTimeout: DefaultMaxJobTimeout, DefaultParent: DefaultParent}
	p.tenant = nameOf(n)
	p.mapping(n, "a tenant", p.tenantAttrs(&t), unusedOfTenant)
	if p.failures == before && len(t.Sources) == 0 {
		p.fail(key, "add `source:` with connections and their projects", "a tenant needs a source")
	}
	if p.failures == before {
		for _, f := range forbidden(&t, &p.regexps, nil) {
			p.fail(key, f.hint, "%s", f.message)
		}
	}
	// The name is taken also by a broken tenant.
	if (t.Name != "" || p.failures == before) && p.once(p.tenants, key, "the tenant", t.Name) && p.failures == before {
		p.file.Tenants = append(p.file.Tenants, t)
	}
}

func (p *parser) tenantAttrs(t *Tenant) attrs {
	name, connection := short(maxName), short(maxConnection)
	return attrs{
		"name":                         p.text(&t.Name, name),
		"max-dependencies":             p.optInteger(&t.MaxDependencies, 0),
		"max-changes-per-pipeline":     p.optInteger(&t.MaxChangesPerPipeline, 0),
		"max-nodes-per-job":            p.integer(&t.MaxNodesPerJob, -1),
		"max-job-timeout":              p.timeout(&t.MaxJobTimeout),
		"exclude-unprotected-branches": p.boolean(&t.ExcludeUnprotectedBranches),
		"exclude-locked-branches":      p.boolean(&t.ExcludeLockedBranches),
		"default-parent":               p.text(&t.DefaultParent, name),
		"default-ansible-version":      p.version(&t.DefaultAnsibleVersion),
		"allowed-triggers":             p.texts(&t.AllowedTriggers, maxConnections, connection),
		"allowed-reporters":            p.texts(&t.AllowedReporters, maxConnections, connection),
		"allowed-labels":               p.given(&t.AllowedLabels, maxList, p.regexps.fault),
		"disallowed-labels":            p.given(&t.DisallowedLabels, maxList, p.regexps.fault),
		"web-root":                     p.webRoot(&t.WebRoot),
		"authentication-realm":         p.text(&t.AuthenticationRealm, name),
		"admin-rules":                  p.given(&t.AdminRules, maxList, name),
		"access-rules":                 p.given(&t.AccessRules, maxList, name),
		"semaphores":                   p.usedSemaphores(&t.Semaphores),
		"source":                       p.sources(&t.Sources),
	}
}

// nameOf an object before it is read.
func nameOf(n *yaml.Node) string {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "name" {
			return n.Content[i+1].Value
		}
	}
	return ""
}

func (p *parser) timeout(to *int64) func(*yaml.Node) {
	return func(n *yaml.Node) {
		seconds := int32(DefaultMaxJobTimeout)
		p.integer(&seconds, -1)(n)
		*to = int64(seconds)
	}
}

// version reads one like 11, 2.9 or "9"; the text as it is written counts.
func (p *parser) version(to *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode && slices.Contains([]string{"!!int", "!!float"}, n.ShortTag()) {
			n = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: n.Value, Line: n.Line, Column: n.Column}
		}
		p.text(to, short(maxVersion), func(s string) fault {
			if !versionText.MatchString(s) {
				return fault{show(s) + " is not a version of Ansible", `write it like "11"`}
			}
			return fault{}
		})(n)
	}
}

func (p *parser) webRoot(to *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		p.text(to, urlFault)(n)
		*to = WithSlash(*to)
	}
}

// WithSlash is an address that further words are put behind; an empty one stays so.
func WithSlash(root string) string {
	if root == "" || strings.HasSuffix(root, "/") {
		return root
	}
	return root + "/"
}

// usedSemaphores must be defined as global ones.
func (p *parser) usedSemaphores(to *[]string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		*to = nil
		p.each(n, maxList, func(n *yaml.Node) {
			before, name := p.failures, ""
			p.text(&name, short(maxName))(n)
			switch {
			case p.failures > before, slices.Contains(*to, name):
			case !p.semaphores[name]:
				known := make([]string, 0, len(p.file.GlobalSemaphores))
				for _, s := range p.file.GlobalSemaphores[:min(len(p.file.GlobalSemaphores), maxList)] {
					known = append(known, s.Name)
				}
				p.failAs(NameGlobalSemaphore, n, didYouMean(name, known, "define it with `- global-semaphore:`"), "there is no global semaphore %s", show(name))
			default:
				*to = append(*to, name)
			}
		})
	}
}
