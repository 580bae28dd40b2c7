package cli

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/statusview"
	"github.com/gozer-dev/gozer/internal/tenantfile"
)

// connectionDrivers are those that a Connection can have.
var connectionDrivers = []string{"gitea", "github"}

// convert makes the files and notes what has no place in them.
func (i *imported) convert() error {
	names, err := objectNames("tenant", 63, i.file.Tenants, func(t tenantfile.Tenant) string { return t.Name })
	if err != nil {
		return err
	}
	for n, t := range i.file.Tenants {
		if err := i.tenant(t, names[n]); err != nil {
			return err
		}
	}
	if err := i.semaphores(); err != nil {
		return err
	}
	if err := i.connectionManifests(); err != nil {
		return err
	}
	i.left()
	return nil
}

// objectNames makes the names of objects; two must not get the same one.
func objectNames[T any](what string, longest int, list []T, nameOf func(T) string) ([]string, error) {
	var out []string
	from := map[string]string{}
	for _, v := range list {
		was := nameOf(v)
		name := objectName(was, longest)
		if name == "" {
			return nil, fmt.Errorf("the %s %q has no letter or digit that the name of an object could be made of; rename it", what, was)
		}
		if other, taken := from[name]; taken {
			return nil, fmt.Errorf("the %ss %q and %q would both be called %s: rename one of them, or choose with --tenant-name", what, other, was, name)
		}
		from[name] = was
		out = append(out, name)
	}
	return out, nil
}

// objectName is a text as Kubernetes wants names: lower-case letters, digits and dashes.
func objectName(text string, longest int) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r == '.' && longest > 63:
			return r
		}
		return '-'
	}, strings.ToLower(text))
	return strings.Trim(name[:min(len(name), longest)], "-.")
}

func (i *imported) tenant(t tenantfile.Tenant, namespace string) error {
	if namespace == i.namespace || strings.HasPrefix(namespace, "kube-") {
		return fmt.Errorf("the tenant %q cannot have the namespace %s, which is not free; rename the tenant", t.Name, namespace)
	}
	m := convert.TenantManifest(t, namespace)
	m.TypeMeta = metav1.TypeMeta{APIVersion: gozer.GroupVersion.String(), Kind: "Tenant"}
	if m.Name != t.Name {
		i.notes.add(t.Line, "name of a tenant", fmt.Sprintf("%q becomes %s, and jobs see that in zuul.tenant", t.Name, m.Name))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Tenant %s of %s.\n", statusview.Clean(t.Name), i.source)
	space := &corev1.Namespace{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	for _, o := range []any{space, m} {
		text, err := manifest(o)
		if err != nil {
			return err
		}
		if o == any(m) {
			b.WriteString("---\n")
		}
		b.WriteString(text)
	}
	rules, err := i.rules(t)
	if err != nil {
		return err
	}
	b.WriteString(rules)
	config, untrusted := 0, 0
	for _, s := range t.Sources {
		config += len(s.ConfigProjects)
		untrusted += len(s.UntrustedProjects)
		if len(validation.IsDNS1123Subdomain(s.Connection)) > 0 {
			i.notes.add(t.Line, "source", fmt.Sprintf("no Connection can have the name %q; rename the connection, also in pipelines", s.Connection))
		}
		for _, p := range s.UntrustedProjects {
			if p.LoadBranch != "" {
				i.notes.add(t.Line, "load-branch", "it is for config projects; "+statusview.Clean(p.Name)+" is untrusted")
			}
		}
	}
	i.outputs = append(i.outputs, output{name: "tenant-" + namespace + ".yaml", content: b.String(),
		what: fmt.Sprintf("tenant %s: %s, %d untrusted", statusview.Clean(t.Name), count(config, "config project", "config projects"), untrusted)})
	return nil
}

// rules that the tenant names, as a comment: they have no place in a cluster.
func (i *imported) rules(t tenantfile.Tenant) (string, error) {
	if len(t.AdminRules)+len(t.AccessRules) == 0 {
		return "", nil
	}
	var b strings.Builder
	b.WriteString("# adminRules and accessRules have no effect: Kubernetes RBAC says who may do what in the\n# namespace. These are the rules as Zuul has them, for whoever writes the RoleBindings.\n")
	for _, r := range i.file.AuthorizationRules {
		var of []string
		if slices.Contains(t.AdminRules, r.Name) {
			of = append(of, "admin-rules")
		}
		if slices.Contains(t.AccessRules, r.Name) {
			of = append(of, "access-rules")
		}
		if of == nil {
			continue
		}
		text, err := yaml.Marshal(map[string]any{"name": r.Name, "conditions": r.Conditions})
		if err != nil {
			return "", fmt.Errorf("the authorization rule %q cannot be written: %w", r.Name, err)
		}
		fmt.Fprintf(&b, "#\n# of %s:\n", strings.Join(of, " and "))
		for line := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n") {
			b.WriteString("#   " + oneLine(line) + "\n")
		}
	}
	return b.String(), nil
}

// oneLine keeps whatever a YAML parser may take for the end of a line out of a comment.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("\r\v\f\u0085\u2028\u2029", r) {
			return ' '
		}
		return r
	}, text)
}

func (i *imported) semaphores() error {
	all := i.file.GlobalSemaphores
	names, err := objectNames("global-semaphore", 253, all, func(s tenantfile.GlobalSemaphore) string { return s.Name })
	if err != nil || len(all) == 0 {
		return err
	}
	var texts []string
	for n, s := range all {
		if names[n] != s.Name {
			i.notes.add(0, "name of a global-semaphore", fmt.Sprintf("%q becomes %s: rename it in the tenants and jobs that use it", s.Name, names[n]))
		}
		text, err := manifest(&gozer.Semaphore{
			TypeMeta:   metav1.TypeMeta{APIVersion: gozer.GroupVersion.String(), Kind: "Semaphore"},
			ObjectMeta: metav1.ObjectMeta{Name: names[n], Namespace: i.namespace},
			Spec:       gozer.SemaphoreSpec{Max: s.Max},
		})
		if err != nil {
			return err
		}
		texts = append(texts, text)
	}
	i.outputs = append(i.outputs, output{name: "semaphores.yaml", what: count(len(all), "global semaphore", "global semaphores"),
		content: fmt.Sprintf("# Global semaphores of %s: tenants name them in spec.semaphores.\n", i.source) + strings.Join(texts, "---\n")})
	return nil
}

func (i *imported) connectionManifests() error {
	if !i.withConnections {
		i.notes.add(0, "connections", "they are not in the tenant file: give the zuul.conf with --connections, or write them by hand")
		return nil
	}
	var texts []string
	for _, c := range i.connections {
		switch {
		case !slices.Contains(connectionDrivers, c.Driver):
			i.notes.add(0, "connection "+statusview.Clean(c.Name), fmt.Sprintf("there is no driver %s yet; there are %s", statusview.Clean(c.Driver), strings.Join(connectionDrivers, ", ")))
			continue
		case len(validation.IsDNS1123Subdomain(c.Name)) > 0 || len(c.Name) > 63:
			i.notes.add(0, "connection "+statusview.Clean(c.Name), "no Connection can have that name; rename it, also in pipelines")
			continue
		case !strings.HasPrefix(c.URL, "http://") && !strings.HasPrefix(c.URL, "https://"):
			i.notes.add(0, "connection "+statusview.Clean(c.Name), "its address is not known; write it by hand")
			continue
		}
		spec, keys := gozer.ConnectionSpec{Driver: c.Driver, URL: c.URL, CanonicalHostname: c.Hostname, SecretName: c.Name}, "token"
		if c.AppID != "" {
			spec.App, keys = &gozer.ConnectionApp{ID: c.AppID}, "privateKey (the App's PEM file)"
		}
		text, err := manifest(&gozer.Connection{
			TypeMeta:   metav1.TypeMeta{APIVersion: gozer.GroupVersion.String(), Kind: "Connection"},
			ObjectMeta: metav1.ObjectMeta{Name: c.Name, Namespace: i.namespace},
			Spec:       spec,
		})
		if err != nil {
			return err
		}
		texts = append(texts, text)
		i.notes.add(0, "secrets of the connection "+statusview.Clean(c.Name), fmt.Sprintf("put its %s and webhookSecret into a Secret %s in %s", keys, c.Name, i.namespace))
	}
	if len(texts) > 0 {
		i.outputs = append(i.outputs, output{name: "connections.yaml", content: strings.Join(texts, "---\n"), what: count(len(texts), "connection", "connections")})
	}
	return nil
}
