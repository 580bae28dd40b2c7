package configlang

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

// jobAttrs are the attributes of a job, for hints; jobAttr reads each of them.
var jobAttrs = []string{
	"name", "parent", "description", "variant-description", "final", "abstract", "protected", "intermediate", "voting",
	"hold-following-changes", "match-on-config-updates", "post-review", "timeout", "post-timeout", "attempts", "success-message",
	"failure-message", "success-url", "failure-url", "branches", "files", "irrelevant-files", "tags", "provides", "requires",
	"dependencies", "semaphore", "semaphores", "secrets", "nodeset", "pre-run", "run", "post-run", "cleanup-run", "ansible-version",
	"ansible-split-streams", "roles", "required-projects", "override-checkout", "override-branch", "vars", "extra-vars", "host-vars",
	"group-vars", "include-vars", "allowed-projects", "deduplicate", "failure-output", "workspace-scheme", "workspace-checkout",
	"image-build-name", "attribute-control",
}

func (p *parser) job(n *yaml.Node) *Job {
	j := &Job{Pos: p.stanza.Pos, Override: overrideByDefault}
	p.attributes(n, "the job", jobAttrs, []string{"name"}, func(key string, v *yaml.Node) bool {
		if key == "name" {
			j.Name = p.name(v)
			return true
		}
		return p.jobAttr(j, key, v)
	})
	p.checkJob(j, n)
	return j
}

// variant reads an entry of a project's list of jobs: a name, or {name: attributes}.
func (p *parser) variant(n *yaml.Node) *Job {
	j := &Job{Pos: p.stanza.Pos, Override: overrideByDefault}
	if kindOf(n) == kindString {
		j.Name = p.name(n)
		return j
	}
	if kindOf(n) != kindMapping || len(n.Content) == 0 {
		p.fail(posOf(n), `write "- name" or "- name: {voting: false}"`, "this is not a job, but %s", kindNames[kindOf(n)])
		return j
	}
	key, value := n.Content[0], n.Content[1]
	j.Name = p.name(key)
	if kindOf(value) != kindMapping {
		p.fail(posOf(key), "leave out the colon, or indent the attributes below the name", "the job %q has no attributes", brief(key.Value))
		return j
	}
	if len(n.Content) > 2 {
		p.warn(NameUnknownWarning, posOf(n.Content[2]), "", "write each job as an entry of its own", "only the first job of this entry counts; %q is left out", brief(n.Content[2].Value))
	}
	p.attributes(value, fmt.Sprintf("the job %q", brief(key.Value)), jobAttrs, nil, func(key string, v *yaml.Node) bool { return p.jobAttr(j, key, v) })
	p.checkJob(j, value)
	return j
}

// jobAttr reads one attribute.
func (p *parser) jobAttr(j *Job, key string, v *yaml.Node) bool {
	return p.jobFlag(j, key, v) || p.jobSetting(j, key, v) || p.jobRun(j, key, v) || p.jobList(j, key, v)
}

// jobFlag reads what is true or false.
func (p *parser) jobFlag(j *Job, key string, v *yaml.Node) bool {
	switch key {
	case "final":
		j.Final = p.boolean(v)
	case "abstract":
		j.Abstract = p.boolean(v)
	case "protected":
		j.Protected = p.boolean(v)
	case "intermediate":
		j.Intermediate = p.boolean(v)
	case "voting":
		j.Voting = p.boolean(v)
	case "hold-following-changes":
		j.HoldFollowingChanges = p.boolean(v)
	case "match-on-config-updates":
		j.MatchOnConfigUpdates = p.boolean(v)
	case "ansible-split-streams":
		j.AnsibleSplitStreams = p.boolean(v)
	case "post-review":
		j.PostReview = *p.boolean(v)
		if kindOf(v) == kindBool && !j.PostReview {
			p.fail(posOf(v), "remove it", "Once set, the post-review attribute may not be unset")
		}
	default:
		return false
	}
	return true
}

// jobSetting reads attributes that have one value.
func (p *parser) jobSetting(j *Job, key string, v *yaml.Node) bool {
	switch key {
	case "parent":
		if j.Base = kindOf(v) == kindNull; !j.Base {
			j.Parent = p.name(v)
		}
	case "description":
		j.Description = p.str(v)
	case "variant-description":
		j.VariantDescription = p.str(v)
	case "success-url", "failure-url":
		p.str(v) // Zuul ignores it
	case "timeout":
		j.Timeout = p.optInteger(v)
	case "post-timeout":
		j.PostTimeout = p.optInteger(v)
	case "attempts":
		j.Attempts = p.optInteger(v)
	case "success-message":
		j.SuccessMessage = p.optional(v)
	case "failure-message":
		j.FailureMessage = p.optional(v)
	case "override-branch":
		j.OverrideBranch = p.optional(v)
	case "override-checkout":
		j.OverrideCheckout = p.optional(v)
	case "image-build-name":
		j.ImageBuildName = p.optional(v)
	case "ansible-version":
		j.AnsibleVersion = p.ansibleVersion(v)
	case "workspace-scheme":
		s := p.oneOf(v, "golang", "flat", "unique")
		j.WorkspaceScheme = &s
	case "workspace-checkout":
		j.WorkspaceCheckout = p.boolOrAuto(v)
	case "deduplicate":
		j.Deduplicate = p.boolOrAuto(v)
	case "nodeset":
		p.jobNodeSet(j, v)
	default:
		return false
	}
	return true
}

func (p *parser) boolOrAuto(n *yaml.Node) *string {
	s := "auto"
	if kindOf(n) == kindString && n.Value == s {
		return &s
	}
	if kindOf(n) != kindBool {
		p.wrong(n, "true, false or auto")
		return &s
	}
	s = boolTexts[boolWords[n.Value]]
	return &s
}

// AnsibleVersions that a job may ask for.
var AnsibleVersions = []string{"8", "9", "11"}

// ansibleVersion reads a version, that YAML may take for a number.
func (p *parser) ansibleVersion(n *yaml.Node) *string {
	switch kindOf(n) {
	case kindString, kindInt, kindFloat:
	default:
		p.wrong(n, "a version")
	}
	if !slices.Contains(AnsibleVersions, n.Value) {
		p.fail(posOf(n), fmt.Sprintf("choose one of %v", AnsibleVersions), "Requested ansible version %s not found", brief(n.Value))
	}
	v := n.Value
	return &v
}

func (p *parser) jobNodeSet(j *Job, n *yaml.Node) {
	if kindOf(n) == kindMapping {
		j.NodeSet = p.nodeSet(n, "the nodeset", "")
		return
	}
	name := p.name(n)
	j.NodeSetName = &name
}

// jobRun reads what a job runs and with what.
func (p *parser) jobRun(j *Job, key string, v *yaml.Node) bool {
	switch key {
	case "pre-run":
		j.PreRun = p.playbooks(v, false)
	case "run":
		j.Run = p.playbooks(v, false)
	case "post-run":
		j.PostRun = p.playbooks(v, true)
	case "cleanup-run":
		j.CleanupRun = p.playbooks(v, false)
		for range j.CleanupRun {
			p.warn(NameCleanupRun, posOf(v), key, "write post-run playbooks with cleanup: true", "The cleanup-run job attribute is deprecated.  Replace it with\npost-run playbooks with the `cleanup` attribute set.")
		}
	case "roles":
		p.each(v, func(n *yaml.Node) { p.role(j, n) })
	case "secrets":
		p.each(v, func(n *yaml.Node) { j.Secrets = append(j.Secrets, p.secretUse(n)) })
	case "semaphore", "semaphores":
		var list []JobSemaphore
		p.each(v, func(n *yaml.Node) { list = append(list, p.jobSemaphore(n)) })
		if key == "semaphores" || j.Semaphores == nil {
			j.Semaphores = list
		}
	case "vars":
		j.Vars = p.jobVars(j, AttrVars, v, p.vars)
	case "extra-vars":
		j.ExtraVars = p.jobVars(j, AttrExtraVars, v, p.vars)
	case "host-vars":
		j.HostVars = p.jobVars(j, AttrHostVars, v, p.hostVars)
	case "group-vars":
		j.GroupVars = p.jobVars(j, AttrGroupVars, v, p.hostVars)
	default:
		return false
	}
	return true
}

// jobVars reads variables that may be marked to replace those of the parent.
func (p *parser) jobVars(j *Job, a Attr, n *yaml.Node, read func(*yaml.Node) map[string]any) map[string]any {
	plain, override := p.overridable(n, overrideByDefault.Has(a))
	j.Override = j.Override.set(a, override)
	return read(plain)
}

// jobList reads attributes that are lists.
func (p *parser) jobList(j *Job, key string, v *yaml.Node) bool {
	if at := slices.Index(attrNames, key); at >= 0 {
		a := Attr(at)
		j.Given = j.Given.With(a)
		if a != AttrBranches {
			plain, override := p.overridable(v, overrideByDefault.Has(a))
			v, j.Override = plain, j.Override.set(a, override)
		}
	}
	switch key {
	case "tags":
		j.Tags = sorted(p.strings(v))
	case "provides":
		j.Provides = sorted(p.strings(v))
	case "requires":
		j.Requires = sorted(p.strings(v))
	case "failure-output":
		p.each(v, p.outputRegex)
		j.FailureOutput = sorted(p.strings(v))
	case "dependencies":
		p.each(v, func(n *yaml.Node) { j.Dependencies = append(j.Dependencies, p.dependency(n)) })
	case "required-projects":
		p.each(v, func(n *yaml.Node) { j.RequiredProjects = append(j.RequiredProjects, p.requiredProject(n)) })
	case "include-vars":
		p.each(v, func(n *yaml.Node) { j.IncludeVars = append(j.IncludeVars, p.includeVars(n)) })
	case "allowed-projects":
		j.AllowedProjects = p.strings(v)
	case "branches":
		j.Branches = p.matchers(v, key)
	case "files":
		j.Files = p.matchers(v, key)
	case "irrelevant-files":
		j.IrrelevantFiles = p.matchers(v, key)
	case "attribute-control":
		p.attributeControl(j, v)
	default:
		return false
	}
	return true
}

// sorted is a set as a list.
func sorted(in []string) []string {
	slices.Sort(in)
	return slices.Compact(in)
}

func (p *parser) attributeControl(j *Job, n *yaml.Node) {
	controlled := attrNames[:AttrBranches]
	p.attributes(n, "attribute-control", controlled, nil, func(key string, v *yaml.Node) bool {
		at := slices.Index(controlled, key)
		if at < 0 {
			return false
		}
		p.attributes(v, "the control of "+key, []string{"final"}, nil, func(what string, v *yaml.Node) bool {
			if what != "final" {
				return false
			}
			if !*p.boolean(v) {
				p.fail(posOf(v), "remove it", "an attribute can be made final, and not be made free again")
			}
			j.Finals = j.Finals.With(Attr(at))
			return true
		})
		return true
	})
}

// checkJob checks what needs several attributes.
func (p *parser) checkJob(j *Job, n *yaml.Node) {
	if j.Intermediate != nil && *j.Intermediate && (j.Abstract == nil || !*j.Abstract) {
		p.fail(posOf(n), "add abstract: true", "An intermediate job must also be abstract")
	}
	slices.SortStableFunc(j.Semaphores, func(a, b JobSemaphore) int { return cmpText(a.Name, b.Name) })
	held := map[string]bool{}
	for _, s := range j.Semaphores {
		held[s.Name] = true
	}
	for _, b := range slices.Concat(j.PreRun, j.Run, j.PostRun, j.CleanupRun) {
		for _, s := range b.Semaphores {
			if held[s] {
				p.fail(posOf(n), "use it for one of them", "Semaphore %q specified as both job and playbook semaphore", s)
			}
		}
	}
}
