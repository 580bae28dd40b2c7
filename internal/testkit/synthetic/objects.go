package synthetic

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// Names come from small pools, so that objects meet.
var (
	jobs      = []string{"unit", "docs", "lint", "deploy", "base"}
	nodeSets  = []string{"one", "two", "three"}
	templates = []string{"t1", "t2"}
	secrets   = []string{"s1", "s2"}
	known     = []string{"acme/a", "acme/b", "acme/config"}
	projects  = append(known, "acme/none")
	branches  = []string{"main", "stable", "[]", "[stable, wip]", "{regex: stable, negate: true}", "'^(?!main)'", "refs/tags"}
)

// ownJobs are the names that a project mostly defines.
var ownJobs = map[string][]string{"acme/config": {"base", "deploy"}, "acme/a": {"unit", "lint"}, "acme/b": {"docs", "lint"}, "acme/c": {"lint", "docs"}}

// usualJobs are there half of the time, so that changes have something to break elsewhere.
var usualJobs = map[string]string{
	"acme/a": "- job: {name: unit}\n- nodeset: {name: two, nodes: {name: n, label: l1}}\n",
	"acme/b": "- job: {name: docs, parent: unit, nodeset: two}\n",
	"acme/c": "- job: {name: lint, parent: docs, dependencies: unit}\n",
}

// attrs of jobs and of entries of job lists; each is drawn with what it needs.
var attrs = []func(*rapid.T) string{
	func(t *rapid.T) string { return "parent: " + oneOf(t, "parent", jobs...) },
	func(t *rapid.T) string { return "parent: " + oneOf(t, "parent", jobs...) },
	func(t *rapid.T) string { return "parent: " + oneOf(t, "wrong parent", "gone", "null", "noop") },
	func(t *rapid.T) string {
		return "run: " + oneOf(t, "run", "r.yaml", "[r.yaml, r2.yaml]", "{name: r.yaml, semaphores: x}", "[]")
	},
	func(t *rapid.T) string { return "pre-run: " + oneOf(t, "pre-run", "p.yaml", "p2.yaml") },
	func(t *rapid.T) string {
		return "post-run: " + oneOf(t, "post-run", "o.yaml", "{name: o.yaml, cleanup: true}")
	},
	func(*rapid.T) string { return "cleanup-run: c.yaml" },
	func(t *rapid.T) string {
		return oneOf(t, "flag", "final", "protected", "abstract", "voting", "post-review") + ": true"
	},
	func(*rapid.T) string { return "abstract: true, intermediate: true" },
	func(t *rapid.T) string { return "protected: " + oneOf(t, "protected", "true", "false") },
	func(t *rapid.T) string { return "branches: " + oneOf(t, "branches", branches...) },
	func(t *rapid.T) string { return fmt.Sprintf("secrets: [%s]", oneOf(t, "secret", secrets...)) },
	func(t *rapid.T) string {
		return fmt.Sprintf("secrets: {name: v, secret: %s, pass-to-parent: true}", oneOf(t, "secret", secrets...))
	},
	func(t *rapid.T) string { return "required-projects: " + oneOf(t, "required", projects...) },
	func(t *rapid.T) string {
		return fmt.Sprintf("required-projects: %s[{name: %s, override-checkout: stable}]", oneOf(t, "control", "", "!override "), oneOf(t, "required", known...))
	},
	func(t *rapid.T) string { return "timeout: " + oneOf(t, "timeout", "1", "2", "3", "2000") },
	func(t *rapid.T) string { return "nodeset: " + oneOf(t, "nodeset", append(nodeSets, "gone")...) },
	func(t *rapid.T) string {
		return "nodeset: " + oneOf(t, "inline nodeset", "{nodes: {name: n, label: l}}", "{nodes: {name: n, label: forbidden}}", "{alternatives: [one, two]}", "{nodes: []}")
	},
	func(t *rapid.T) string {
		return "vars: " + oneOf(t, "vars", "{x: 1}", "{x: {y: 1}}", "{x: {z: 2}}", "!override {x: 3}", "!override {}")
	},
	func(t *rapid.T) string {
		return "dependencies: " + oneOf(t, "dependency", append(jobs, "gone", "[]")...)
	},
	func(t *rapid.T) string {
		return fmt.Sprintf("dependencies: !inherit [{name: %s, soft: true}]", oneOf(t, "dependency", append(jobs, "gone")...))
	},
	func(t *rapid.T) string { return "tags: " + oneOf(t, "tags", "a", "b", "!override [c]") },
	func(t *rapid.T) string {
		return "semaphores: " + oneOf(t, "semaphore", "x", "global", "{name: x, resources-first: true}")
	},
	func(t *rapid.T) string {
		return "override-checkout: " + oneOf(t, "override-checkout", "stable", "wip", "gone")
	},
	func(t *rapid.T) string { return "allowed-projects: " + oneOf(t, "allowed", projects...) },
	func(t *rapid.T) string { return fmt.Sprintf("roles: [{zuul: %s}]", oneOf(t, "role", projects...)) },
	func(t *rapid.T) string {
		return "include-vars: " + oneOf(t, "include-vars", "v.yaml", "{name: v.yaml, project: acme/b}", "{name: v.yaml, project: acme/none}", "{name: v.yaml, zuul-project: true}")
	},
	func(t *rapid.T) string {
		return fmt.Sprintf("attribute-control: {%s: {final: true}}", oneOf(t, "final attribute", "vars", "tags", "dependencies", "files"))
	},
	func(t *rapid.T) string {
		return "files: " + oneOf(t, "files", "src", "[src, docs]", "!inherit [more]", "'^(?!x)'")
	},
	func(*rapid.T) string { return "image-build-name: img" },
}

// drawAttrs is some attributes, each once.
func drawAttrs(t *rapid.T, have string) string {
	out := []string{have}
	if have == "" {
		out = nil
	}
	var seen []string
	for range rapid.IntRange(0, 3).Draw(t, "attributes") {
		a := rapid.SampledFrom(attrs).Draw(t, "attribute")(t)
		key, _, _ := strings.Cut(a, ":")
		if !slices.Contains(seen, key) && !strings.HasPrefix(have, key) {
			seen, out = append(seen, key), append(out, a)
		}
	}
	if rare(t, "wrong attribute") && rapid.Bool().Draw(t, "wrong attribute after all") {
		out = append(out, "runn: x")
	}
	return strings.Join(out, ", ")
}

// drawJob defines a job: one of the project's own names, or sometimes any.
func drawJob(t *rapid.T, p worldProject) string {
	own := ownJobs[p.name]
	if own == nil || rare(t, "another's job") {
		own = slices.Concat(jobs, []string{"noop"})
	}
	run := "run: r.yaml"
	if rapid.IntRange(0, 3).Draw(t, "run") == 3 {
		run = ""
	}
	return fmt.Sprintf("- job: {name: %s%s}\n", oneOf(t, "job", own...), after(", ", drawAttrs(t, run)))
}

// drawObject is one object of a file, as YAML.
func drawObject(t *rapid.T, p worldProject) string {
	kind := rapid.IntRange(0, 29).Draw(t, "kind")
	switch {
	case kind < 12:
		return drawJob(t, p)
	case kind < 16:
		return drawProject(t, p)
	case kind < 18:
		return fmt.Sprintf("- project-template: {name: %s%s%s}\n", oneOf(t, "template", templates...), maybe(t, ", vars: {t: 1}"), drawPipelines(t))
	case kind < 20:
		return fmt.Sprintf("- nodeset: {name: %s, %s}\n", oneOf(t, "nodeset", nodeSets...), drawNodes(t))
	case kind < 22:
		return fmt.Sprintf("- secret: {name: %s, data: {v: %s}}\n", oneOf(t, "secret", append(secrets, "bad-name")...), oneOf(t, "data", "one", "two"))
	case kind == 22:
		return fmt.Sprintf("- semaphore: {name: %s, max: %s}\n", oneOf(t, "semaphore", "x", "global"), oneOf(t, "max", "1", "2"))
	case kind == 23:
		return fmt.Sprintf("- queue: {name: q%s}\n", maybe(t, ", per-branch: true"))
	case kind == 24:
		return fmt.Sprintf("- pipeline: {name: %s, manager: independent%s}\n", oneOf(t, "pipeline", "check", "more"), maybe(t, ", supercedes: "+oneOf(t, "superseded", "check", "more", "gone")))
	case kind == 25:
		return "- pragma: {" + oneOf(t, "pragma", "implied-branch-matchers: true", "implied-branch-matchers: false", "implied-branches: [stable, wip]") + "}\n"
	case kind < 28:
		return drawImage(t)
	case kind == 28:
		return oneOf(t, "wrong object", "- nonsense\n", "- job: {name: broken, runn: x}\n", "- job: {}\n", "- project: {check: {jobs: 3}}\n")
	}
	if rare(t, "broken file") {
		return "]:\n"
	}
	return "# nothing\n"
}

func after(before, s string) string {
	if s == "" {
		return ""
	}
	return before + s
}

func maybe(t *rapid.T, s string) string {
	if rapid.Bool().Draw(t, s) {
		return s
	}
	return ""
}

func drawProject(t *rapid.T, p worldProject) string {
	var parts []string
	add := func(s string) {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if p.trusted || rare(t, "stanza for another project") {
		add("name: " + oneOf(t, "project", append(projects, "'^acme/.*'", "'^acme/[ab]$'", "git.example/acme/a", "'^(?!x)'")...))
	}
	if rapid.IntRange(0, 3).Draw(t, "templates") == 3 {
		add(fmt.Sprintf("templates: [%s]", oneOf(t, "used templates", "t1", "t2", "t1, t2", "t1, t1", "t2, t1", "gone, t1")))
	}
	add(maybe(t, "vars: {p: 1}"))
	if rare(t, "settings") {
		add(oneOf(t, "setting", "queue: q", "queue: none", "merge-mode: squash-merge", "default-branch: stable", "branches: stable", "branches: []"))
	}
	add(strings.TrimPrefix(drawPipelines(t), ", "))
	if len(parts) == 0 {
		add("vars: {p: 1}")
	}
	return "- project: {" + strings.Join(parts, ", ") + "}\n"
}

// drawPipelines is what is done in pipelines, each of them at most once.
func drawPipelines(t *rapid.T) string {
	var out string
	for _, name := range []string{"check", "gate"} {
		if name == "gate" && !rapid.Bool().Draw(t, "in gate") {
			continue
		}
		var entries []string
		for range rapid.IntRange(1, 3).Draw(t, "entries") {
			job, more := oneOf(t, "entry", slices.Concat(jobs, []string{"gone", "noop"})...), ""
			if rapid.Bool().Draw(t, "entry with attributes") {
				more = drawAttrs(t, "")
			}
			if more != "" {
				job = "{" + job + ": {" + more + "}}"
			}
			entries = append(entries, job)
		}
		out += fmt.Sprintf(", %s: {jobs: [%s]%s}", name, strings.Join(entries, ", "), maybe(t, ", fail-fast: true"))
	}
	return out
}

func drawNodes(t *rapid.T) string {
	return oneOf(t, "nodes",
		"nodes: {name: n, label: l1}", "nodes: {name: n, label: l2}", "nodes: [{name: [n, m], label: l1}]",
		"nodes: [{name: n, label: l1}, {name: m, label: l1}, {name: o, label: l1}]", "nodes: {name: n, label: forbidden}",
		"alternatives: [two]", "alternatives: [one, three]", "alternatives: [one, {nodes: {name: n, label: l1}}]", "alternatives: [gone]")
}

func drawImage(t *rapid.T) string {
	return oneOf(t, "image",
		"- image: {name: img, type: zuul}\n", "- image: {name: img, type: cloud}\n", "- flavor: {name: f}\n", "- label: {name: l, image: img, flavor: f}\n",
		"- label: {name: l, image: none, flavor: f}\n", "- section: {name: sec, connection: gitea}\n", "- section: {name: sub, parent: sec}\n", "- section: {name: sec, parent: sub}\n",
		"- provider: {name: p, section: sec, labels: [{name: l}]}\n", "- provider: {name: p, section: sub, images: [{name: img}]}\n")
}

// tweak changes one thing of an object and leaves its name alone.
func tweak(t *rapid.T, object string) string {
	body, end := strings.CutSuffix(object, "}\n")
	name, _, _ := strings.Cut(object, ",")
	switch {
	case !end:
		return object
	case strings.HasPrefix(object, "- job: {name:"):
		more := oneOf(t, "tweak", ", final: true", ", protected: true", ", abstract: true, intermediate: true", ", abstract: true", ", voting: false", ", timeout: 7")
		if key := more[:len(more)-len("true")]; strings.Contains(body, key) {
			return strings.Replace(object, more, "", 1)
		}
		return body + more + "}\n"
	case strings.HasPrefix(object, "- nodeset:") && strings.Contains(object, ","):
		return name + ", " + drawNodes(t) + "}\n"
	case strings.HasPrefix(object, "- secret:"):
		return name + ", data: {v: three}}\n"
	case strings.HasPrefix(object, "- project"):
		return body + maybe(t, ", more: {jobs: [noop]}") + "}\n"
	}
	return object
}
