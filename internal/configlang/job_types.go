package configlang

// Job is one definition of a job, or a variant in a project's list (Zuul: job).
// Fields that are nil were not given. Its attributes and how they combine over
// inheritance are in FEATURES 2.3.
type Job struct {
	Name string
	Pos  Pos

	// Parent is the name that is given; Base says that `parent: null` is.
	Parent string
	Base   bool

	Description        string
	VariantDescription string

	Final, Abstract, Protected, Intermediate *bool
	Voting, HoldFollowingChanges             *bool
	MatchOnConfigUpdates                     *bool
	AnsibleSplitStreams                      *bool
	PostReview                               bool

	Timeout, PostTimeout, Attempts *int64

	SuccessMessage, FailureMessage   *string
	OverrideBranch, OverrideCheckout *string
	AnsibleVersion                   *string
	WorkspaceScheme                  *string
	ImageBuildName                   *string
	// WorkspaceCheckout and Deduplicate are "true", "false" or "auto".
	WorkspaceCheckout, Deduplicate *string

	// NodeSet is written out or named; both are zero when not given.
	NodeSet     *NodeSet
	NodeSetName *string

	PreRun, Run, PostRun, CleanupRun []Playbook
	Roles                            []Role
	Secrets                          []SecretUse
	Semaphores                       []JobSemaphore

	RequiredProjects []RequiredProject
	AllowedProjects  []string
	IncludeVars      []IncludeVars
	Dependencies     []Dependency
	FailureOutput    []string

	Tags, Provides, Requires []string

	// Branches is nil when not given: implied ones hold then.
	Branches, Files, IrrelevantFiles []Matcher

	Vars, ExtraVars, HostVars, GroupVars map[string]any

	// Given has the attributes that are given though they may be empty, Override
	// those that replace what the parent has, Finals those that nobody may change later.
	Given, Override, Finals Attrs
}

// Attr is an attribute that can be combined in two ways or be made final.
type Attr uint8

// Attributes of job.attribute-control.
const (
	AttrRequires Attr = iota
	AttrProvides
	AttrTags
	AttrFiles
	AttrIrrelevantFiles
	AttrRequiredProjects
	AttrVars
	AttrExtraVars
	AttrHostVars
	AttrGroupVars
	AttrIncludeVars
	AttrDependencies
	AttrFailureOutput
	// AttrBranches has no control; it is here for Given.
	AttrBranches
)

var attrNames = []string{
	"requires", "provides", "tags", "files", "irrelevant-files", "required-projects", "vars", "extra-vars",
	"host-vars", "group-vars", "include-vars", "dependencies", "failure-output", "branches",
}

// String is the attribute's name in the language.
func (a Attr) String() string { return attrNames[a] }

// Attrs is a set of attributes.
type Attrs uint16

// Has says whether the attribute is in the set.
func (s Attrs) Has(a Attr) bool { return s&(1<<a) != 0 }

// With adds an attribute.
func (s Attrs) With(a Attr) Attrs { return s | 1<<a }

func (s Attrs) set(a Attr, in bool) Attrs {
	if in {
		return s.With(a)
	}
	return s &^ (1 << a)
}

// overrideByDefault are the attributes that replace the parent's unless marked !inherit.
const overrideByDefault Attrs = 1<<AttrFiles | 1<<AttrIrrelevantFiles | 1<<AttrDependencies

// Playbook is a thing to run: a path in the repository that defines the job.
type Playbook struct {
	Path string
	// Semaphores that it holds while it runs, sorted.
	Semaphores []string
	// Cleanup playbooks run also when the build is aborted.
	Cleanup bool
}

// Role is a repository whose roles playbooks may use.
type Role struct {
	// Project as named.
	Project string
	// Name of the role that the repository itself is, if it is a single one.
	Name string
}

// SecretUse gives a secret to the playbooks of one definition.
type SecretUse struct {
	Name string
	// Alias is the variable that the playbooks see.
	Alias        string
	PassToParent bool
}

// JobSemaphore is a semaphore that the job holds.
type JobSemaphore struct {
	Name string
	// ResourcesFirst asks for nodes before it asks for the semaphore.
	ResourcesFirst bool
}

// RequiredProject is a further repository in the workspace.
type RequiredProject struct {
	Name                             string
	OverrideBranch, OverrideCheckout string
}

// IncludeVars is a file of variables in a repository.
type IncludeVars struct {
	Path string
	// Project as named; empty for the one that defines the job.
	Project string
	// ZuulProject reads it from the repository of the change.
	ZuulProject bool
	Required    bool
	UseRef      bool
}

// Dependency is a job that has to be done before.
type Dependency struct {
	Name string
	// Soft ones may be absent.
	Soft bool
}
