// Package buildspec is what the manager and an executor Pod say to each other:
// the specification of one build that goes in, and the outcome that comes out.
//
// The specification is mounted as a file; keys, tokens and the job's secrets are
// separate files and never part of it. The outcome is the executor's termination
// message, so that it survives in the Pod's status whoever is away.
package buildspec

import (
	"encoding/json"
	"net/url"
	"path"
	"slices"
	"strconv"
	"time"

	"github.com/gozer-dev/gozer/internal/model"
)

// Where things lie in an executor Pod.
const (
	SpecFile      = "/etc/gozer/build/spec.json"
	KeysDir       = "/etc/gozer/keys"
	ClientKeyFile = KeysDir + "/client_key" // OpenSSH private key
	GitTokenFile  = KeysDir + "/git_token"
	LogTokenFile  = KeysDir + "/log_token"
	SecretsDir    = "/etc/gozer/secrets" // only where the job has secrets
	SecretsFile   = SecretsDir + "/secrets.json"
	// ParentsDir has a file for each job that this one depends on, in order, with
	// what that has returned; only where there is any.
	ParentsDir  = "/etc/gozer/parents"
	OutcomeFile = "/dev/termination-log"
	WorkDir     = "/work" // an emptyDir
)

// Where things lie in an executor Pod that runs Ansible, in all of its
// containers that have them at all.
const (
	TrustedDir   = "/gozer/trusted"   // repositories of trusted playbooks and their roles
	UntrustedDir = "/gozer/untrusted" // those of the others
	AnsibleDir   = "/gozer/ansible"   // configuration, inventories, plugins
	RunnersDir   = "/run/gozer"       // a directory for each container, and that of the SSH agent
	RunnerSocket = "runner.sock"      // of a container, in its directory
)

// Containers of an executor Pod that run playbooks; also the names of their directories.
const (
	RunnerTrusted   = "trusted"
	RunnerUntrusted = "untrusted"
	// SSHAgentDir is the directory of the SSH agent's socket.
	SSHAgentDir = "agent"
)

// Where things lie in a node Pod.
const (
	AgentBinary       = "/gozer/gozer"
	HostKeyFile       = "/etc/gozer/node/host_key"       // OpenSSH private key
	AuthorizedKeyFile = "/etc/gozer/node/authorized_key" // one line of authorized_keys
	SSHPort           = 10022
	ConsolePort       = 19885
)

// MaxOutcomeBytes is what Kubernetes keeps of a termination message.
const MaxOutcomeBytes = 4096

// Spec is one attempt of one build.
type Spec struct {
	Tenant   string `json:"tenant"`
	Pipeline string `json:"pipeline"`
	// Item is the name of the queue item.
	Item     string `json:"item"`
	BuildSet string `json:"buildset"`
	// Build is the name of the Build; unique in the tenant.
	Build   string `json:"build"`
	Job     string `json:"job"`
	Attempt int    `json:"attempt"`
	// MaxAttempts is the job's `attempts`.
	MaxAttempts int  `json:"maxAttempts"`
	Voting      bool `json:"voting"`

	Change Change `json:"change"`
	// Items are all changes that the tested state has beyond the branches, in merge order, this one last.
	Items []Change `json:"items,omitempty"`

	// BuildRefs are the changes that the build is for, BuildSetRefs those of its item.
	BuildRefs    []Change `json:"buildRefs,omitempty"`
	BuildSetRefs []Change `json:"buildSetRefs,omitempty"`
	// Messages are what authors say of changes, by Change.Key; some may be left out.
	// They are a stranger's words.
	Messages map[string]string `json:"messages,omitempty"`
	// EventID is the name of the event that brought the item in.
	EventID string `json:"eventID,omitempty"`
	// ChildJobs are the jobs that depend on this one directly.
	ChildJobs []string `json:"childJobs,omitempty"`

	// GitURL + "/" + canonical project name is the repository to fetch; its
	// branches are the prepared states. The password is the git token.
	GitURL string `json:"gitURL"`
	// GitAuthority is the certificate, in PEM, that whoever answers at GitURL is
	// checked with; without it, those of the system are taken.
	GitAuthority string `json:"gitAuthority,omitempty"`
	// LogURL takes the build's log (see executor.LogUploader); authorised by the log token.
	LogURL string `json:"logURL"`
	// ResultURL takes what the build returns; authorised by the log token.
	ResultURL string `json:"resultURL,omitempty"`
	// ProgressURL takes a Progress, and answers with a Resume; authorised by the log token.
	ProgressURL string `json:"progressURL,omitempty"`

	// SemaphoresURL takes a SemaphoreAsk, and answers with a SemaphoreAnswer.
	SemaphoresURL string `json:"semaphoresURL,omitempty"`

	Projects []Checkout `json:"projects"`

	PreRun  []Playbook `json:"preRun,omitempty"`
	Run     []Playbook `json:"run"`
	PostRun []Playbook `json:"postRun,omitempty"`

	// TimeoutSeconds bounds pre-run and run together; 0 is no limit.
	TimeoutSeconds int64 `json:"timeoutSeconds,omitempty"`
	// PostTimeoutSeconds bounds each post-run playbook; 0 is no limit.
	PostTimeoutSeconds int64 `json:"postTimeoutSeconds,omitempty"`

	Nodes []Node         `json:"nodes"`
	Vars  map[string]any `json:"vars,omitempty"`
	// IncludeVars are files of variables; later ones count more, and Vars more than any.
	IncludeVars []IncludeVars `json:"includeVars,omitempty"`
	// ExtraVars, HostVars by host and GroupVars by group are for Ansible only.
	ExtraVars map[string]any            `json:"extraVars,omitempty"`
	HostVars  map[string]map[string]any `json:"hostVars,omitempty"`
	GroupVars map[string]map[string]any `json:"groupVars,omitempty"`
	// WorkspaceScheme says where repositories are below src: see SrcDir.
	WorkspaceScheme string `json:"workspaceScheme,omitempty"`
	// PostReview pipelines run what was reviewed.
	PostReview bool `json:"postReview,omitempty"`
	// Artifacts of builds of changes ahead that provide what the job requires, and of
	// jobs that it depends on.
	Artifacts []Artifact `json:"artifacts,omitempty"`
	// Tags of the job (Zuul: jobtags).
	Tags []string `json:"tags,omitempty"`
	// LeftOut is what there was no room for, in words.
	LeftOut []string `json:"leftOut,omitempty"`
	// FailureOutput are expressions; a line of the output of run that begins with
	// what one describes makes the build fail.
	FailureOutput []string `json:"failureOutput,omitempty"`
}

// Progress is what an executor says of an attempt that has not ended. What was
// said stays said.
type Progress struct {
	// Paused attempts have run, and wait for the jobs that depend on theirs.
	Paused bool `json:"paused,omitempty"`
	// Failing is why the attempt is known to fail.
	Failing string `json:"failing,omitempty"`
}

// Resume is what the manager says to a paused attempt.
type Resume struct {
	Resume bool `json:"resume"`
}

// SemaphoreAsk says which semaphores an attempt needs now, in place of what it said
// before: all of one playbook, or none.
type SemaphoreAsk struct {
	Names []string `json:"names"`
}

// SemaphoreAnswer says whether it has all of them.
type SemaphoreAnswer struct {
	Held bool `json:"held"`
}

// SrcDir is where the repository of a project is in the workspace: by its
// canonical name, unless the job's workspace-scheme is flat, the last part of its
// name, or unique, its name in one part.
func (s *Spec) SrcDir(p model.Project) string {
	switch s.WorkspaceScheme {
	case "flat":
		return "src/" + path.Base(p.Name)
	case "unique":
		return "src/" + url.QueryEscape(p.Name)
	}
	return "src/" + p.Canonical()
}

// Ansible says whether the build runs a playbook of Ansible.
func (s *Spec) Ansible() bool { return slices.ContainsFunc(s.Playbooks(), Playbook.Ansible) }

// Scripts says whether the build runs a script.
func (s *Spec) Scripts() bool {
	return slices.ContainsFunc(s.Playbooks(), func(p Playbook) bool { return !p.Ansible() })
}

// Trusted says whether the build runs a trusted playbook of Ansible.
func (s *Spec) Trusted() bool {
	return slices.ContainsFunc(s.Playbooks(), func(p Playbook) bool { return p.Trusted && p.Ansible() })
}

// How long each cleanup playbook may take when the build was stopped, and all of them.
const (
	MaxCleanup    = 5 * time.Minute
	maxAllCleanup = 30 * time.Minute
)

// CleanupTime is how long the build may clean up after it was stopped.
func (s *Spec) CleanupTime() time.Duration {
	var out time.Duration
	for _, p := range s.PostRun {
		if p.Cleanup {
			out += MaxCleanup
		}
	}
	return min(out, maxAllCleanup)
}

// Playbooks are all that the build runs, in order.
func (s *Spec) Playbooks() []Playbook { return slices.Concat(s.PreRun, s.Run, s.PostRun) }

// Change is the change as jobs see it (the `zuul.*` variables of FEATURES 5.2).
type Change struct {
	Project  model.Project `json:"project"`
	Number   int64         `json:"number,omitempty"`
	Patchset string        `json:"patchset,omitempty"`
	Branch   string        `json:"branch,omitempty"`
	Ref      string        `json:"ref,omitempty"`
	URL      string        `json:"url,omitempty"`
	Head     string        `json:"head,omitempty"`
	// OldRev of a branch or tag that was pushed.
	OldRev string `json:"oldRev,omitempty"`
}

// Key of a version of a change.
func (c Change) Key() string {
	return c.Project.Canonical() + "#" + strconv.FormatInt(c.Number, 10) + "," + c.Patchset
}

// Checkout is one repository of the workspace.
type Checkout struct {
	Project model.Project `json:"project"`
	// Branch that is checked out, or else the Tag.
	Branch string `json:"branch,omitempty"`
	Tag    string `json:"tag,omitempty"`
	// Commit that the branch has in the tested state, or the commit of the tag.
	Commit string `json:"commit"`
	// Required is true for the job's required-projects.
	Required bool `json:"required,omitempty"`
}

// Playbook is one thing to run: a playbook of Ansible, or a script on the first node.
type Playbook struct {
	// Path inside the repository, e.g. "ci/test.sh".
	Path    string        `json:"path"`
	Project model.Project `json:"project"`
	Branch  string        `json:"branch"`
	Commit  string        `json:"commit"`
	Trusted bool          `json:"trusted,omitempty"`
	// Secrets that this playbook gets; they are in the SecretsFile.
	Secrets []PlaybookSecret `json:"secrets,omitempty"`
	// Roles are the repositories in which the playbook finds roles, in order.
	Roles []Role `json:"roles,omitempty"`
	// Semaphores that the build holds while the playbook runs, sorted.
	Semaphores []string `json:"semaphores,omitempty"`
	// Nesting is how far the definition with this playbook is from the base job. A
	// post-run playbook runs when as much of pre-run was begun.
	Nesting int `json:"nesting,omitempty"`
	// Cleanup playbooks run whatever happened, and do not count.
	Cleanup bool `json:"cleanup,omitempty"`
}

// Ansible says whether it is a playbook of Ansible; anything else is a script.
func (p Playbook) Ansible() bool { return IsAnsible(p.Path) }

// IsAnsible tells playbooks of Ansible by their names.
func IsAnsible(file string) bool {
	ext := path.Ext(file)
	return ext == ".yaml" || ext == ".yml"
}

// IncludeVars is a file of variables in a repository.
type IncludeVars struct {
	Path    string        `json:"path"`
	Project model.Project `json:"project"`
	// Branch that is checked out, or else the Tag; Commit is where it is.
	Branch   string `json:"branch,omitempty"`
	Tag      string `json:"tag,omitempty"`
	Commit   string `json:"commit"`
	Trusted  bool   `json:"trusted,omitempty"`
	Required bool   `json:"required,omitempty"`
}

// Role is a repository with roles, or one that is a role.
type Role struct {
	Project model.Project `json:"project"`
	// Branch that is checked out, or else the Tag; Commit is where it is.
	Branch string `json:"branch,omitempty"`
	Tag    string `json:"tag,omitempty"`
	Commit string `json:"commit"`
	// Name of the role that the repository is, if it is one.
	Name string `json:"name"`
	// Implicit roles may be missing: the repository only defines the job.
	Implicit bool `json:"implicit,omitempty"`
}

// PlaybookSecret names a secret, and says under which name the playbook gets it.
type PlaybookSecret struct {
	Alias  string `json:"alias"`
	Secret string `json:"secret"`
}

// Secrets is what the SecretsFile has: the job's secrets by name, decrypted.
type Secrets map[string]json.RawMessage

// Node is one node of the build's nodeset.
type Node struct {
	Name    string `json:"name"`
	Label   string `json:"label"`
	Address string `json:"address"`
	Port    int32  `json:"port"`
	User    string `json:"user"`
	// HostKey is the node's public key, one line of authorized_keys form.
	HostKey string `json:"hostKey"`
	// Key is the file with the private key that opens the node, beside that of the
	// build; empty when it is the build's.
	Key string `json:"key,omitempty"`
	// Home is where the workspace goes on the node.
	Home string `json:"home"`
	// Python is the interpreter that Ansible uses there; it looks for one when it is empty.
	Python string   `json:"python,omitempty"`
	Groups []string `json:"groups,omitempty"`
}

// Outcome is what became of one attempt.
type Outcome struct {
	// Result is SUCCESS, FAILURE, TIMED_OUT, POST_FAILURE, ERROR, or RETRY
	// when the attempt says nothing about the change (node lost, fetch failed,
	// pre-run failed).
	Result model.BuildResult `json:"result"`
	// Reason in words for the author of the change; one line.
	Reason string `json:"reason,omitempty"`
	// FirstFailure is the first line of the log that tells what failed, if it could be found.
	FirstFailure string `json:"firstFailure,omitempty"`
	ExitCode     int    `json:"exitCode,omitempty"`
	// Returned says that the build has returned something, and that it was stored.
	Returned bool `json:"returned,omitempty"`
	// LogBytes is the length of the complete log that was stored; -1 when it could not be stored.
	LogBytes int64 `json:"logBytes"`
}
