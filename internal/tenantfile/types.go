package tenantfile

// File is a tenant file.
type File struct {
	// Tenants in the order of the file.
	Tenants            []Tenant
	GlobalSemaphores   []GlobalSemaphore
	AuthorizationRules []AuthorizationRule
	// APIRoot is nil when the file has none.
	APIRoot *APIRoot
	// Ignored lists what was accepted and has no effect.
	Ignored []Ignored
}

// Values that apply where the file says nothing.
const (
	DefaultMaxNodesPerJob = 5
	DefaultMaxJobTimeout  = 10800
	DefaultParent         = "base"
)

// Tenant is a set of repositories that are configured together.
type Tenant struct {
	Name string
	// Line of the file, from 1; 0 when it comes from elsewhere.
	Line int
	// MaxDependencies of a change, and MaxChangesPerPipeline; nil is no bound, 0 allows none.
	MaxDependencies, MaxChangesPerPipeline *int32
	// MaxNodesPerJob; -1 is no bound.
	MaxNodesPerJob int32
	// MaxJobTimeout in seconds; -1 is no bound.
	MaxJobTimeout int64
	// ExcludeUnprotectedBranches and ExcludeLockedBranches unless a project says otherwise.
	ExcludeUnprotectedBranches, ExcludeLockedBranches bool
	// DefaultParent of jobs that name none.
	DefaultParent string
	// DefaultAnsibleVersion of jobs that name none; "" is the program's own.
	DefaultAnsibleVersion string
	// AllowedTriggers and AllowedReporters are names of connections; nil allows all, an empty list none.
	AllowedTriggers, AllowedReporters []string
	// AllowedLabels and DisallowedLabels are regular expressions; nil allows all and forbids none.
	AllowedLabels, DisallowedLabels []string
	// WebRoot begins the links in reports, and ends with a slash; "" is the installation's own.
	WebRoot string
	// AuthenticationRealm that the web interface sends people to.
	AuthenticationRealm string
	// AdminRules and AccessRules are names of authorization rules.
	AdminRules, AccessRules []string
	// Semaphores are names of global semaphores that jobs may use.
	Semaphores []string
	// Sources in the order of the file.
	Sources []Source
}

// Source lists the projects of one connection, each list in the order of the file.
type Source struct {
	Connection                        string
	ConfigProjects, UntrustedProjects []Project
}

// Project is a repository of a tenant.
type Project struct {
	Name string
	// Include are the classes of objects that are loaded, sorted and never nil.
	Include []string
	// Shadow names projects whose jobs this one may define as well; its own are left out then.
	Shadow []string
	// ExcludeUnprotectedBranches and ExcludeLockedBranches; nil is what the tenant says.
	ExcludeUnprotectedBranches, ExcludeLockedBranches *bool
	// IncludeBranches are regular expressions for whole names. nil is not
	// given; an empty list includes no branch. It wins over ExcludeBranches.
	IncludeBranches []string
	// ExcludeBranches are regular expressions for whole names, those of AlwaysDynamicBranches too.
	ExcludeBranches []string
	// AlwaysDynamicBranches are regular expressions for branches whose
	// configuration is read for changes that are proposed to them only.
	AlwaysDynamicBranches []string
	// ImpliedBranchMatchers forces them on or off; nil leaves it to the number of branches.
	ImpliedBranchMatchers *bool
	// ExtraConfigPaths are files, or folders with a slash at the end.
	ExtraConfigPaths []string
	// LoadBranch is the branch that a config project is read from; "" is the
	// default branch. It means nothing for an untrusted project.
	LoadBranch string
	// ConfigureProjects are regular expressions for whole names of untrusted
	// projects whose stanzas this untrusted project may write.
	ConfigureProjects []string
}

// GlobalSemaphore is shared by the tenants that name it.
type GlobalSemaphore struct {
	Name string
	Max  int32
}

// AuthorizationRule says which users are meant: those whose claims fulfil one of the conditions.
type AuthorizationRule struct {
	Name string
	// Conditions: one of the list must hold, with everything that it says.
	Conditions []map[string]any
}

// APIRoot says who may use what belongs to no tenant.
type APIRoot struct {
	AuthenticationRealm string
	AccessRules         []string
}

// Ignored is a key or object that is accepted and has no effect.
type Ignored struct {
	Line int
	// Tenant and Project that it is in; may be empty.
	Tenant, Project string
	// Key as it is written.
	Key string
	// Reason why it has no effect.
	Reason string
}

// Member is a project of a tenant, and how it is one.
type Member struct {
	Connection string
	Trusted    bool
	Project    Project
}

// Projects in the order in which their configuration is read: all config
// projects, then all untrusted ones.
func (t *Tenant) Projects() []Member {
	var trusted, untrusted []Member
	for _, s := range t.Sources {
		for _, p := range s.ConfigProjects {
			trusted = append(trusted, Member{Connection: s.Connection, Trusted: true, Project: p})
		}
		for _, p := range s.UntrustedProjects {
			untrusted = append(untrusted, Member{Connection: s.Connection, Project: p})
		}
	}
	return append(trusted, untrusted...)
}
