package jobgraph

import (
	"fmt"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/layout"
)

// Job is a job with all its parents and variants applied. It is shared and not
// to be written to.
type Job struct {
	Name string
	// Change is the index of the change that it is for; Others are those of
	// further changes whose job is the same.
	Change int
	Others []int

	Voting, HoldFollowingChanges bool
	MatchOnConfigUpdates         bool
	Final                        bool
	// Protected is that of the definition that inheritance begins with.
	Protected  bool
	PostReview bool

	// Timeout and PostTimeout are in seconds; nil is no limit.
	Timeout, PostTimeout *int64
	Attempts             int64

	SuccessMessage, FailureMessage   *string
	OverrideBranch, OverrideCheckout *string
	AnsibleSplitStreams              *bool
	// AnsibleVersion is the tenant's default where no variant names one.
	AnsibleVersion string
	// Deduplicate and WorkspaceCheckout are "true", "false" or "auto".
	Deduplicate, WorkspaceScheme, WorkspaceCheckout string
	ImageBuildName                                  string

	// NodeSets are tried in order; there is at least one, which may be empty.
	NodeSets     []*configlang.NodeSet
	Dependencies []configlang.Dependency // sorted by name
	Semaphores   []configlang.JobSemaphore

	Tags, Provides, Requires []string // sorted
	FailureOutput            []string // sorted
	// AllowedProjects by name, sorted; nil allows all.
	AllowedProjects  []string
	RequiredProjects []configlang.RequiredProject // by canonical name
	IncludeVars      []layout.IncludeVars

	PreRun, Run, PostRun, CleanupRun []Playbook
	Roles                            []layout.Role

	Vars, ExtraVars, HostVars, GroupVars map[string]any

	// Files and IrrelevantFiles are nil when not given, and sorted.
	Files, IrrelevantFiles []configlang.Matcher

	// Path has every variant that was applied, in order.
	Path []*layout.Job

	abstract, intermediate bool
	ignoreAllowed          bool
	// protectedBy is the project that protects the job, "" for none.
	protectedBy string
	finals      configlang.Attrs
	nodeSet     *configlang.NodeSet
	nodeSetName *string
	branches    string
	// offFiles says that the change touches none of the job's files.
	offFiles bool
}

// Dependency is an edge of the graph.
type Dependency = configlang.Dependency

// Playbook is one thing to run, and where it is from.
type Playbook struct {
	Path   string
	Origin *layout.Origin
	// NestingLevel counts the definitions below the one that it is from.
	NestingLevel int
	Roles        []layout.Role
	Secrets      []Secret
	Semaphores   []string
	Cleanup      bool
}

// Secret is private data that a playbook sees.
type Secret struct {
	// Alias is the variable.
	Alias string
	Def   *layout.Def[configlang.Secret]
	// Project whose key decrypts it.
	Project *layout.Project
}

// Error says which rule of the configuration is broken, for the author of the change.
type Error struct {
	// Kind is Zuul's name of the error.
	Kind    string
	Message string
}

func (e *Error) Error() string { return e.Message }

// Kinds of errors.
const (
	kindConfiguration = "JobConfigurationError"
	kindTemplate      = "TemplateNotFoundError"
	kindNotDefined    = "JobNotDefinedError"
	kindNodeset       = "NodesetNotFoundError"
	kindSecret        = "SecretNotFoundError"
	kindCycle         = "Exception"
)

func errorf(kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// String shows the job as Zuul does: the definition that it began with.
func (j *Job) String() string {
	if len(j.Path) == 0 {
		return "<Job " + j.Name + ">"
	}
	return fmt.Sprintf("<Job %s branches: %s source: %s#%d>", j.Name, j.branches, j.Path[0].Origin, j.Path[0].Line())
}

func variantText(v *layout.Job) string {
	return fmt.Sprintf("<Job %s branches: %s source: %s#%d>", v.Name, v.BranchText(), v.Origin, v.Line())
}

// PathText is the inheritance path, one line for each variant.
func (j *Job) PathText() []string {
	out := make([]string, len(j.Path))
	for i, v := range j.Path {
		out[i] = fmt.Sprintf("%s %s#%d", v.Name, v.Origin, v.Line())
	}
	return out
}
