package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// TenantSpec says which repositories form the tenant and what they may do.
// It stands for one `tenant` of Zuul's tenant file.
type TenantSpec struct {
	// sources lists the repositories by connection. A repository may be in several tenants.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +listType=map
	// +listMapKey=connection
	Sources []TenantSource `json:"sources"`

	// defaultParent is the parent of jobs that name none.
	// A job without a parent is a base job when this is empty.
	// +optional
	// +kubebuilder:default=base
	// +kubebuilder:validation:MaxLength=255
	DefaultParent string `json:"defaultParent,omitempty"`

	// defaultAnsibleVersion of jobs that name none, e.g. "11"; Gozer's own default when unset.
	// +optional
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:Pattern=`^[0-9A-Za-z][0-9A-Za-z.]*$`
	DefaultAnsibleVersion string `json:"defaultAnsibleVersion,omitempty"`

	// maxNodesPerJob bounds the nodes of one job; -1 is no bound.
	// +optional
	// +kubebuilder:default=5
	// +kubebuilder:validation:Minimum=-1
	MaxNodesPerJob int32 `json:"maxNodesPerJob,omitempty"`

	// maxJobTimeout bounds, in seconds, what a job may ask for; -1 is no bound.
	// It does not supply a timeout to a job that has none.
	// +optional
	// +kubebuilder:default=10800
	// +kubebuilder:validation:Minimum=-1
	MaxJobTimeout int64 `json:"maxJobTimeout,omitempty"`

	// maxDependencies bounds how many changes one change may depend on,
	// directly or through others. Unset is no bound; 0 allows none.
	// +optional
	// +kubebuilder:validation:Minimum=0
	MaxDependencies *int32 `json:"maxDependencies,omitempty"`

	// maxChangesPerPipeline bounds the changes in one pipeline, over all its
	// queues: those that are there because others need them count, and so does
	// every change of a cycle. Unset is no bound; 0 allows none.
	// +optional
	// +kubebuilder:validation:Minimum=0
	MaxChangesPerPipeline *int32 `json:"maxChangesPerPipeline,omitempty"`

	// excludeUnprotectedBranches leaves out branches that the code host does not
	// protect: no configuration is read from them, and nothing is started by
	// them. It has no effect where the code host knows no protection.
	// +optional
	ExcludeUnprotectedBranches bool `json:"excludeUnprotectedBranches,omitempty"`

	// excludeLockedBranches leaves out branches that the code host says are
	// read-only. It has no effect where the code host knows no locks.
	// +optional
	ExcludeLockedBranches bool `json:"excludeLockedBranches,omitempty"`

	// allowedTriggers are the connections that pipelines may be triggered by.
	// Unset allows all; an empty list allows none. A pipeline that names another is an error.
	// +optional
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=63
	// +listType=atomic
	AllowedTriggers *[]string `json:"allowedTriggers,omitempty"`

	// allowedReporters are the connections that pipelines may report to.
	// Unset allows all; an empty list allows none. A pipeline that names another is an error.
	// +optional
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=63
	// +listType=atomic
	AllowedReporters *[]string `json:"allowedReporters,omitempty"`

	// allowedLabels are regular expressions; the label of a node must begin with
	// a match of one of them. Unset or empty allows all.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=1000
	// +listType=atomic
	AllowedLabels []string `json:"allowedLabels,omitempty"`

	// disallowedLabels are regular expressions; no label of a node may begin
	// with a match of one of them, even if it is allowed otherwise.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=1000
	// +listType=atomic
	DisallowedLabels []string `json:"disallowedLabels,omitempty"`

	// semaphores are the global semaphores that jobs of the tenant may use: Semaphores
	// in the operator's namespace. A semaphore of the tenant's own with such a name is an error.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=255
	// +listType=set
	Semaphores []string `json:"semaphores,omitempty"`

	// webRoot begins the links in reports, e.g. "https://ci.example.com/"; the installation's own when unset.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^https?://[^\s]+$`
	WebRoot string `json:"webRoot,omitempty"`

	// authenticationRealm is where the web interface would send people to log
	// in. It is kept for what is to come: nothing reads it yet.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	AuthenticationRealm string `json:"authenticationRealm,omitempty"`

	// adminRules are names of Zuul's authorization rules for those who may
	// enqueue, dequeue and hold. They are kept for whoever writes the roles:
	// Kubernetes RBAC in the tenant's namespace says who may do what.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=255
	// +listType=atomic
	AdminRules []string `json:"adminRules,omitempty"`

	// accessRules are names of Zuul's authorization rules for those who may
	// look. They are kept as adminRules are, and have no effect either.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=255
	// +listType=atomic
	AccessRules []string `json:"accessRules,omitempty"`
}

// TenantSource lists repositories of one connection.
type TenantSource struct {
	// connection is the name of a Connection that allows this tenant.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Connection string `json:"connection"`

	// configProjects are trusted: they may define pipelines and configure
	// other projects; changes to their configuration are in force only after they merged.
	// +optional
	// +kubebuilder:validation:MaxItems=256
	// +listType=map
	// +listMapKey=name
	ConfigProjects []TenantProject `json:"configProjects,omitempty"`

	// untrustedProjects configure themselves; a change to their configuration
	// is in force for its own jobs before it merges.
	// +optional
	// +kubebuilder:validation:MaxItems=8192
	// +listType=map
	// +listMapKey=name
	UntrustedProjects []TenantProject `json:"untrustedProjects,omitempty"`
}

// TenantProject is one repository of a tenant.
type TenantProject struct {
	// name is the path of the repository on its host, e.g. "acme/api".
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_.][A-Za-z0-9_./+~-]*$`
	Name string `json:"name"`

	// include names the classes of configuration objects that are loaded from
	// this repository. Unset loads pipeline (of a config project only), job,
	// project, project-template, nodeset, queue, semaphore and secret; image,
	// flavor, label, section and provider must be named. An empty list loads nothing.
	// +optional
	// +kubebuilder:validation:MaxItems=16
	// +listType=set
	Include *[]ConfigClass `json:"include,omitempty"`

	// exclude names classes that are not loaded, out of those that include names or that are loaded by default.
	// +optional
	// +kubebuilder:validation:MaxItems=16
	// +listType=set
	Exclude []ConfigClass `json:"exclude,omitempty"`

	// shadow names projects, earlier in the tenant, whose jobs this one may
	// define as well; its own definitions of those are left out.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=512
	// +listType=atomic
	Shadow []string `json:"shadow,omitempty"`

	// excludeUnprotectedBranches overrides what the tenant says; unset is the tenant's.
	// +optional
	ExcludeUnprotectedBranches *bool `json:"excludeUnprotectedBranches,omitempty"`

	// excludeLockedBranches overrides what the tenant says; unset is the tenant's.
	// +optional
	ExcludeLockedBranches *bool `json:"excludeLockedBranches,omitempty"`

	// includeBranches are regular expressions for whole names of branches. When
	// set, no other branch counts: none gives configuration or starts anything.
	// An empty list includes no branch. It wins over excludeBranches.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=1000
	// +listType=atomic
	IncludeBranches *[]string `json:"includeBranches,omitempty"`

	// excludeBranches are regular expressions for whole names of branches that do not count.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=1000
	// +listType=atomic
	ExcludeBranches []string `json:"excludeBranches,omitempty"`

	// alwaysDynamicBranches are regular expressions for whole names of branches
	// whose configuration counts only for changes that are proposed to them.
	// They are excluded otherwise, so nothing runs there after a merge or at a time.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=1000
	// +listType=atomic
	AlwaysDynamicBranches []string `json:"alwaysDynamicBranches,omitempty"`

	// impliedBranchMatchers says whether jobs and templates hold only on the
	// branch that they are defined on. Unset: only if the repository has several branches.
	// +optional
	ImpliedBranchMatchers *bool `json:"impliedBranchMatchers,omitempty"`

	// loadBranch is the branch that a config project is read from; its default
	// branch when unset. It means nothing for an untrusted project.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	LoadBranch string `json:"loadBranch,omitempty"`

	// extraConfigPaths are further files, or folders with a trailing slash, to read configuration from.
	// +optional
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=255
	// +listType=set
	ExtraConfigPaths []string `json:"extraConfigPaths,omitempty"`

	// configureProjects are regular expressions for whole names of untrusted
	// projects, with or without the host, whose project stanzas this untrusted
	// project may write: it can make jobs run on their changes. None may match a config project.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=1000
	// +listType=atomic
	ConfigureProjects []string `json:"configureProjects,omitempty"`
}

// ConfigClass is a class of configuration objects.
// +kubebuilder:validation:Enum=pipeline;job;project;project-template;nodeset;queue;semaphore;secret;image;flavor;label;section;provider
type ConfigClass string

// TenantStatus is written by the tenant controller.
type TenantStatus struct {
	// observedGeneration is the generation of the spec that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// layout is the configuration in force.
	// +optional
	Layout *TenantLayout `json:"layout,omitempty"`

	// errors found in the configuration, at most 100. An object with an error
	// is left out; everything else is in force.
	// +optional
	// +kubebuilder:validation:MaxItems=100
	// +listType=atomic
	Errors []ConfigError `json:"errors,omitempty"`

	// errorCount is the number of all errors, also of those not listed.
	// +optional
	ErrorCount int32 `json:"errorCount,omitempty"`

	// warningCount is the number of all warnings: old forms that still work.
	// +optional
	WarningCount int32 `json:"warningCount,omitempty"`

	// conditions: Ready is true when the configuration was read; its reason is
	// Loaded, LoadedWithErrors, ConnectionNotReady, NamespaceTaken or LoadFailed.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// TenantLayout tells which commits the configuration in force was read from.
type TenantLayout struct {
	// digest over the spec and every branch head that was read.
	// +kubebuilder:validation:MaxLength=64
	Digest string `json:"digest"`
	// heads that were read: one for each branch of each project.
	// +optional
	// +kubebuilder:validation:MaxItems=4096
	// +listType=atomic
	Heads []ConfigHead `json:"heads,omitempty"`
	// projects, pipelines and jobs in the layout.
	// +optional
	Projects int32 `json:"projects,omitempty"`
	// +optional
	Pipelines int32 `json:"pipelines,omitempty"`
	// +optional
	Jobs int32 `json:"jobs,omitempty"`
}

// ConfigHead is a branch from which configuration was read.
type ConfigHead struct {
	// project is the canonical name, "host/path".
	// +kubebuilder:validation:MaxLength=512
	Project string `json:"project"`
	// +kubebuilder:validation:MaxLength=255
	Branch string `json:"branch"`
	// +kubebuilder:validation:MaxLength=64
	Commit string `json:"commit"`
}

// ConfigError is one error or warning in configuration.
type ConfigError struct {
	// severity is "error" or "warning".
	// +kubebuilder:validation:Enum=error;warning
	Severity string `json:"severity"`
	// name of the error as Zuul names it, e.g. "Nodeset Not Found".
	// +optional
	// +kubebuilder:validation:MaxLength=100
	Name string `json:"name,omitempty"`
	// project, branch, file, line and column of the place; line and column count from 1.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Project string `json:"project,omitempty"`
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Branch string `json:"branch,omitempty"`
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	File string `json:"file,omitempty"`
	// +optional
	Line int32 `json:"line,omitempty"`
	// +optional
	Column int32 `json:"column,omitempty"`
	// message says what is wrong and what to do.
	// +kubebuilder:validation:MaxLength=4096
	Message string `json:"message"`
}

// Tenant is one isolated user of the gate: its repositories, their
// configuration, its pipelines and queues. It owns the namespace it is in.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:categories=gozer
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Projects",type=integer,JSONPath=`.status.layout.projects`
// +kubebuilder:printcolumn:name="Jobs",type=integer,JSONPath=`.status.layout.jobs`
// +kubebuilder:printcolumn:name="Errors",type=integer,JSONPath=`.status.errorCount`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Tenant struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says which repositories form the tenant.
	Spec TenantSpec `json:"spec"`
	// status tells which configuration is in force and what is wrong with it.
	// +optional
	Status TenantStatus `json:"status,omitempty"`
}

// TenantList is a list of Tenants.
//
// +kubebuilder:object:root=true
type TenantList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Tenant `json:"items"`
}
